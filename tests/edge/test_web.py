"""Names, origins, cookies, policies, sessions: what a foreign site or another person's browser may not do."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from edge.edge_server import Edge, Start, reference, upload
from studio.errors import InputError
from studio.settings import Settings
from studio.storage import users
from studio.ui.server.guard import Address
from studio.ui.server.listen import check_open

ALICE, BOB = "a" * 32, "b" * 32
FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
]


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("127.0.0.1:6006", True),
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("[::1]:6006", True),
        ("192.168.1.5:6006", True),
        ("studio.example.org", True),
        ("studio.example.org.:443", True),
        ("evil.example", False),
        ("studio.example.org.evil.example", False),
        ("192.168.1.6", False),
        ("", False),
        ("[", False),
        ("localhost@evil.example", False),
    ],
)
def test_names_that_the_studio_answers_to(host: str, answers: bool) -> None:
    assert Address.of("0.0.0.0, Studio.example.org:8080", "").answers_to(host, "192.168.1.5") is answers


def test_another_host_name_is_refused_with_the_setting_that_helps(edge: Edge) -> None:
    with edge.client() as client:
        answer = client.get("/", headers={"Host": "evil.example"})
        assert answer.status_code == 421 and "--allow-host evil.example" in answer.json()["error"]
        assert client.get("/", headers={"Host": f"localhost:{urlsplit(edge.url).port}"}).status_code == 200


def test_a_name_can_be_allowed(start: Start) -> None:
    with start(allow_host="studio.example.org").client() as client:
        assert client.get("/", headers={"Host": "studio.example.org"}).status_code == 200
        assert client.get("/", headers={"Host": "other.example.org"}).status_code == 421


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/token"),
        ("GET", "/gradio_api/info"),
        ("GET", "/config"),
        ("GET", "/gradio_api/queue/data?session_hash=x"),
        ("GET", "/logout"),
        ("GET", "/healthz"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/login"),
        ("OPTIONS", "/gradio_api/queue/join"),
        ("PUT", "/gradio_api/queue/join"),
    ],
)
def test_other_sites_pages_get_nothing(edge: Edge, method: str, path: str, headers: dict[str, str]) -> None:
    with edge.client(ALICE) as client:
        answer = client.request(method, path, headers=headers)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_link_from_elsewhere_opens_the_page(edge: Edge) -> None:
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    with edge.client() as client:
        assert client.get("/", headers=visit).status_code == 200
        assert client.get("/logout", headers=visit).status_code == 403


def test_no_token_is_readable_and_what_is_not_needed_is_not_there(edge: Edge) -> None:
    with edge.client(ALICE) as client:
        for path in (
            *("token", "proxy=http://x.hf.space", "file=http://example.com/x", "file/etc/passwd", "vibe-code"),
            *("deep_link?session_hash=x", "stream/x/y/1/playlist-file", "custom_component/a/client/b/c", "dev/reload"),
            *("runs", "mcp", "process_recording", "profiling/traces", "../gradio_api/token", "/token", "token/"),
        ):
            assert client.get(f"/gradio_api/{path}").status_code == 404, path
        for path in ("/monitoring", "/docs", "/openapi.json", "//gradio_api/token", "/gradio_api%2ftoken"):
            assert client.get(path).status_code == 404, path
        for path in ("vibe-edit", "process_recording", "stream/x", "call/v2/ask", "run-history/connect"):
            assert client.post(f"/gradio_api/{path}", json={}).status_code == 404, path


def test_every_answer_carries_the_headers(edge: Edge) -> None:
    with edge.client() as client:
        for path in ("/", "/healthz", "/page/dom.js", "/nothing", "/gradio_api/info", "/gradio_api/token"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
            policy = headers["content-security-policy"]
            assert "frame-ancestors" in policy and "base-uri" in policy and "form-action" in policy
            assert "server" not in headers


def test_inline_scripts_run_by_a_nonce_that_is_new_each_time(edge: Edge) -> None:
    with edge.client() as client:
        first, second = client.get("/"), client.get("/")
    policies = [answer.headers["content-security-policy"] for answer in (first, second)]
    script = next(part for part in policies[0].split(";") if "script-src" in part)
    assert "'unsafe-inline'" not in script and "'nonce-" in script and "object-src 'none'" in policies[0]
    assert policies[0] != policies[1]
    assert first.text.count("<script") == first.text.count('<script nonce="') > 2


def test_cookies_are_kept_from_scripts_and_other_sites(start: Start) -> None:
    with start().client() as client:
        answer = client.get("/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
        assert "set-cookie" not in client.get("/").headers  # it is known by now
        secure = httpx.get(answer.url, headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]
        assert "Secure" in secure


def test_a_proxy_that_nobody_named_is_not_believed(start: Start) -> None:
    edge = start(trusted_proxy="10.9.8.7")
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Gradio-Server": "http://evil.example"}
    answer = httpx.get(f"{edge.url}/", headers=told)
    assert "Secure" not in answer.headers["set-cookie"] and "evil.example" not in answer.text


def test_a_cookie_names_a_browser_and_never_a_login(edge: Edge) -> None:
    for key in ("alice", "login:alice", "a" * 500, "../../x" * 3, ""):
        answer = httpx.get(f"{edge.url}/healthz", headers={"Cookie": f"studio-person={key}"})
        assert "studio-person=" in answer.headers["set-cookie"], key  # it is given another


def test_a_session_and_a_call_belong_to_who_began_them(edge: Edge) -> None:
    with edge.client(ALICE) as alice, edge.client(BOB) as bob:
        function = next(n for n, f in edge.blocks.fns.items() if f.api_name == "ask")
        body = {"data": [[], "What?"], "fn_index": function, "session_hash": "hers"}
        event = alice.post("/gradio_api/queue/join", json=body).json()["event_id"]
        for asked in (
            bob.get("/gradio_api/queue/data", params={"session_hash": "hers"}),
            bob.get("/gradio_api/queue/data", params={"session_hash": event}),
            bob.get("/gradio_api/heartbeat/hers"),
            bob.get(f"/gradio_api/call/ask/{event}"),
            bob.get("/gradio_api/call/ask/" + "0" * 32),
            bob.post("/gradio_api/queue/join", json=body),
            bob.post("/gradio_api/cancel", json={"session_hash": "hers", "fn_index": function, "event_id": event}),
            bob.post("/gradio_api/cancel", json={"session_hash": "his", "fn_index": function, "event_id": event}),
            bob.post(
                "/gradio_api/component_server", json={"session_hash": "hers", "component_id": 1, "fn_name": "act"}
            ),
        ):
            assert asked.status_code == 404 and "another's" in asked.json()["error"], asked.url
        assert "process_completed" in alice.get("/gradio_api/queue/data", params={"session_hash": "hers"}).text


def test_without_a_login_nothing_is_told(start: Start, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("login") / "login"
    users.add(file, "alice", "a secret of hers")
    edge = start(login=str(file))
    with edge.client(ALICE) as client:
        assert client.get("/").status_code == 200 and client.get("/healthz").status_code != 401
        for path in ("/config", "/gradio_api/info", "/pictures/" + "0" * 64, "/downloads/x", "/gradio_api/heartbeat/x",
                     "/gradio_api/file=/etc/passwd", "/gradio_api/queue/data?session_hash=x"):  # fmt: skip
            assert client.get(path).status_code == 401, path
        for path in ("queue/join", "call/ask", "cancel", "component_server", "upload"):
            assert client.post(f"/gradio_api/{path}", json={}).status_code == 401, path
        answer = client.post("/login", data={"username": "alice", "password": "a secret of hers"})
        assert answer.status_code == 200
        cookies = answer.headers.get_list("set-cookie")
        assert cookies and all("HttpOnly" in c and "SameSite=lax" in c and "Secure" not in c for c in cookies)
        path = upload(client, ("a.txt", b"x"))
    with edge.client(ALICE) as other:  # the cookie of the browser is not the login
        other.post("/login", data={"username": "alice", "password": "wrong"})
        assert other.get(f"/gradio_api/file={path}").status_code == 401


@pytest.mark.parametrize(
    ("settings", "fine"),
    [
        ({}, True),
        ({"host": "localhost"}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "::"}, False),
        ({"host": "192.168.1.5"}, False),
        ({"host": "studio.example.org"}, False),
        ({"host": "0.0.0.0", "login": "file"}, True),
        ({"host": "0.0.0.0", "open": "yes"}, True),
    ],
)
def test_listening_to_the_network_without_a_login_must_be_said(settings: dict[str, Any], fine: bool) -> None:
    if fine:
        check_open(Settings(**settings))
    else:
        with pytest.raises(InputError, match="--open yes"):
            check_open(Settings(**settings))


def test_a_path_of_many_slashes_or_signs_is_no_way_around(edge: Edge) -> None:
    """Raw paths, which HTTP libraries would tidy up."""
    parts = urlsplit(edge.url)
    for path in ("/gradio_api/./token", "/gradio_api/x/../token", "/%67radio_api/token", "/gradio_api/token;x", "*",
                 "http://evil.example/gradio_api/token", "/gradio_api/token%00", "/GRADIO_API/token"):  # fmt: skip
        connection = http.client.HTTPConnection(str(parts.hostname), int(parts.port or 0), timeout=10)
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", parts.netloc)
        connection.endheaders()
        assert connection.getresponse().status in (400, 404), path
        connection.close()


def test_a_reference_keeps_nothing_but_its_path(edge: Edge) -> None:
    """A url beside an upload's path would be fetched by Gradio."""
    with edge.client(BOB) as bob:
        file = reference(upload(bob, ("a.png", b"no picture")))
        answer = bob.post("/gradio_api/call/ask", json={"data": [[{**file, "url": "http://127.0.0.1:1/x"}], "What?"]})
        told = bob.get(f"/gradio_api/call/ask/{answer.json()['event_id']}").text
        assert "not a picture" in told and "127.0.0.1:1" not in told


