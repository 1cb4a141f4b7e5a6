"""Guessing passwords, from one address and from many, and logins that end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from event_loop import run_in_new_loop
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from studio.app import Studio
from studio.errors import InputError, NotFoundError
from studio.protocol import ModelCard
from studio.settings import Settings
from studio.specs import ScriptedSpec
from studio.storage import users
from studio.ui import login
from studio.ui.login import ADDRESS_DELAY, FREE, NAME_DELAY, TOO_FAR, Throttle
from studio.ui.server import application

CARD = ModelCard("scripted model", "starter", ("en", "zh"), sees=False, context=4096)


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_first_cost_nothing_and_then_it_grows(clock: Clock) -> None:
    throttle = Throttle(clock)
    waits = []
    for _ in range(12):
        waits.append(throttle.attempt("alice", "10.0.0.1"))
        clock.now += waits[-1]
    assert waits == [0.0] * FREE + [1.0, 2.0, 4.0, 8.0] + [ADDRESS_DELAY] * (12 - FREE - 4)


def test_many_at_once_gain_nothing(clock: Clock) -> None:
    """The attack of 300 wrong passwords in 15 seconds: how many are looked at in that time, and in an hour."""
    throttle = Throttle(clock)
    waits = [throttle.attempt("alice", "10.0.0.1") for _ in range(300)]
    assert sum(wait <= 15 for wait in waits) <= FREE + 4
    looked_at, start = sum(wait <= TOO_FAR for wait in waits), clock.now
    while clock.now < start + 3600:
        clock.now += 0.5
        looked_at += throttle.attempt("alice", "10.0.0.1") <= TOO_FAR
    assert looked_at <= 3600 / ADDRESS_DELAY + FREE + 10


def test_other_names_from_the_same_address_wait_as_well(clock: Clock) -> None:
    throttle = Throttle(clock)
    for number in range(FREE):
        assert throttle.attempt(f"user {number}", "10.0.0.1") == 0
    assert throttle.attempt("another", "10.0.0.1") >= 1
    assert throttle.attempt("another", "10.0.0.2") == 0


def test_nobody_is_kept_out_by_others_who_try_the_name(clock: Clock) -> None:
    throttle = Throttle(clock)
    for number in range(5000):
        assert throttle.attempt("alice", f"10.{number // 250}.{number % 250}.1") <= NAME_DELAY
    assert throttle.attempt("alice", "192.168.0.5") <= NAME_DELAY, "her own address is new, and waits seconds only"


def test_a_right_password_clears_the_name_and_not_the_address(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(FREE + 2):
        clock.now += throttle.attempt("alice", "10.0.0.1")
    throttle.attempt("mallory", "10.0.0.1")
    throttle.right("mallory", "10.0.0.1")
    assert throttle.attempt("alice", "10.0.0.1") > 1, "an own account does not buy attempts at another's"
    throttle.right("alice", "10.0.0.1")
    assert throttle.attempt("alice", "10.0.0.9") == 0


def test_all_is_forgotten_after_a_while(clock: Clock) -> None:
    throttle = Throttle(clock)
    for _ in range(40):
        throttle.attempt("alice", "10.0.0.1")
    clock.now += login.FORGET + TOO_FAR
    assert throttle.attempt("alice", "10.0.0.1") == 0


def test_neighbours_of_one_network_of_ipv6_are_one(clock: Clock) -> None:
    throttle = Throttle(clock)
    waits = [throttle.attempt("a", f"2001:db8:1:1::{number:x}") for number in range(1, 8)]
    assert waits[-1] > 0 and throttle.attempt("b", "2001:db8:1:2::1") == 0
    for _ in range(FREE):
        throttle.attempt("c", "::ffff:10.0.0.1")
    assert throttle.attempt("c", "10.0.0.1") > 0, "the same caller, written otherwise"


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "MAX_ADDRESSES", 50)
    throttle = Throttle(clock)
    for number in range(1000):
        throttle.attempt(f"name {number}", f"10.0.{number // 250}.{number % 250}")
    assert len(throttle._names) == len(throttle._addresses) == 50


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["1.1.1.1", "::1", "x"]), st.floats(0, 100)), max_size=60)
)
def test_waits_are_never_negative_nor_endless(steps: list[tuple[str, str, float]]) -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for name, address, seconds in steps:
        clock.now += seconds
        assert 0 <= throttle.attempt(name, address) <= TOO_FAR + ADDRESS_DELAY


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    users.add(tmp_path / "users", "alice", "correct horse")
    users.add(tmp_path / "users", "bob", "battery staple")
    return tmp_path / "users"


@pytest.fixture
def app(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    monkeypatch.chdir(tmp_path)
    studio = Studio(Settings(data=str(tmp_path / "data"), login=str(file)), ScriptedSpec((), CARD))
    yield application(studio)
    studio.store.close()


def enter(client: TestClient, name: str, password: str) -> Any:  # a response of the client's own HTTP library
    return client.post("/login", data={"username": name, "password": password})


def is_in(client: TestClient) -> bool:
    return client.get("/gradio_api/login_check").status_code == 200


def test_logging_in(app: FastAPI) -> None:
    client = TestClient(app)
    assert not is_in(client) and enter(client, "alice", "battery staple").status_code == 400 and not is_in(client)
    answer = enter(client, "alice", "correct horse")
    assert answer.json() == {"success": True} and is_in(client)
    (cookie,) = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
    assert client.get("/gradio_api/user").json() == "alice"
    assert client.get("/gradio_api/token").status_code == 404, "no page is told the token"
    behind_tls = TestClient(app, base_url="https://testserver")
    assert "Secure" in enter(behind_tls, "bob", "battery staple").headers["set-cookie"]


def test_a_wrong_password_is_a_sentence_in_the_readers_language(app: FastAPI) -> None:
    client = TestClient(app)
    assert enter(client, "alice", "x").json()["detail"] == "The name or the password is wrong."
    answer = client.post("/login", data={"username": "nobody", "password": "x"}, headers={"Accept-Language": "zh"})
    assert answer.json()["detail"] == "用户名或密码错误。"


@pytest.mark.parametrize("path", ["/login", "/login/"])
def test_every_door_of_gradio_is_this_one(app: FastAPI, path: str) -> None:
    client = TestClient(app)
    assert client.post(path, data={"username": "alice", "password": "correct horse"}).status_code == 200 and is_in(
        client
    )
    for data in ({}, {"username": "alice"}, {"username": "alice", "password": ""}, {"username": "x" * 15000}):
        assert TestClient(app).post(path, data=data).status_code in (400, 413)


def test_who_is_removed_or_has_a_new_password_is_out(app: FastAPI, file: Path) -> None:
    alice, bob = TestClient(app), TestClient(app)
    enter(alice, "alice", "correct horse"), enter(bob, "bob", "battery staple")
    users.add(file, "alice", "another horse")
    assert not is_in(alice) and is_in(bob)
    users.remove(file, "bob")
    assert not is_in(bob) and enter(bob, "bob", "battery staple").status_code == 400
    assert enter(alice, "alice", "another horse").status_code == 200 and is_in(alice)


def test_guessing_is_slowed_down_and_the_page_goes_on(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("studio.ui.login.asyncio.sleep", sleep)

    async def attack() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            attempts = [client.post("/login", data={"username": "alice", "password": f"guess {n}"}) for n in range(60)]
            start = time.monotonic()
            answers = await asyncio.gather(*attempts, client.get("/page/masthead.js"))
            assert time.monotonic() - start < 20
            return answers

    *answers, script = run_in_new_loop(attack())
    counts = [a.status_code for a in answers]
    assert counts.count(429) >= 45 and counts.count(400) + counts.count(429) == 60
    refused = next(a for a in answers if a.status_code == 429)
    assert int(refused.headers["Retry-After"]) > TOO_FAR and "Try again in" in refused.json()["detail"]
    assert sorted(slept)[-1] > 30 and script.status_code == 200


@pytest.mark.parametrize(("text", "kind"), [("alice:secret", InputError), ("", InputError), (None, NotFoundError)])
def test_the_page_does_not_start_with_a_file_that_is_not_right(
    tmp_path: Path, text: str | None, kind: type[Exception]
) -> None:
    if text is not None:
        (tmp_path / "users").write_text(text)
    with pytest.raises(kind):
        login.Login(str(tmp_path / "users"))


def test_without_a_file_nobody_is_asked() -> None:
    open_to_all = login.Login("")
    assert open_to_all.auth is None
