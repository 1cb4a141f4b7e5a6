"""What every request must pass, and what every answer carries.

The guard is the outermost layer. It knows the public address (host names, the sub-path of a proxy), refuses what comes
from other sites' pages, notes who asks, and puts the headers on that tell a browser what this page may do.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from fastapi import Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.errors import InputError
from studio.storage.persons import browser_person, login_person
from studio.ui.identity import COOKIE, is_key, language_for, new_key
from studio.ui.server.limits import Limits, Refused, read_body, replay
from studio.ui.server.policy import FRAME_POLICIES, document_policy, file_policy

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_UNTOLD = (b"x-forwarded-", b"x-gradio-", b"forwarded", b"x-original-", b"x-rewrite-")
"""Headers by which Gradio would let anybody say where the studio is. uvicorn has read those of a trusted proxy."""
_WITHOUT_LOGIN = re.compile(
    r"/|/(login|healthz|metrics|favicon\.ico|manifest\.json|robots\.txt|theme\.css)/?|/(assets|static|svelte|page)/.*"
    r"|/gradio_api/(app_id|startup-events|theme\.css|login_check)/?"
)
_YEARS = 10 * 365 * 86400


@dataclass(frozen=True)
class Address:
    """Where the studio is reached: names beside loopback and the address a request came in at, and a proxy's sub-path
    (empty or with a slash before and none after)."""

    names: frozenset[str] = frozenset()
    path: str = ""

    @classmethod
    def of(cls, names: str, path: str) -> Address:
        """From the settings, where names are separated by commas."""
        given = (name.strip().lower() for name in names.split(","))
        inner = path.strip("/")
        return cls(frozenset(_host_name(name) for name in given if name), f"/{inner}" if inner else "")

    def answers_to(self, host: str, arrived: str) -> bool:
        """Whether a Host header names this studio. `arrived` is the address of the machine that the request came to:
        nobody can make a browser believe that a site of theirs has it."""
        name = _host_name(host)
        return bool(name) and (name in _LOOPBACK or name in self.names or name == arrived.lower())


class Guard:
    """See the module. `head` gives what an identity's page begins with, `login` tells who a request's login is of; with
    `needs_login` nothing is told to others."""

    def __init__(
        self,
        app: ASGIApp,
        address: Address,
        limits: Limits,
        head: Callable[[str], str],
        login: Callable[[Request], str | None],
        needs_login: bool,
    ) -> None:
        self._app, self._address, self._limits = app, address, limits
        self._head, self._login, self._needs_login = head, login, needs_login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # uvicorn refuses a websocket that nobody takes
        scope = self._placed(scope)
        request = Request(scope, receive)
        answer = _Answer(send, request, self._address.path, self._head)
        try:
            self._check_origin(request)
            if self._address.path and scope["path"] == self._address.path:
                await RedirectResponse(f"{self._address.path}/")(scope, receive, answer.send)
                return
            answer.new_key = self._identify(request)
            receive = await self._checked_body(request, receive)
            await self._app(scope, receive, answer.send)
        except Refused as e:
            await refusal(e, request)(scope, receive, answer.send)
        except ClientDisconnect:
            return

    def _placed(self, scope: Scope) -> Scope:
        """The request as if it came straight to us, below the sub-path, whether a proxy has cut that off or not."""
        headers = [(name, value) for name, value in scope["headers"] if not name.startswith(_UNTOLD)]
        root, path = self._address.path, scope["path"]
        if root and path != root and not path.startswith(f"{root}/"):
            path = root + path
        state = dict(scope.get("state", {}), direct=len(headers) == len(scope["headers"]))
        return {**scope, "headers": headers, "root_path": root, "path": path, "state": state}

    def _check_origin(self, request: Request) -> None:
        host = request.headers.get("host", "")
        arrived = str((request.scope.get("server") or ("",))[0])
        if not self._address.answers_to(host, arrived):
            raise Refused(421, InputError("host_unknown", host=_host_name(host)[:100] or "''"))
        origin = request.headers.get("origin")
        if origin is not None and _plain(origin.partition("://")[2]) != _plain(host):
            raise Refused(403, InputError("other_site"))
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _is_visit(request):
            raise Refused(403, InputError("other_site"))

    def _identify(self, request: Request) -> str:
        """Note who asks; gives the key that the answer must hand out, if any."""
        name, key, fresh = self._login(request), request.cookies.get(COOKIE, ""), ""
        if not is_key(key):
            key = fresh = new_key()
        if self._needs_login and name is None and not _WITHOUT_LOGIN.fullmatch(inner_path(request.scope)):
            raise Refused(401, InputError("login_needed"))
        request.state.identity = login_person(name) if name is not None else browser_person(key)
        request.state.login = name
        names = {_host_name(request.headers.get("host", "")), request.client.host if request.client else ""}
        request.state.on_this_machine = request.state.direct and names <= _LOOPBACK
        return fresh

    async def _checked_body(self, request: Request, receive: Receive) -> Receive:
        """The body whole, before anything looks at it. Uploads are read by who keeps them, see `receiving`."""
        length = request.headers.get("content-length", "0")
        if request.method in ("GET", "HEAD", "OPTIONS"):
            if length != "0" or "transfer-encoding" in request.headers:
                raise Refused(400, InputError("body_unasked"))
            return receive
        upload = inner_path(request.scope).rstrip("/") == "/gradio_api/upload"
        most = self._limits.upload if upload else self._limits.json
        if not length.isdecimal() or int(length) > most:
            raise Refused(413, InputError("body_too_large", limit=most >> 20))
        return receive if upload else replay(await read_body(receive, self._limits, most), receive)


class _Answer:
    """Sends an answer with the headers of the guard; a page is held back until its head has been put in."""

    def __init__(self, send: Send, request: Request, path: str, head: Callable[[str], str]) -> None:
        self._send, self._request, self._path, self._head = send, request, path, head
        self._page: Message | None = None
        self._parts: list[bytes] = []
        self.new_key = ""

    async def send(self, message: Message) -> None:
        """Part of an answer."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            self._secure(headers)
            if headers.get("content-security-policy") in FRAME_POLICIES:
                pass  # a stranger's page, which brings its own
            elif headers.get("content-type", "").startswith("text/html"):
                self._page = message
                return
            else:
                headers["Content-Security-Policy"] = file_policy()
        elif self._page:
            self._parts.append(message.get("body", b""))
            if message.get("more_body", False):
                return
            message = {**message, "body": self._finish_page(self._page)}
            await self._send(self._page)
            self._page = None
        await self._send(message)

    def _secure(self, headers: MutableHeaders) -> None:
        for name in [name for name in headers if name.lower().startswith("access-control-")]:
            del headers[name]
        cookies = headers.getlist("set-cookie")
        del headers["set-cookie"]
        if self.new_key:
            cookies.append(f"{COOKIE}={self.new_key}; Max-Age={_YEARS}; Path=/")
        for cookie in cookies:
            for line in _safe_cookies(cookie, self._request.url.scheme == "https", self._path or "/"):
                headers.append("set-cookie", line)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"

    def _finish_page(self, start: Message) -> bytes:
        nonce, head = secrets.token_urlsafe(18), self._head(self._request.state.identity)
        page = b"".join(self._parts).replace(b"<head>", f"<head><script>{head}</script>".encode(), 1)
        page = page.replace(b"<script", f'<script nonce="{nonce}"'.encode())
        headers = MutableHeaders(scope=start)
        headers["Content-Length"] = str(len(page))
        headers["Content-Security-Policy"] = document_policy(nonce)
        headers["Cache-Control"] = "no-store"
        if self._request.url.scheme == "https":  # elsewhere browsers ignore it, with an error on the console
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return page