@pytest.mark.parametrize(
    ("headers", "manages"),
    [
        ({}, True),
        ({"Host": "localhost"}, True),
        ({"X-Forwarded-For": "127.0.0.1"}, False),
        ({"Forwarded": "for=127.0.0.1"}, False),
        ({"Host": "studio.example.org"}, False),
    ],
)
def test_models_are_managed_from_the_machine_itself(start: Start, headers: dict[str, str], manages: bool) -> None:
    edge = start(allow_host="studio.example.org")
    with edge.client(ALICE) as client:
        found = _call(edge, client, "models", 0, headers).json()
        assert found["manages"] is manages and found["models"][0]["name"] == "starter"
        answer = _call(edge, client, "manage", {"kind": "stop", "name": "qwen2.5-coder-0.5b"}, headers).json()
        assert ("error" in answer) is not manages


def _call(edge: Edge, client: httpx.Client, function: str, argument: Any, headers: dict[str, str]) -> httpx.Response:
    """A server function of the models' component."""
    component = next(b for b in edge.blocks.blocks.values() if getattr(b, "elem_id", "") == "models-list")
    facts = {"data": argument, "fn_name": function, "component_id": component._id, "session_hash": "models"}
    return client.post("/gradio_api/component_server", json=facts, headers=headers)
