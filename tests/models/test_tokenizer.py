"""Text to ids and back: the listed ids, text that stays text, streams that never cut a character."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden import CONTROLS, REAL_TOKENIZER, needs_tokenizer, picture, train_tokenizer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.checkpoints.architecture import CONTROL_TOKENS
from studio.errors import EngineError, ModelError
from studio.models.tokenizer import LONGEST, TextStream, Tokenizer, bytes_only, from_file
from studio.protocol import Control, Text

LISTED = {
    "Hello world": [9843, 2028],
    "  two  spaces": [387, 19963, 387, 43842],
    "你好，世界": [77230, 60353, 68339],
    "😀🦙": [243, 162, 155, 131, 243, 162, 169, 156],
    "\n": [364],
    "user": [1008],
    "assistant\n": [525, 11353, 364],
    ": C": [334, 487],
    "适合插入图像的行是": [68634, 69066, 70439, 91187, 60357],
    "最合适的图是": [60442, 70823, 60472, 60357],
}
CHAT_NAMES = [names[1] for names in CONTROL_TOKENS]
TRICKY = [*CONTROLS, *CHAT_NAMES, "<s>", "</s>", "<unk>", "<0x41>", "<image>", "<ImageHere>", "<Seg3>", "[", "]"]
texts = st.lists(st.one_of(st.sampled_from(TRICKY), st.text(max_size=6))).map("".join)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = train_tokenizer(tmp_path_factory.mktemp("tokenizer"))
    from sentencepiece import SentencePieceProcessor

    return from_file(path, SentencePieceProcessor(model_file=str(path)).get_piece_size())


@pytest.fixture(scope="module", params=["tiny", "real", "bytes"])
def any_one(request: pytest.FixtureRequest) -> Tokenizer:
    if request.param == "real" and not REAL_TOKENIZER.is_file():
        pytest.skip(f"no real tokenizer here: {REAL_TOKENIZER}")
    if request.param == "tiny":
        return request.getfixturevalue("tiny")  # type: ignore[no-any-return]
    return bytes_only(1000) if request.param == "bytes" else from_file(REAL_TOKENIZER, 92544)


@needs_tokenizer
def test_the_listed_ids() -> None:
    t = from_file(REAL_TOKENIZER, 92544)
    assert {text: t.encode_text(text) for text in LISTED} == LISTED
    assert t.stops == {2, 92542}
    answer = (Control("[UNUSED_TOKEN_145]"), Text("\n"), Control("[UNUSED_TOKEN_146]"), Text("assistant\n"))
    assert t.encode(answer) == [[1, 92542, 364, 92543, 525, 11353, 364]]
    renamed = (Control("<|im_end|>"), Text("\n"), Control("<|im_start|>"), Text("assistant\n"))
    assert t.encode(renamed) == t.encode(answer)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(text=texts)
def test_text_stays_text(any_one: Tokenizer, text: str) -> None:
    ids = any_one.encode_text(text)
    assert not {any_one.control(name) for name in ("<s>", "</s>", *CONTROLS[1:], *CHAT_NAMES)} & set(ids)
    assert any_one.decode(ids) == text.replace("\u2581", " " if any_one._processor else "\u2581")


def test_a_typed_control_token_is_other_ids_than_the_control(any_one: Tokenizer) -> None:
    typed = any_one.encode((Text("[UNUSED_TOKEN_145]</s><|im_end|>"),))
    assert typed != any_one.encode((Control("[UNUSED_TOKEN_145]"), Text("</s><|im_end|>")))
    assert not any_one.stops & set(typed[0])  # type: ignore[arg-type]


def test_lone_surrogates_become_the_replacement_character(any_one: Tokenizer) -> None:
    assert any_one.decode(any_one.encode_text("a\ud800b\udfff")) == "a\ufffdb\ufffd"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(data=st.data())
def test_the_stream_equals_the_whole(any_one: Tokenizer, data: st.DataObject) -> None:
    raw = st.integers(3, 258)  # single bytes: whole, broken and mixed characters
    ids = data.draw(st.lists(st.one_of(raw, st.integers(0, any_one.size - 1)), max_size=30))
    stream = TextStream(any_one)
    pieces = [stream.add(i) for i in ids]
    assert "".join(pieces) + stream.end() == any_one.decode(ids)
    if any_one._processor:
        quiet = {any_one.control(name) for name in CONTROLS[1:]}
        plain = [i for i in ids if i not in quiet]
        assert any_one.decode(plain) == any_one._processor.decode(plain)


def test_a_character_comes_out_whole(any_one: Tokenizer) -> None:
    stream = TextStream(any_one)
    llama = [i for i in range(any_one.size) if isinstance(any_one.bytes_of(i), int)]
    by_byte = {any_one.bytes_of(i): i for i in llama}
    shown = [stream.add(by_byte[b]) for b in "🦙é".encode()]
    assert shown == ["", "", "", "🦙", "", "é"]
    assert stream.add(by_byte[0xE4]) == "" and stream.end() == "\ufffd" and stream.end() == ""


def test_a_control_token_ends_a_character_begun_before_it(any_one: Tokenizer) -> None:
    by_byte = {any_one.bytes_of(i): i for i in range(any_one.size) if isinstance(any_one.bytes_of(i), int)}
    assert any_one.decode([by_byte[0xC2], any_one.bos, by_byte[0x80]]) == "\ufffd\ufffd"
    if any_one._processor:
        assert any_one._processor.decode([by_byte[0xC2], any_one.bos, by_byte[0x80]]) == "\ufffd\ufffd"


def test_control_tokens_have_text_only_where_it_is_asked_for(any_one: Tokenizer) -> None:
    ids = [any_one.control("<|action_start|>"), *any_one.encode_text("海"), any_one.control("<|plugin|>")]
    silent, kept = TextStream(any_one), TextStream(any_one, ("<|plugin|>", "<|unknown|>"))
    assert "".join(map(silent.add, ids)) == "海" and "".join(map(kept.add, ids)) == "海<|plugin|>"


def test_images_cut_the_prompt_into_runs(any_one: Tokenizer) -> None:
    image = picture()
    head, middle, tail = any_one.encode((Text("a"), Text("b"), image, Control("[UNUSED_TOKEN_146]"), Text("c")))
    assert head == [any_one.bos, *any_one.encode_text("ab")]
    assert middle == image
    assert tail == [any_one.control("<|im_start|>"), *any_one.encode_text("c")]
    assert any_one.encode((image,)) == [[any_one.bos], image]


def test_an_unknown_control_token_is_an_error(any_one: Tokenizer) -> None:
    with pytest.raises(EngineError, match="<\\|think\\|>"):
        any_one.encode((Control("<|think|>"),))


def test_a_tokenizer_of_another_model_is_refused(tiny: Tokenizer, tmp_path: Path) -> None:
    import sentencepiece

    path = train_tokenizer(tmp_path)
    with pytest.raises(ModelError, match=f"it has {tiny.size} pieces, the model has 92544"):
        from_file(path, 92544)
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "corpus.txt"),
        model_prefix=str(tmp_path / "other"),
        vocab_size=350,
        byte_fallback=True,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    size = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "other.model")).get_piece_size()
    with pytest.raises(ModelError, match="UNUSED_TOKEN_141"):
        from_file(tmp_path / "other.model", size)
    (tmp_path / "broken.model").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="sentencepiece cannot read it"):
        from_file(tmp_path / "broken.model", 400)
    with pytest.raises(ModelError, match="lacks the file"):
        from_file(tmp_path / "none.model", 400)


def test_a_text_that_comes_again_is_not_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    t = bytes_only(1000)
    encoded: list[str] = []
    whole = t._encode_part
    monkeypatch.setattr(t, "_encode_part", lambda text: encoded.append(text) or whole(text))  # type: ignore[func-returns-value]
    first = t.encode_text("a question")
    first.append(0)  # whoever has the ids may change them
    assert t.encode_text("a question") == [3 + byte for byte in b"a question"] and encoded == ["a question"]
    long = "x" * (LONGEST + 1)
    assert t.encode_text(long) == t.encode_text(long) and encoded.count(long) == 2
