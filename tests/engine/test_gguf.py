"""llama.cpp with the real starter model."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import gguf_files
import pytest

from studio.checkpoints import machine
from studio.checkpoints.catalog import starter_path
from studio.engine.gguf import BATCH, GgufEngine, _parameters
from studio.engine.serial import SerialEngine
from studio.errors import ContextOverflow, EngineError, ModelError
from studio.prompts.starter import Starter
from studio.prompts.writing_forms import form_of
from studio.protocol import Choose, Control, Done, Generate, Image, ModelCard, Piece, Prompt, Sampling, Text
from studio.specs import GgufSpec

pytestmark = pytest.mark.real
CARD = ModelCard("starter", "starter", ("en",), False, 1024)
ARTICLE = Starter().article("Write an article about the sea", ())
SAMPLING = replace(Starter().writing, max_tokens=40)


@pytest.fixture(scope="module")
def engine() -> Iterator[GgufEngine]:
    engine = GgufEngine(GgufSpec(starter_path(), CARD, threads=1))  # steady on a busy machine
    yield engine
    engine.close()


def write(engine: GgufEngine, prompt: Prompt = ARTICLE, sampling: Sampling = SAMPLING) -> tuple[str, Done]:
    *pieces, end = filter(None, engine.generate(Generate("composer", prompt, sampling), lambda: False))
    assert isinstance(end, Done) and all(isinstance(p, Piece) for p in pieces)
    return "".join(p.text for p in pieces if isinstance(p, Piece)), end


def begun(prompt: Prompt, begin: str) -> Prompt:
    return (*prompt[:-1], Text(f"assistant\n{begin}"))


def test_the_same_seed_gives_the_same_text(engine: GgufEngine) -> None:
    warm = replace(SAMPLING, temperature=1.0)
    first = write(engine, sampling=replace(warm, seed=1))[0]
    write(engine, Starter().article("Write about bread", ()))  # whatever came between
    assert write(engine, sampling=replace(warm, seed=1))[0] == first
    assert write(engine, sampling=replace(warm, seed=2))[0] != first


def test_it_streams_and_counts(engine: GgufEngine) -> None:
    text, end = write(engine)
    assert end.reason == "length" and end.usage.new_tokens == 40 and end.usage.tokens_per_second > 0
    assert len(text.split()) > 15
    assert write(engine)[1].usage.prompt_cached > 0  # the second time the prompt is known


def test_cancelled_within_a_step(engine: GgufEngine) -> None:
    pieces, pressed = 0, 0.0

    def cancelled() -> bool:
        nonlocal pressed
        if pieces >= 5 and not pressed:
            pressed = time.monotonic()
        return pieces >= 5

    events = engine.generate(Generate("composer", ARTICLE, replace(SAMPLING, max_tokens=900)), cancelled)
    for event in events:
        pieces += isinstance(event, Piece)
    assert isinstance(event, Done) and event.reason == "cancelled" and pieces < 100
    assert time.monotonic() - pressed < 0.5
    assert write(engine)[1].reason == "length"  # and it works on


def test_a_long_prompt_shows_that_it_gets_on_and_asks_for_stop(engine: GgufEngine) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return False

    events = list(engine.generate(Generate("composer", (Text("word " * 800),), Sampling(max_tokens=1)), cancelled))
    assert isinstance(events[-1], Done) and events[-1].usage.prompt_tokens >= 800
    before_text = events.index(next(event for event in events if event))
    assert before_text >= 800 // BATCH and asked >= before_text


def test_a_reader_who_leaves_ends_the_generation(engine: GgufEngine) -> None:
    events = engine.generate(Generate("composer", ARTICLE, replace(SAMPLING, max_tokens=900)), lambda: False)
    next(events)
    began = time.monotonic()
    assert isinstance(events, Generator)
    events.close()
    assert time.monotonic() - began < 0.5


def test_stop_strings_end_the_text_before_them(engine: GgufEngine) -> None:
    whole = write(engine)[0]
    stop = whole.split()[8]
    text, end = write(engine, sampling=replace(SAMPLING, stop=(stop,)))
    assert end.reason == "stop" and text == whole[: whole.index(stop)]


def test_a_forced_beginning_is_continued_and_not_repeated(engine: GgufEngine) -> None:
    text = write(engine, begun(ARTICLE, "The three oceans are the Atlantic, the Pacific and the"))[0]
    assert not text.startswith("The three") and text.startswith(" ")


def test_greedy_does_not_depend_on_the_seed(engine: GgufEngine) -> None:
    greedy = replace(SAMPLING, temperature=0.0)
    assert write(engine, sampling=replace(greedy, seed=1))[0] == write(engine, sampling=replace(greedy, seed=2))[0]


def test_options_are_scored(engine: GgufEngine) -> None:
    prompt = begun(Starter().article("What is the capital of France?", ()), "The capital of France is")
    options = (" banana", " Paris", " seven")
    scores = engine.choose(Choose("composer", prompt, options), lambda: False)
    assert max(zip(scores, options, strict=True))[1] == " Paris" and all(s <= 0 for s in scores)


def test_characters_come_whole(engine: GgufEngine) -> None:
    prompt: Prompt = (Control("<|im_start|>"), Text("user\nRepeat: 🦊🍵茶馆🦊🍵"), Control("<|im_end|>"), Text("\n"))
    prompt = (*prompt, Control("<|im_start|>"), Text("assistant\n🦊🍵茶馆🦊🍵 🦊🍵"))
    for event in engine.generate(Generate("composer", prompt, SAMPLING), lambda: False):
        if isinstance(event, Piece):
            assert "\ufffd" not in event.text
            event.text.encode()  # no half of a surrogate pair either


def test_typed_control_tokens_are_text(engine: GgufEngine) -> None:
    def tokens(prompt: Prompt) -> int:
        return write(engine, prompt, replace(SAMPLING, max_tokens=1))[1].usage.prompt_tokens

    typed = tokens((Text("a<|im_end|>b"),))
    control = tokens((Text("a"), Control("<|im_end|>"), Text("b")))
    assert control == 3 and typed > 5


def test_a_prompt_too_long_says_the_numbers(engine: GgufEngine) -> None:
    with pytest.raises(ContextOverflow) as caught:
        write(engine, (Text("word " * 1200),))
    assert caught.value.facts["limit"] == 1024 and int(str(caught.value.facts["needed"])) > 1200
    fits, long = (Text("word " * 500),), (Text("word " * 950),)
    assert engine.count("composer", (fits, long, ())) == (501, 951, 0)
    with pytest.raises(ContextOverflow):  # the room for the answer counts, too
        write(engine, long, replace(SAMPLING, max_tokens=600))
    assert engine._prompt(fits, 600)["max_tokens"] == 1024 - 501  # an answer may go to the end of the context


def test_files_that_are_no_model_are_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ModelError, match="missing"):
        GgufEngine(GgufSpec(str(tmp_path / "none.gguf"), CARD))
    (tmp_path / "words.gguf").write_text("hello")
    with pytest.raises(ModelError, match="not a GGUF file"):
        GgufEngine(GgufSpec(str(tmp_path / "words.gguf"), CARD))


def test_a_form_is_kept_by_a_grammar(engine: GgufEngine) -> None:
    form = 'root ::= "[" [0-9] (", " [0-9])? "]"'
    text, end = write(engine, sampling=replace(SAMPLING, temperature=1.5, grammar=form))
    assert re.fullmatch(r"\[\d(, \d)?\]", text) and end.reason == "stop"


def test_an_article_has_the_form_that_a_small_model_is_given(engine: GgufEngine) -> None:
    form = form_of("Write about tea, 80 words", "article", 2)
    text, end = write(engine, sampling=replace(SAMPLING, max_tokens=900, temperature=0.6, grammar=form))
    assert end.reason == "stop" and re.fullmatch(r"(## .+\n\n.+[.!?](\n\n|$)){2}", text), text
    chinese = form_of("写茶，100字", "article", 2)
    assert write(engine, sampling=replace(SAMPLING, max_tokens=8, grammar=chinese))[0].startswith("## ")


def test_a_grammar_that_is_none_is_one_sentence(engine: GgufEngine) -> None:
    with pytest.raises(EngineError) as caught:
        write(engine, sampling=replace(SAMPLING, grammar="root ::= ("))
    assert caught.value.say("zh")
    assert write(engine)[1].usage.new_tokens == 40  # and it goes on


def test_the_card_has_the_chat_format_of_the_file(engine: GgufEngine) -> None:
    chat = engine.cards["composer"].chat
    assert chat and chat.ask == (Control("<|im_end|>"), Text("\n"), Control("<|im_start|>"), Text("assistant\n"))
    assert chat.system and chat.system[0][0] == Control("<|im_start|>")


@pytest.mark.parametrize("piece", ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<repo_name>", "<jupyter_code>"])
def test_a_typed_control_token_is_read_as_its_letters(engine: GgufEngine, piece: str) -> None:
    (control,) = engine._encode((Control(piece),))
    for typed in (piece, f"a{piece}b", f"{piece}{piece}", f"<{piece}>"):
        ids = engine._encode((Text(typed),))
        assert control not in ids and len(ids) > 2, typed


def test_text_with_pictures_is_broken_up_where_it_looks_like_a_control_token(engine: GgufEngine) -> None:
    pictures: list[str] = []
    given = engine._with_markers((Control("<|im_start|>"), Text("a<|im_end|>b"), Image("k", b"x")), pictures)
    assert given == "<|im_start|>a<\u200b|im_end|>b\n" and pictures  # the marker of a model without eyes is empty


def test_two_calls_at_once() -> None:
    serial = SerialEngine(GgufEngine(GgufSpec(starter_path(), CARD, threads=1, batch=2)), 2)
    calls = [Generate("composer", Starter().article(f"Write about {word}", ()), SAMPLING) for word in ("tea", "trains")]
    for number, call in enumerate(calls):
        serial.submit(number, call)
    order = []
    while serial.busy:
        order += [number for number, event in serial.step() if isinstance(event, Piece)]
    assert {*order} == {0, 1} and order != sorted(order)  # they took turns
    serial.close()


def test_a_model_that_is_cut_off_or_no_model_is_told(tmp_path: Path) -> None:
    whole = Path(starter_path()).read_bytes()
    (tmp_path / "half.gguf").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError) as caught:
        GgufEngine(GgufSpec(str(tmp_path / "half.gguf"), CARD))
    assert caught.value.key == "file_cut_off"
    eyes = gguf_files.mmproj(tmp_path / "mmproj.gguf")
    with pytest.raises(ModelError, match="belongs to another model than starter"):
        GgufEngine(GgufSpec(starter_path(), CARD, str(eyes)))
    toy = gguf_files.model(tmp_path / "toy.gguf")
    with pytest.raises(ModelError, match="does not read it"):
        GgufEngine(GgufSpec(str(toy), CARD))


def test_control_tokens_come_as_text_where_they_are_asked_for(
    engine: GgufEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (token,), chunks = engine._encode((Control("<|im_start|>"),)), engine._chunks
    forced = {"logit_bias": [[token, 100.0]]}
    monkeypatch.setattr(engine, "_chunks", lambda request, cancelled: chunks({**request, **forced}, cancelled))
    for keep, text in (((), ""), (("<|im_start|>",), "<|im_start|>" * 2)):
        call = Generate("composer", ARTICLE, replace(SAMPLING, max_tokens=2), keep_controls=keep)
        written = [p.text for p in engine.generate(call, lambda: False) if isinstance(p, Piece)]
        assert "".join(written) == text


@pytest.mark.parametrize(("left", "given", "threads"), [(1.0, 0, 8), (0.5, 0, 4), (0.0, 0, 1), (0.0, 3, 3)])
def test_there_are_as_many_threads_as_find_a_core(
    monkeypatch: pytest.MonkeyPatch, left: float, given: int, threads: int
) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 8)
    monkeypatch.setattr(machine, "threads", lambda: 8)
    parameters = _parameters(GgufSpec("m.gguf", CARD, threads=given), left)
    assert parameters.cpuparams.n_threads == parameters.cpuparams_batch.n_threads == threads
