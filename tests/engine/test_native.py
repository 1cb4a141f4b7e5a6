"""The native engine on tiny models: streams, stops, seeds, beams, choices, limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import architecture, picture, tensors, train_tokenizer, whole, write
from sentencepiece import SentencePieceProcessor

from studio.engine.native import engine as native
from studio.engine.native.beam import BeamScorer
from studio.engine.native.check.reference_loop import BeamSearch, beam_search_blocks, read_prompt
from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.rows import DecodeBatch
from studio.engine.native.sampler import sample
from studio.errors import ContextOverflow, EngineError, InputError, ModelError, OutOfMemory
from studio.models.clip import VisionTower
from studio.models.image_preprocessing import opened
from studio.protocol import Choose, Control, Done, Generate, Image, Piece, Prompt, Sampling, Scores, Segment, Text
from studio.roles import ROLES
from studio.specs import NativeSpec

U, E = Control("[UNUSED_TOKEN_146]"), Control("[UNUSED_TOKEN_145]")
GREEDY = Sampling(temperature=0, repetition_penalty=1.0, max_tokens=24)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A composer, a viewer and a chat model of tiny size, with tokenizers."""
    root = tmp_path_factory.mktemp("models")
    trained = train_tokenizer(root)
    vocab = SentencePieceProcessor(model_file=str(trained)).get_piece_size()
    made = {}
    kinds = {"composer": architecture(vocab), "viewer": architecture(vocab, image=35)}
    kinds |= {"chat": architecture(vocab, eyes=False)}
    for seed, (name, a) in enumerate(kinds.items()):
        made[name] = write(root / name, a, tensors(a, seed), "bin-sharded" if seed else "safetensors")
        (made[name] / "tokenizer.model").write_bytes(trained.read_bytes())
    return made


def loaded(spec: NativeSpec) -> NativeEngine:
    engine = native.load(spec)
    assert isinstance(engine, NativeEngine)
    return engine


@pytest.fixture(scope="module")
def engine(folders: dict[str, Path]) -> Iterator[NativeEngine]:
    made = loaded(NativeSpec({role: str(folders[role]) for role in ("composer", "viewer")}, device="cpu"))
    yield made
    made.close()


@pytest.fixture
def executor(engine: NativeEngine) -> ModelExecutor:
    return engine._executors["composer"]


def ask(*content: Segment) -> Prompt:
    return (U, Text("user\n"), *content, E, Text("\n"), U, Text("assistant\n"))


def run(engine: NativeEngine, prompt: Prompt, sampling: Sampling = GREEDY, role: str = "composer") -> tuple[str, Done]:
    """The whole text and the last event."""
    *pieces, done = engine.run(Generate(role, prompt, sampling))
    assert isinstance(done, Done)
    assert all(isinstance(piece, Piece) and piece.text for piece in pieces)
    return "".join(piece.text for piece in pieces if isinstance(piece, Piece)), done


def first_ids(executor: ModelExecutor, prompt: Prompt, sampling: Sampling, count: int) -> list[int]:
    """Ids by the model itself, every step a full forward over everything."""
    decoder = executor.model.decoder
    x, spans = embedded(executor, prompt)
    rows = DecodeBatch(1, 8, decoder.architecture.vocab, executor.device)
    rows.set_row(0, x.shape[0], [], sampling, 1)
    ids: list[int] = []
    for _ in range(count):
        ids.append(int(sample(whole(decoder, x, spans)[-1:], rows)))
        x = torch.cat((x, decoder.embed(torch.tensor(ids[-1:]))))
    return ids


def embedded(executor: ModelExecutor, prompt: Prompt) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """A prompt's embeddings [tokens, hidden], and where its pictures stand."""
    parts: list[torch.Tensor] = []
    spans: list[tuple[int, int]] = []
    for run in executor.tokenizer.encode(prompt):
        at = sum(map(len, parts))
        if isinstance(run, Image):
            assert executor.model.tower is not None
            parts += executor.model.tower.embed([executor.model.tower.preprocess(opened(run.data))])
            spans.append((at, at + len(parts[-1])))
        else:
            parts.append(executor.model.decoder.embed(torch.tensor(run)))
    return torch.cat(parts), spans


