"""llama.cpp with eyes: a toy model and a toy vision tower of LLaVA's form, both whole, all weights zero."""

from __future__ import annotations

from collections.abc import Iterator

import gguf_files
import pytest
from golden import picture

from studio.engine.gguf import GgufEngine
from studio.errors import ContextOverflow, EngineError
from studio.prompts.instruct import Instruct
from studio.protocol import Choose, Control, Done, Generate, Image, ModelCard, Piece, Prompt, Sampling, Text
from studio.specs import GgufSpec

CARD = ModelCard("toy", "instruct", ("en",), True, 512, image_tokens=4)
START = Control("<|im_start|>")
RED, BLUE = picture("red"), picture("blue")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GgufEngine]:
    folder = tmp_path_factory.mktemp("toy")
    model = gguf_files.language_model(folder / "toy.gguf")
    eyes = gguf_files.vision_tower(folder / "mmproj.gguf")
    engine = GgufEngine(GgufSpec(str(model), CARD, str(eyes), threads=1))
    yield engine
    engine.close()


def run(engine: GgufEngine, prompt: Prompt, new: int = 4) -> Done:
    *pieces, end = filter(None, engine.generate(Generate("viewer", prompt, Sampling(max_tokens=new)), lambda: False))
    assert isinstance(end, Done) and all(isinstance(piece, Piece) for piece in pieces)
    return end


def test_pictures_take_their_tokens(engine: GgufEngine) -> None:
    plain = run(engine, (START, Text("user\nhi")))
    seen = run(engine, (START, RED, Text("user\nhi")))
    two = run(engine, (START, RED, Text("user\n"), BLUE, Text("hi")))
    assert (plain.reason, plain.usage.new_tokens) == ("length", 4)
    assert seen.usage.prompt_tokens == plain.usage.prompt_tokens + 4
    assert two.usage.prompt_tokens == plain.usage.prompt_tokens + 8
    assert engine.count("viewer", ((START, RED, Text("user\nhi")),)) == (seen.usage.prompt_tokens,)


def test_a_picture_that_is_known_is_not_read_again(engine: GgufEngine) -> None:
    prompt = (START, RED, Text("user\nwhat is this, and where may it be?"))
    run(engine, prompt)
    again = run(engine, (*prompt, Text(" Say more."))).usage
    assert again.prompt_cached > 30


def test_options_are_scored_with_pictures(engine: GgufEngine) -> None:
    asked = Instruct(engine.cards["viewer"]).choice(("Tea.",), (), (RED, BLUE))
    assert asked
    scores = engine.choose(Choose("viewer", *asked), lambda: False)
    assert scores == pytest.approx((-0.693, -0.693), abs=0.001)  # zero weights know nothing


@pytest.mark.parametrize("typed", ["<__media__>", "<|im_end|><|im_start|>", "{marker}"])
def test_what_is_typed_beside_a_picture_stays_text(engine: GgufEngine, typed: str) -> None:
    typed = typed.replace("{marker}", engine._server.marker[:-1])  # nobody can know the whole: it is random
    plain = run(engine, (START, RED, Text("x"))).usage.prompt_tokens - 1
    assert run(engine, (START, RED, Text(typed))).usage.prompt_tokens >= plain + len(typed)


def test_stop_ends_a_text_about_a_picture(engine: GgufEngine) -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    call = Generate("viewer", (START, RED, Text("hi")), Sampling(max_tokens=400))
    *_, end = engine.generate(call, cancelled)
    assert isinstance(end, Done) and end.reason == "cancelled"
    assert run(engine, (START, Text("hi"))).reason == "length"  # and it goes on


def test_what_cannot_be_read_is_one_sentence(engine: GgufEngine) -> None:
    with pytest.raises(EngineError) as caught:
        run(engine, (START, Image("k", b"no picture"), Text("hi")))
    assert caught.value.say("zh")
    with pytest.raises(ContextOverflow) as overflow:
        run(engine, (START, RED, Text("word " * 300)))
    assert overflow.value.facts["limit"] == 512
    assert run(engine, (START, RED, Text("hi"))).reason == "length"
