"""Logging in: the route that takes a name and a password, in the place of Gradio's, and who a request's login is of.

Wrong passwords slow down those that follow, from the same address and for the same name. An address has to wait its
turn, and is sent away when that is too far; a name only waits some seconds, so that nobody is kept out by others who
try that name. Gradio's form and its clients talk to this route as to Gradio's own.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from studio.errors import InputError
from studio.storage.users import Users
from studio.ui.identity import language_for

if TYPE_CHECKING:
    from gradio.routes import App

FREE = 3  # wrong passwords that cost no time
NAME_DELAY, ADDRESS_DELAY = 4.0, 16.0  # seconds at most before the next one is looked at
TOO_FAR = 60.0  # seconds until its turn for which an attempt is sent away instead
FORGET = 900.0  # seconds without an attempt after which all is forgotten
MAX_ADDRESSES = 10_000  # names, and addresses, that are remembered
_MAX_BODY_BYTES = 16 << 10  # bytes
_WAITING = 1000  # attempts that wait at once


@dataclass
class _Attempts:
    """Those of a name or an address that were not right: how many, when the last was, when the next has its turn."""

    count: int = 0
    last: float = 0.0
    turn: float = 0.0

    def delay(self, most: float) -> float:
        """Seconds between two attempts: 1, 2, 4 … after those that are free."""
        return 0.0 if self.count <= FREE else min(2.0 ** min(self.count - FREE - 1, 30), most)


class Throttle:
    """How long an attempt has to wait; see the module. Every attempt counts as wrong until it was right, so that many
    at once gain nothing. Remembers a bounded number of names and addresses, those of the last attempts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._names: OrderedDict[str, _Attempts] = OrderedDict()
        self._addresses: OrderedDict[str, _Attempts] = OrderedDict()

    def attempt(self, name: str, address: str) -> float:
        """Seconds until this one may be looked at. Above TOO_FAR it never is, and has not been counted."""
        now = self._clock()
        of_address = self._find(self._addresses, _network(address), now)
        turn = max(now, of_address.turn)
        if turn - now > TOO_FAR:
            return turn - now
        of_name = self._find(self._names, name, now)
        for attempts in (of_address, of_name):
            attempts.count += 1
            attempts.last = now
        of_address.turn = turn + of_address.delay(ADDRESS_DELAY)
        return max(of_address.turn - now, of_name.delay(NAME_DELAY))

    def right(self, name: str, address: str) -> None:
        """The attempt had the right password."""
        self._names.pop(name, None)
        if attempts := self._addresses.get(_network(address)):
            attempts.count -= 1

    def _find(self, known: OrderedDict[str, _Attempts], key: str, now: float) -> _Attempts:
        found = known.pop(key, None)
        if found is None or now - found.last > FORGET:
            found = _Attempts()
        known[key] = found
        if len(known) > MAX_ADDRESSES:
            known.popitem(last=False)
        return found


class Login:
    """The logins of a page. Without a file of users there are none, and nobody is asked."""

    def __init__(self, file: str) -> None:
        """Raises StudioError when nobody could log in with that file."""
        self._users = Users(Path(file).expanduser().absolute()) if file else None
        if self._users:
            self._users.check()
        self._throttle = Throttle()
        self._hashes: dict[str, str] = {}  # token → the hash of the password that it was given for
        self._checks = ThreadPoolExecutor(2, "login")  # a check takes 64 MiB and a tenth of a second of a core
        self._waiting = 0
        self._gradio: App | None = None

    @property
    def auth(self) -> Callable[[str, str], bool] | None:
        """For Gradio: that a login is needed. Its own route lets nobody in."""
        return (lambda name, password: False) if self._users else None

    def add_route(self, app: FastAPI) -> None:
        """Before Gradio is mounted: the first route that fits is taken."""
        if self._users:
            for path in ("/login", "/login/"):
                app.add_api_route(path, self._post, methods=["POST"], response_model=None)

    def attach(self, gradio: App) -> None:
        """Tell where Gradio keeps its tokens."""
        self._gradio = gradio

    def name_of(self, request: Request) -> str | None:
        """Who is logged in; nobody any more who was removed or given another password since."""
        if not self._users or not self._gradio:
            return None
        token = request.cookies.get(self._cookie)
        name = self._gradio.tokens.get(token) if token else None
        if token and name is not None and self._users.hash_of(name) != self._hashes.get(token):
            self._gradio.tokens.pop(token, None)
            self._hashes.pop(token, None)
            return None
        return name

    @property
    def _cookie(self) -> str:
        # Of Gradio's two names that which its /token tells to no page.
        return f"access-token-unsecure-{self._gradio.cookie_id if self._gradio else ''}"

    async def _post(self, request: Request) -> Response:
        """Log in, or say why not: 400 wrong, 429 too often."""
        assert self._users and self._gradio
        if int(request.headers.get("content-length") or 0) > _MAX_BODY_BYTES:
            return Response(status_code=413)
        form = await request.form(max_files=0, max_fields=8)
        name, password = (str(form.get(field) or "") for field in ("username", "password"))
        name, address = name.strip()[:200], request.client.host if request.client else ""
        wait = self._throttle.attempt(name, address)
        if wait > TOO_FAR or self._waiting >= _WAITING:
            return _refusal(request, 429, "login_slow", seconds=math.ceil(wait))
        self._waiting += 1
        try:
            await asyncio.sleep(wait)
            known = self._users.hash_of(name)
            run = asyncio.get_running_loop().run_in_executor
            right = await run(self._checks, self._users.verify, name, password)
        finally:
            self._waiting -= 1
        if not right or known is None:
            return _refusal(request, 400, "login_wrong")
        self._throttle.right(name, address)
        token = secrets.token_urlsafe(32)
        self._gradio.tokens[token], self._hashes[token] = name, known
        answer = JSONResponse({"success": True})
        secure = request.url.scheme == "https"
        answer.set_cookie(self._cookie, token, httponly=True, samesite="lax", secure=secure)
        return answer


def _refusal(request: Request, status: int, key: str, **facts: object) -> JSONResponse:
    sentence = InputError(key, **facts).say(language_for(request))
    headers = {"Retry-After": str(facts["seconds"])} if "seconds" in facts else None
    return JSONResponse({"detail": sentence}, status, headers)


def _network(address: str) -> str:
    """An IPv6 caller has a whole /64 to choose addresses from."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)