def refusal(refused: Refused, request: Request) -> Response:
    """The answer to a request that goes no further; what there is of its body is not waited for."""
    sentence = refused.error.say(language_for(request))
    headers = {"Connection": "close"} | ({"Retry-After": "10"} if refused.status == 429 else {})
    return JSONResponse({"error": sentence, "detail": sentence}, refused.status, headers=headers)


def inner_path(scope: Scope) -> str:
    """The path below a proxy's sub-path."""
    return str(scope["path"]).removeprefix(scope["root_path"]) or "/"


def _is_visit(request: Request) -> bool:
    """Whether a person follows a link to the page itself."""
    headers = request.headers
    navigates = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return request.method == "GET" and inner_path(request.scope) == "/" and navigates


def _safe_cookies(line: str, secure: bool, path: str) -> list[str]:
    """A cookie that scripts cannot read and other sites' pages cannot send; Gradio's own are looser."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(line)
    except CookieError:
        return []
    for morsel in cookies.values():
        morsel["httponly"], morsel["samesite"], morsel["secure"], morsel["path"] = True, "lax", secure, path
    return [morsel.OutputString() for morsel in cookies.values()]


def _host_name(host: str) -> str:
    """`[::1]:6006` → `::1`, `Name.:80` → `name`."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return (host if host.count(":") > 1 else host.partition(":")[0]).removesuffix(".")


def _plain(host: str) -> str:
    return host.lower().removesuffix(":80").removesuffix(":443")