def choose(engine: NativeEngine, prompt: Prompt, *options: str) -> tuple[float, ...]:
    """The scores of a choice."""
    (event,) = engine.run(Choose("composer", prompt, options))
    assert isinstance(event, Scores)
    return event.values


def test_the_cards(engine: NativeEngine, folders: dict[str, Path]) -> None:
    composer, viewer = engine.cards["composer"], engine.cards["viewer"]
    assert (composer.dialect, composer.sees, composer.context, composer.beams) == ("xcomposer2", True, 256, 5)
    assert composer.name != viewer.name and not composer.note
    chat = loaded(NativeSpec({"composer": str(folders["chat"])}, device="cpu"))
    assert set(chat.cards) == {"composer"}
    assert (chat.cards["composer"].dialect, chat.cards["composer"].sees) == ("internlm2", False)


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_generation_equals_full_forwards(engine: NativeEngine, executor: ModelExecutor, penalty: float) -> None:
    prompt = ask(picture("red"), Text("What is it? 你好"), picture("blue"))
    sampling = replace(GREEDY, repetition_penalty=penalty, max_tokens=12)
    ids = first_ids(executor, prompt, sampling, 12)
    assert len(set(ids)) > 2
    text, done = run(engine, prompt, sampling)
    ended = next((i for i, token in enumerate(ids) if token in executor.tokenizer.stops), None)
    assert text == executor.tokenizer.decode(ids[:ended])
    assert done.reason == ("length" if ended is None else "stop")
    assert done.usage.new_tokens == (12 if ended is None else ended + 1)
    assert done.usage.prompt_tokens == len(embedded(executor, prompt)[0])
    assert 0 < done.usage.first_token <= done.usage.total


def test_pictures_matter_and_so_does_their_order(engine: NativeEngine) -> None:
    text = Text("Which?")
    prompts = [ask(a, b, text) for a in (picture("red"), picture("navy")) for b in (picture("red"), picture("navy"))]
    assert len({choose(engine, prompt, "a", "b") for prompt in prompts}) == 4


