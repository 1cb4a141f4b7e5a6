"""Programs: a wrong argument is a 4xx with a sentence that names it, and nothing in the log."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edge.calls import Request, requests
from edge.edge_server import Edge
from studio.errors import InputError
from studio.ui.arguments import arguments_of, call, check, event_arguments, parse

ALICE = "a" * 32


@pytest.mark.parametrize(
    ("name", "data", "status", "words"),
    [
        ("ask", [], 422, "pictures is missing"),
        ("ask", ["x", "y"], 422, "pictures cannot be used"),
        ("ask", [[], 7], 422, "question cannot be used"),
        ("ask", [[], "x", 1], 422, "at most 2"),
        ("write", [7], 422, "instruction cannot be used"),
        ("write", ["x", "", "many"], 422, "images cannot be used"),
        ("write", ["x", "", 10**30], 422, "too large"),
        ("export", ["one", "zip"], 422, "article cannot be used"),
        ("export", [1.5, "zip"], 422, "article cannot be used"),
        ("export", [1], 422, "format is missing"),
        ("nothing", [], 404, "nothing at this address"),
    ],
)
def test_a_wrong_argument_is_named(edge: Edge, name: str, data: list[Any], status: int, words: str) -> None:
    with edge.client(ALICE) as client:
        answer = client.post(f"/gradio_api/call/{name}", json={"data": data})
        assert answer.status_code == status and words in answer.json()["error"]
        assert "\n" not in answer.json()["error"] and "Opinion" not in answer.text


def test_the_sentence_is_in_the_callers_language(edge: Edge) -> None:
    with edge.client(ALICE, headers={"Accept-Language": "zh-CN"}) as client:
        assert "缺少参数 pictures" in client.post("/gradio_api/call/ask", json={"data": []}).json()["error"]


def test_an_error_of_a_direct_call_has_its_status(edge: Edge) -> None:
    """Gradio answers 500 whatever it is."""
    with edge.client(ALICE) as client:
        number = next(n for n, f in edge.blocks.fns.items() if f.fn and f.fn.__name__ == "delete")
        body = {"data": [999], "fn_index": number, "session_hash": "delete"}
        answer = client.post("/gradio_api/run/predict", json=body)
        assert answer.status_code == 404 and "That table is not here" in answer.json()["error"]


def test_every_argument_has_a_type(edge: Edge) -> None:
    """What has none is not checked: an event that is added without hints fails here."""
    for function in edge.blocks.fns.values():
        if function.fn is not None and function.inputs:
            arguments = event_arguments(function)
            assert len(arguments) == len(function.inputs) <= len(arguments_of(function.fn)), function.fn
            untyped = [a.name for a in arguments if a.hint is Any and not a.held]
            assert set(untyped) <= {"values", "settings"}, function.fn  # numbers, which `components.read` checks


def test_parsed_json_can_be_kept_by_all_that_follows() -> None:
    assert parse(b'{"a": [1, "\xe7\x8c\xab", 1.5, null, true]}') == {"a": [1, "猫", 1.5, None, True]}
    for body in (
        b"",
        b"{",
        b"NaN",
        b"1e999",
        b"1" * 5000,
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b"[" * 41 + b"]" * 41,
        b"\xff",
    ):
        with pytest.raises(InputError):
            parse(body)


def test_functions_are_called_with_what_fits_their_hints() -> None:
    def move(article: str, section: str, to: int = 1) -> str:
        return f"{article} {section} {to}"

    assert call(move, "a", section="s", to="2") == "a s 2"
    for facts in ({}, {"section": 1}, {"section": "s", "to": "x"}, {"section": "s", "article": "b"}, {"section": None}):
        with pytest.raises(InputError):
            call(move, "a", **facts)
    assert check("n", int, 3.0) == 3


def test_random_calls_are_never_the_studios_fault(edge: Edge, caplog: pytest.LogCaptureFixture,
                                                  capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    with edge.client(ALICE) as client:

        @settings(max_examples=300, deadline=None, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(requests(edge.blocks))
        def answered(request: Request) -> None:
            answer = request.send(client)
            assert answer.status_code < 500, (request, answer.text[:500])

        with caplog.at_level(logging.ERROR):
            answered()
    assert "Traceback" not in capfd.readouterr().err + caplog.text


def test_the_strategies_reach_what_they_must(edge: Edge) -> None:
    paths: set[str] = set()

    @settings(
        max_examples=400, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(requests(edge.blocks), st.none())
    def seen(request: Request, _: None) -> None:
        paths.add(request.path.split("?")[0])

    seen()
    assert {"/gradio_api/queue/join", "/gradio_api/component_server", "/gradio_api/run/predict"} <= paths


def test_what_is_checked_is_what_is_called(edge: Edge) -> None:
    """A number beside a name: Gradio takes the name where it is called by name."""
    number = next(n for n, f in edge.blocks.fns.items() if f.fn and not f.inputs)
    with edge.client(ALICE) as client:
        answer = client.post("/gradio_api/call/ask", json={"data": [], "fn_index": number})
        assert answer.status_code == 422 and "pictures is missing" in answer.json()["error"]


def test_an_unknown_method_is_refused(edge: Edge) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "CONNECT"):
        answer = httpx.request(method, f"{edge.url}/gradio_api/queue/join")
        assert answer.status_code in (400, 404, 405)
