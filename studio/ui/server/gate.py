"""What of Gradio is let through: named routes, whole and typed calls, files and sessions of who asks.

Gradio has some ninety routes and trusts what comes in. The gate stands right before it: a route that is not listed is
not found, a call is read here, checked here and written anew, so that Gradio sees nothing that was not understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import gradio as gr
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.errors import InputError, NotFoundError, StudioError
from studio.ui.arguments import arguments_of, check, check_all, event_arguments, event_data, parse
from studio.ui.identity import http_status, identity_of
from studio.ui.server.guard import inner_path, refusal
from studio.ui.server.limits import Limits, Refused, read_body, replay
from studio.ui.server.sessions import Sessions
from studio.ui.uploads import Uploads

_NAME = r"[A-Za-z0-9_-]{1,64}"
Session = Annotated[str, Field(pattern=f"^{_NAME}$")]
_READ = re.compile(
    r"/|/(config|logout|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?|/(assets|static|svelte)/[^\0]{1,200}"
    r"|/gradio_api/(info|openapi\.json|app_id|user|startup-events|theme\.css|login_check|queue/status|upload_progress)/?"
    rf"|/gradio_api/(queue/data|heartbeat/(?P<session>{_NAME})|call/{_NAME}/(?P<event>{_NAME}))"
)
_CALL = re.compile(rf"/gradio_api/(?P<way>call|run|api)/(?P<name>{_NAME})/?")


class Call(BaseModel):
    """The body of a call of an event or endpoint."""

    model_config = ConfigDict(extra="ignore")
    data: list[Any] = []
    fn_index: int | None = None
    session_hash: Session | None = None
    event_data: Any = None
    trigger_id: int | None = None


class ComponentCall(BaseModel):
    """The body of a call of a component's server function."""

    model_config = ConfigDict(extra="ignore")
    data: Any = None
    component_id: int
    session_hash: Session
    fn_name: Session


class Cancellation(BaseModel):
    """What is to be stopped."""

    model_config = ConfigDict(extra="ignore")
    session_hash: Session
    fn_index: int
    event_id: Session


class Reset(BaseModel):
    """What Gradio's clients send when they leave a stream."""

    model_config = ConfigDict(extra="ignore")
    event_id: Session