def test_a_picture_is_looked_at_once(
    engine: NativeEngine, executor: ModelExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    embed = VisionTower.embed

    def look(tower: VisionTower, images: Any) -> Any:
        looks.extend(images)
        return embed(tower, images)

    monkeypatch.setattr(VisionTower, "embed", look)
    once, again = picture("olive", (9, 9)), picture("olive", (9, 9))
    first = run(engine, ask(once, Text("?")))[0]
    assert run(engine, ask(again, Text("?")))[0] == first
    assert len(looks) == 1
    run(engine, ask(picture("pink"), picture("plum"), again, picture("pink")))
    assert len(looks) == 3
    assert executor.images is not None
    monkeypatch.setattr("studio.engine.native.image_cache.MAX_BYTES", 1)
    run(engine, ask(picture("linen"), picture("lime")))
    assert executor.images.bytes == 16 * 64 * 4  # one


def test_the_same_seed_gives_the_same_text_whatever_came_before(engine: NativeEngine) -> None:
    sampling = Sampling(temperature=1.5, top_p=1.0, top_k=0, max_tokens=20, seed=5)
    first = run(engine, ask(Text("Write.")), sampling)[0]
    run(engine, ask(Text("Something else.")), replace(sampling, seed=6))
    assert run(engine, ask(Text("Write.")), sampling)[0] == first
    assert run(engine, ask(Text("Write.")), replace(sampling, seed=6))[0] != first


def forced(engine: NativeEngine, monkeypatch: pytest.MonkeyPatch, ids: list[int]) -> None:
    """Let the composer say these ids, whatever it thinks."""
    coming = iter(ids)
    monkeypatch.setattr("studio.engine.native.model_runner.sample", lambda logits, rows: torch.tensor([next(coming)]))


def test_only_whole_characters_are_shown(
    engine: NativeEngine, executor: ModelExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = executor.tokenizer.encode_text("a🦙b")
    assert len(ids) >= 6  # the llama is four tokens
    forced(engine, monkeypatch, [*ids, executor.tokenizer.control("<|im_end|>"), 9, 9])
    *pieces, done = engine.run(Generate("composer", (), GREEDY))
    assert "".join(p.text for p in pieces if isinstance(p, Piece)) == "a🦙b"
    assert any("🦙" in p.text for p in pieces if isinstance(p, Piece)) and done.reason == "stop"  # type: ignore[union-attr]
    forced(engine, monkeypatch, ids[:-2])
    assert run(engine, (), replace(GREEDY, max_tokens=len(ids) - 2))[0] == "a\ufffd\ufffd\ufffd"


@pytest.mark.parametrize("stop", [("quick",), ("k b", "zzz"), ("wn f", "ck"), ("fox",)])
def test_text_ends_before_a_stop_string(
    engine: NativeEngine, executor: ModelExecutor, monkeypatch: pytest.MonkeyPatch, stop: tuple[str, ...]
) -> None:
    said = "The quick brown fo"
    forced(engine, monkeypatch, executor.tokenizer.encode_text(said))
    sampling = replace(GREEDY, stop=stop, max_tokens=len(executor.tokenizer.encode_text(said)))
    text, done = run(engine, (), sampling)
    found = [said.find(s) for s in stop if s in said]
    assert text == (said[: min(found)] if found else said)
    assert done.reason == ("stop" if found else "length")


def test_beams_come_in_one_piece_and_one_beam_is_greedy(engine: NativeEngine, executor: ModelExecutor) -> None:
    prompt = ask(picture("teal"), Text("Describe it."))
    events = list(engine.run(Generate("composer", prompt, replace(GREEDY, beams=3, max_tokens=8))))
    assert [type(e) for e in events] == [Piece, Done]

    def total(ids: list[int]) -> float:
        x, spans = embedded(executor, prompt)
        tokens = x.shape[0]
        x = torch.cat((x, executor.model.decoder.embed(torch.tensor(ids[:-1], dtype=torch.long))))
        logits = whole(executor.model.decoder, x, spans)[tokens - 1 :]
        return float(logits.log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)].sum())

    decoder, (x, spans) = executor.model.decoder, embedded(executor, prompt)
    table = range(beam_search_blocks(len(x), 8, 5))
    kv_cache = decoder.new_kv_cache(len(table))
    logits = read_prompt(decoder, kv_cache, table, x, spans)
    search = BeamSearch(
        decoder, kv_cache, table, len(x), logits, BeamScorer(5, frozenset(), 1.0, 1, executor.device), 5
    )
    for i in range(8):
        search.advance(last=i == 7)
    wide = search.beams.best()
    assert len(wide.ids) == 8
    assert total(list(wide.ids)) >= total(first_ids(executor, prompt, GREEDY, 8)) - 1e-4
    assert wide.score == pytest.approx(total(list(wide.ids)) / 9, abs=1e-4)


def test_a_choice_is_the_log_probability_of_the_differing_token(engine: NativeEngine, executor: ModelExecutor) -> None:
    prompt = (*ask(picture("gold"), Text("A or B?")), Text("It is "))
    options = ("the lake A", "the lake B", "the lake B")
    scores = choose(engine, prompt, *options)
    runs = [executor.tokenizer.encode((*prompt, Text(option)))[-1] for option in options[:2]]
    at = next(i for i, (a, b) in enumerate(zip(*runs, strict=True)) if a != b)
    logits = executor.logits_after((*prompt, Text("the lake")))
    expected = logits.log_softmax(-1)[[runs[0][at], runs[1][at]]]  # type: ignore[index]
    assert scores[:2] == pytest.approx(expected.tolist(), abs=1e-4)
    assert scores[1] == scores[2] != scores[0]
    assert choose(engine, prompt) == ()
    (end,) = engine.run(Choose("composer", prompt, ("A", "B")), lambda: True)
    assert isinstance(end, Done) and end.reason == "cancelled"


