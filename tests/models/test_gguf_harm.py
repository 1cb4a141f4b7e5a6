"""GGUF files that are broken, or made to do harm: the reader refuses them with a sentence, and quickly."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path
from typing import Any

import gguf_files
import pytest

from studio.checkpoints import gguf_file
from studio.errors import ModelError

TEXT, LIST, UINT32, UINT64 = 8, 9, 4, 10


def raw_list(of: int, length: int, data: bytes = b"") -> gguf_files.Raw:
    return gguf_files.Raw(struct.pack("<IIQ", LIST, of, length) + data)


def uint64(value: int) -> gguf_files.Raw:
    return gguf_files.Raw(struct.pack("<IQ", UINT64, value))


def refused(path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        gguf_file.check(path, "model")
    assert caught.value.say("en") and caught.value.say("zh")
    return caught.value


WRONG: list[tuple[str, Any]] = [
    ("tokenizer.ggml.eos_token_id", "257"),
    ("tokenizer.ggml.eos_token_id", True),
    ("tokenizer.ggml.bos_token_id", [1, 2]),
    ("tokenizer.ggml.tokens", "tokens"),
    ("tokenizer.ggml.tokens", [1, 2, 3]),
    ("tokenizer.ggml.token_type", ["a"]),
    ("tokenizer.ggml.token_type", [1, 1]),
    ("tokenizer.ggml.scores", 1.0),
    ("tokenizer.ggml.merges", [1.5]),
    ("tokenizer.ggml.model", 3),
    ("tokenizer.chat_template", ["{{ messages }}"]),
    ("general.architecture", 7),
    ("general.alignment", 0),
    ("general.alignment", 33),
    ("llama.context_length", 0),
    ("llama.context_length", -1),
    ("llama.context_length", uint64(1 << 63)),
    ("llama.context_length", 4096.0),
    ("llama.block_count", 0),
    ("llama.block_count", 1 << 30),
    ("llama.embedding_length", "64"),
    ("llama.attention.head_count", ["x"]),
    ("llama.attention.head_count_kv", []),
    ("llama.rope.scaling.type", "other"),
    ("llama.expert_count", 7),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_an_entry_that_cannot_be_is_named(tmp_path: Path, name: str, value: Any) -> None:
    path = gguf_files.language_model(tmp_path / "m.gguf", **{name: value})
    error = refused(path)
    assert error.key in ("gguf_entry_wrong", "gguf_other_kind", "model_broken")
    if error.key == "gguf_entry_wrong":
        assert name.replace("expert_count", "expert_used_count") in error.say("en")


def test_a_whole_file_is_taken(tmp_path: Path) -> None:
    path = gguf_files.language_model(tmp_path / "m.gguf")
    assert gguf_file.check(path, "model").vocabulary == 259


@pytest.mark.parametrize("of", [UINT32, TEXT, LIST, 99])
def test_lists_that_claim_to_be_endless(tmp_path: Path, of: int) -> None:
    began = time.process_time()
    nested = struct.pack("<IQ", LIST, 1 << 60) * 50
    for length in (1 << 60, 1 << 32, (1 << 64) - 1):
        path = gguf_files.language_model(tmp_path / "m.gguf", x=raw_list(of, length, nested))
        with path.open("ab") as file:
            file.truncate(path.stat().st_size + (1 << 28))  # zeros: empty texts, as many as one likes
        refused(path)
    assert time.process_time() - began < 20


def test_a_file_cut_off_anywhere_is_told(tmp_path: Path) -> None:
    whole = gguf_files.language_model(tmp_path / "m.gguf").read_bytes()
    path = tmp_path / "cut.gguf"
    for length in (*range(0, 64), *range(64, len(whole), 997), len(whole) - 1):
        path.write_bytes(whole[:length])
        assert refused(path).key in ("file_cut_off", "model_broken")


def test_a_thousand_mutants(tmp_path: Path) -> None:
    """Any byte of a header may be anything: a header or a sentence comes of it, never another error."""
    whole = gguf_files.language_model(tmp_path / "m.gguf").read_bytes()
    header = whole.rindex(b"blk.0.")  # the numbers of the tensors do no harm
    chance, path = random.Random(15), tmp_path / "mutant.gguf"
    refusals = 0
    for _ in range(1000):
        mutant = bytearray(whole[: header + 4096])
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(4, header)
            mutant[at : at + chance.choice((1, 1, 4, 8))] = chance.randbytes(chance.choice((1, 1, 4, 8)))
        path.write_bytes(mutant)
        try:
            found = gguf_file.read(path)
            gguf_file.vocabulary(path)
            found.cache_bytes(4096), found.title, found.context
        except ModelError as e:
            assert e.say("en")
            refusals += 1
    assert refusals > 250