class Gate:
    """See the module; stands in the place of the mounted Gradio application."""

    def __init__(self, app: ASGIApp, blocks: gr.Blocks, uploads: Uploads, limits: Limits) -> None:
        self._app, self._blocks, self._uploads, self._limits = app, blocks, uploads, limits
        self._sessions = Sessions()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as it was understood, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            if request.method in ("GET", "HEAD"):
                self._check_read(request)
                await self._app(scope, receive, send)
            elif request.method == "POST":
                await self._post(request, scope, receive, send)
            else:
                raise Refused(405, NotFoundError("endpoint_unknown"))
        except Refused as e:
            await refusal(e, request)(scope, receive, send)
        except StudioError as e:
            await refusal(Refused(http_status(e), e), request)(scope, receive, send)

    def _check_read(self, request: Request) -> None:
        path = inner_path(request.scope)
        found = _READ.fullmatch(path)
        if not found:
            raise NotFoundError("endpoint_unknown")
        if event := found["event"]:
            self._check_stream(self._sessions.session_of(event, identity_of(request)))
        elif path == "/gradio_api/queue/data":
            session = check("session_hash", Session, request.query_params.get("session_hash"))
            self._claim(request, session)
            self._check_stream(session)
        elif found["session"]:
            self._claim(request, found["session"])
        elif path.startswith("/gradio_api/upload_progress"):
            check("upload_id", Session, request.query_params.get("upload_id"))

    def _check_stream(self, session: str | None) -> None:
        """Gradio begins to answer before it sees that there is nothing, and breaks off with a traceback."""
        if session not in self._blocks._queue.pending_messages_per_session:
            raise NotFoundError("session_foreign")

    async def _post(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        path = inner_path(scope)
        called, plain = _CALL.fullmatch(path), path.rstrip("/").removeprefix("/gradio_api/")
        reader: dict[str, Callable[[Request, Any], dict[str, Any]]] = {
            "queue/join": partial(self._call, way="join", name=None),
            "component_server": self._component_call,
            "cancel": self._cancel,
            "reset": self._reset,
        }
        if called:
            reader[plain] = partial(self._call, way=called["way"], name=called["name"])
        if not path.startswith("/gradio_api/") or plain not in reader:
            raise NotFoundError("endpoint_unknown")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, InputError("body_not_json"))
        body = parse(await read_body(receive, self._limits, self._limits.json))
        written = json.dumps(reader[plain](request, body)).encode()
        session = body.get("session_hash") if isinstance(body, dict) else None
        note = partial(self._sessions.note_event, person=identity_of(request), session=session)
        answer = _Answer(send, request, note)
        await self._app(_with_length(scope, len(written)), replay(written, receive), answer.send)

    def _call(self, request: Request, body: Any, way: str, name: str | None) -> dict[str, Any]:
        call = Call(**check("body", Call, body))
        if way == "join" and call.session_hash is None:
            raise InputError("argument_missing", name="session_hash")
        if call.session_hash is not None:
            self._claim(request, call.session_hash)
        function = self._function(None if way == "call" else call.fn_index, name)
        if way in ("run", "api") and function.queue:
            raise NotFoundError("endpoint_unknown")
        self._check_files(identity_of(request), call.data)
        told = event_data(function, call.event_data)
        self._check_files(identity_of(request), told)
        data = check_all(event_arguments(function), call.data)
        return call.model_dump() | {"data": data, "event_data": told, "fn_index": function._id}

    def _function(self, number: int | None, name: str | None) -> gr.blocks.BlockFunction:
        """The one that Gradio will take: by its number, else by its name."""
        functions = self._blocks.fns
        if number is None:
            found = next((f for f in functions.values() if name and f.api_name == name), None)
        else:
            found = functions.get(number)
        if found is None or found.fn is None:
            raise NotFoundError("endpoint_unknown")
        return found

    def _component_call(self, request: Request, body: Any) -> dict[str, Any]:
        call = ComponentCall(**check("body", ComponentCall, body))
        self._claim(request, call.session_hash)
        function = getattr(self._blocks.blocks.get(call.component_id), call.fn_name, None)
        if not callable(function) or getattr(function, "_is_server_fn", None) is not True:  # a label has any attribute
            raise NotFoundError("endpoint_unknown")
        self._check_files(identity_of(request), call.data)
        (call.data,) = check_all(arguments_of(function)[:1], [call.data])
        return call.model_dump()

    def _cancel(self, request: Request, body: Any) -> dict[str, Any]:
        call = Cancellation(**check("body", Cancellation, body))
        self._claim(request, call.session_hash)
        if not self._sessions.session_of(call.event_id, identity_of(request)):
            raise NotFoundError("session_foreign")
        return call.model_dump()

    def _reset(self, request: Request, body: Any) -> dict[str, Any]:
        return Reset(**check("body", Reset, body)).model_dump()

    def _claim(self, request: Request, session: str) -> None:
        if not self._sessions.claim(session, identity_of(request)):
            raise NotFoundError("session_foreign")

    def _check_files(self, person: str, value: Any) -> None:
        """Whatever names a path must name an upload of this person. Raises InputError, and leaves a file's reference
        with nothing but the path: Gradio would fetch its `url`."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, list):
                waiting += item
            elif isinstance(item, dict):
                if "path" in item or "meta" in item or "is_stream" in item:
                    file = self._uploads.take(person, item.get("path"))
                    for name in ("url", "is_stream", "orig_name", "size", "mime_type"):
                        item.pop(name, None)
                    if "meta" in item:
                        item |= {"meta": {"_type": "gradio.FileData"}, "orig_name": file.name}
                waiting += item.values()


class _Answer:
    """Notes the events that a call began, and gives a failed direct call the status of its error."""

    def __init__(self, send: Send, request: Request, note: Callable[[str], None]) -> None:
        self._send, self._request, self._note = send, request, note
        self._begins = inner_path(request.scope).startswith(("/gradio_api/call/", "/gradio_api/queue/join"))
        self._body = b""

    async def send(self, message: Message) -> None:
        """Part of an answer."""
        if message["type"] == "http.response.start":
            failure = getattr(self._request.state, "failure", None)
            if message["status"] == 500 and failure:
                message = {**message, "status": failure}
        elif self._begins:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                self._note_event()
        await self._send(message)

    def _note_event(self) -> None:
        try:
            answer = json.loads(self._body)
        except ValueError:
            return  # a refusal in words begins nothing
        if isinstance(answer, dict) and isinstance(event := answer.get("event_id"), str):
            self._note(event)


def _with_length(scope: Scope, length: int) -> Scope:
    kept = [(n, v) for n, v in scope["headers"] if n not in (b"content-length", b"transfer-encoding")]
    return {**scope, "headers": [*kept, (b"content-length", str(length).encode())]}