def test_too_long_a_prompt_is_told_before_any_work(
    engine: NativeEngine, executor: ModelExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor.images, "prefetch", lambda image: pytest.fail("it opened a picture"))
    monkeypatch.setattr(type(executor.model.decoder), "embed", lambda decoder, ids: pytest.fail("it embedded words"))
    prompt = ask(*[picture("red")] * 20)
    needed = 20 * 16 + sum(len(r) for r in executor.tokenizer.encode(prompt) if isinstance(r, list))
    with pytest.raises(ContextOverflow) as caught:
        run(engine, prompt, GREEDY)
    assert (caught.value.facts["needed"], caught.value.facts["limit"]) == (needed + 24, 256)
    with pytest.raises(ContextOverflow):
        choose(engine, prompt, "a", "b")
    assert engine.count("composer", (prompt, ())) == (needed, 1)  # what it is refused for is what is counted


def test_pictures_are_counted_without_their_files(engine: NativeEngine, folders: dict[str, Path]) -> None:
    size = engine.cards["composer"].image_tokens
    assert size == 16 and engine.cards["viewer"].image_tokens == 25
    assert engine.count("composer", ((Image("known by its key", b""),) * 3, (Text("a"),))) == (1 + 3 * size, 2)
    chat = loaded(NativeSpec({"composer": str(folders["chat"])}, device="cpu"))
    with pytest.raises(ModelError):
        chat.count("composer", ((Image("x", b""),),))
    with pytest.raises(ModelError):
        chat.count("viewer", ())
    chat.close()


def test_a_long_answer_may_go_to_the_end_of_the_context(engine: NativeEngine, executor: ModelExecutor) -> None:
    prompt = (Text("a" * 90),)
    tokens = len(embedded(executor, prompt)[0])
    sampling = Sampling(temperature=2.0, top_p=1, top_k=0, max_tokens=4096)
    room = 256 - tokens
    for seed in range(20):
        _, done = run(engine, prompt, replace(sampling, seed=seed))
        if done.reason == "length":
            break
    assert (done.reason, done.usage.new_tokens) == ("length", room)


def test_the_least_room_is_kept_free(engine: NativeEngine, executor: ModelExecutor) -> None:
    word = executor.tokenizer.encode_text("z")
    assert len(word) == 1
    with pytest.raises(ContextOverflow):
        run(engine, tuple([Text("z z" * 100)]), replace(GREEDY, max_tokens=4096))


@pytest.mark.parametrize("after", [0, 1, 5])
@pytest.mark.parametrize("beams", [1, 3])
def test_a_call_ends_within_a_step_of_being_cancelled(engine: NativeEngine, after: int, beams: int) -> None:
    steps = iter(range(1000))
    sampling = Sampling(temperature=1.5, top_p=1, top_k=0, max_tokens=60, beams=beams)
    events = list(engine.run(Generate("composer", ask(Text("Hi")), sampling), lambda: next(steps) >= after))
    done = events[-1]
    assert isinstance(done, Done) and done.reason == "cancelled"
    assert done.usage.new_tokens <= after
    assert next(steps) == after + 1  # asked once more than it went on
    assert not engine.busy


def test_what_a_model_cannot_do_is_said(engine: NativeEngine, folders: dict[str, Path]) -> None:
    chat = loaded(NativeSpec({"composer": str(folders["chat"])}, device="cpu"))
    with pytest.raises(ModelError, match="cannot see pictures"):
        run(chat, (picture(),))
    with pytest.raises(ModelError) as caught:
        run(chat, (Text("x"),), role="viewer")
    assert caught.value.key == "viewer_missing"
    assert run(chat, (Control("<|im_start|>"), Text("user\nHi"), Control("<|im_end|>")))[1].usage.new_tokens > 0
    with pytest.raises(EngineError, match="<\\|pad\\|>"):
        run(engine, (Control("<|pad|>"),))
    with pytest.raises(InputError) as unreadable:
        run(engine, (replace(picture(), data=b"text", key="k"),))
    assert unreadable.value.key == "picture_unreadable"


@pytest.mark.parametrize(
    "change",
    [{"beams": 6}, {"beams": 0}, {"max_tokens": 0}, {"top_p": 1.5}, {"temperature": -1.0}, {"repetition_penalty": 0.0}]
    + [{"top_k": -1}, {"temperature": float("nan")}],
)
def test_sampling_out_of_range_is_refused(engine: NativeEngine, change: dict[str, float]) -> None:
    with pytest.raises(InputError) as caught:
        run(engine, (Text("x"),), replace(GREEDY, **change))  # type: ignore[arg-type]
    assert caught.value.key == "number_out_of_range" and caught.value.facts["name"] == next(iter(change))


def test_an_empty_prompt_is_bos_alone(engine: NativeEngine) -> None:
    assert run(engine, ())[1].usage.prompt_tokens == 1


def test_out_of_memory_becomes_a_sentence_with_numbers(
    engine: NativeEngine, executor: ModelExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(error: Exception) -> None:
        def raising(*_: object) -> None:
            raise error

        monkeypatch.setattr(type(executor.model.decoder), "forward", raising)

    fail(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has …"))
    with pytest.raises(OutOfMemory, match="2.50 GiB more"):
        run(engine, ask(Text("x")))
    fail(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 3221225472 bytes."))
    with pytest.raises(OutOfMemory, match="3.0 GiB more"):
        choose(engine, ask(Text("x")), "a", "b")
    fail(RuntimeError("something else"))
    with pytest.raises(EngineError, match="something else"):
        run(engine, ask(Text("x")))
    assert not engine.busy
    monkeypatch.undo()
    assert run(engine, ask(Text("x")))[1].usage.new_tokens > 0


def test_memory_counts_weights_and_cache(engine: NativeEngine, executor: ModelExecutor) -> None:
    found = engine.memory()
    name = executor.card.name
    assert found[f"{name} weights"] == executor.model.architecture.parameters() * 4
    assert found[f"{name} cache"] == executor.model.architecture.cache_bytes(executor.runner.kv_cache.blocks * 32, 4)
    assert len(found) == 6


def test_one_folder_in_both_roles_is_loaded_once(folders: dict[str, Path]) -> None:
    both = loaded(NativeSpec({"composer": str(folders["viewer"]), "viewer": f"{folders['viewer']}/"}, device="cpu"))
    assert both._executors["composer"] is both._executors["viewer"]
    both.close()
    assert not both.cards


def test_int8_is_loaded_when_asked_for(engine: NativeEngine, folders: dict[str, Path]) -> None:
    small = loaded(NativeSpec({"composer": str(folders["composer"])}, device="cpu", quantize="int8", batch=2))
    assert isinstance(small, NativeEngine) and small.batch == 2
    assert small._executors["composer"].model.decoder.layers[0].w2.weight.dtype == torch.int8
    prompt = ask(picture("red"), Text("What?"))
    scores, exact = choose(small, prompt, "a", "b"), choose(engine, prompt, "a", "b")
    assert scores != exact and scores == pytest.approx(exact, abs=0.3)
    small.close()


def broken(folders: dict[str, Path], **changes: str) -> str:
    own = {role: changes.pop(role) for role in ROLES if role in changes}
    spec = NativeSpec({"composer": str(folders["composer"])} | own, device="cpu")
    with pytest.raises((ModelError, InputError)) as caught:
        loaded(replace(spec, **changes))  # type: ignore[arg-type]
    assert caught.value.say("zh")
    return str(caught.value)


def test_a_model_in_the_wrong_role_is_refused_by_name(folders: dict[str, Path], tmp_path: Path) -> None:
    for side, role, said in ((490, "composer", "writing needs XComposer2-7B"), (224, "viewer", "pictures need")):
        a = architecture(image=side)
        folder = write(tmp_path / str(side), a, tensors(a))
        assert said in broken(folders, **({"composer": ""} | {role: str(folder)}))
    assert "pictures need XComposer2-VL-7B" in broken(folders, composer="", viewer=str(folders["chat"]))


def test_what_is_wrong_at_the_start_is_said(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No model for writing" in broken(folders, composer="")
    assert "no checkpoint folder" in broken(folders, composer=str(tmp_path / "none"))
    assert "warp:7" in broken(folders, device="warp:7")
    if not torch.cuda.is_available():
        assert "--device cpu" in broken(folders, device="cuda")
    monkeypatch.setattr("studio.checkpoints.machine.host_free", lambda: 1000)
    assert "0.0 GiB are free" in broken(folders) and "--models starter" in broken(folders)
    assert "--models starter" in broken(folders, viewer=str(folders["viewer"]))  # even one is too much
    one = architecture(json.loads((folders["viewer"] / "config.json").read_text())["vocab_size"], image=35)
    enough = (one.parameters() + one.cache_bytes(one.context, 1)) * 4
    monkeypatch.setattr("studio.checkpoints.machine.host_free", lambda: enough)
    assert "--vl none" in broken(folders, viewer=str(folders["viewer"]))


def test_a_checkpoint_without_its_own_tokenizer_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    a = architecture()
    folder = write(tmp_path / "m", a, tensors(a))
    assert "tokenizer.model" in broken(folders, composer=str(folder))
    a = architecture(vocab=700)
    folder = write(tmp_path / "n", a, tensors(a))
    (folder / "tokenizer.model").write_bytes((folders["composer"] / "tokenizer.model").read_bytes())
    assert "the model has 700" in broken(folders, composer=str(folder))


def test_the_self_test_finds_weights_that_do_not_fit(folders: dict[str, Path], tmp_path: Path) -> None:
    vocab = json.loads((folders["composer"] / "config.json").read_text())["vocab_size"]
    a = architecture(vocab)
    for change, said in (({"output.weight": 0.0}, "equally likely"), ({"model.norm.weight": 3e38}, "NaN or infinity")):
        weights = tensors(a)
        for name, factor in change.items():
            weights[name] = weights[name] * factor
        weights = {name: t.clamp(-3e38, 3e38) for name, t in weights.items()}
        folder = write(tmp_path / said[:3], a, weights)
        (folder / "tokenizer.model").write_bytes((folders["composer"] / "tokenizer.model").read_bytes())
        assert said in broken(folders, composer=str(folder))


def test_random_weights_need_no_file_and_say_so(monkeypatch: pytest.MonkeyPatch, folders: dict[str, Path]) -> None:
    vocab = json.loads((folders["composer"] / "config.json").read_text())["vocab_size"]
    asked = []

    def small(size: str, image: int) -> object:
        asked.append((size, image))
        return architecture(vocab, image=28 if image == 224 else 35)

    monkeypatch.setattr("studio.checkpoints.families.published", small)
    bare = loaded(NativeSpec(random_weights="7b", device="cpu"))
    assert asked == [("7b", 224), ("7b", 490)]
    assert all("Random weights" in card.note and "随机权重" in card.note for card in bare.cards.values())
    prompt = ask(picture(), Text("Hi 🦙"))
    text, done = run(bare, prompt, Sampling(max_tokens=30))
    assert text and done.usage.new_tokens
    assert run(bare, prompt, Sampling(max_tokens=30))[0] == text
    assert bare._executors["composer"] is not bare._executors["viewer"]
    assert bare._executors["composer"].tokenizer.encode_text("ab") == [100, 101]  # one id a byte
    named = loaded(NativeSpec({"composer": str(folders["composer"])}, random_weights="7b", device="cpu"))
    assert named._executors["composer"].tokenizer.size == vocab and "Random" in named.cards["composer"].note
    assert len(named._executors["composer"].tokenizer.encode_text("quick brown fox")) < 15  # the folder's tokenizer
