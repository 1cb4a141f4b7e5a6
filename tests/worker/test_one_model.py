"""One model alone: what it can do works through worker, composing and asking; the other says what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from golden import architecture, picture, tensors, train_tokenizer, write
from sentencepiece import SentencePieceProcessor

from studio.app import Studio
from studio.checkpoints.families import XCOMPOSER2_4KHD, tile_tokens
from studio.documents.article import Article, Brief, Picture
from studio.documents.conversation import Conversation
from studio.library.picture_intake import normalise_file
from studio.protocol import Done, Generate, Sampling, Text
from studio.settings import Settings
from studio.specs import NativeSpec
from studio.tasks.progress import Stop


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that either role takes, in a folder with dots and spaces in its name."""
    root = tmp_path_factory.mktemp("models")
    trained = train_tokenizer(root)
    a = architecture(SentencePieceProcessor(model_file=str(trained)).get_piece_size(), context=2048)
    made = write(root / "X Composer v2.0 (tiny)", a, tensors(a), "bin-sharded")
    (made / "tokenizer.model").write_bytes(trained.read_bytes())
    return made


def written(studio: Studio) -> tuple[str, str]:
    """(text, key of the error)."""
    brief = Brief("A picture of a lake.", images=0, max_tokens=16, seed=1)
    *_, last = studio.composer.write(Article(brief.check()), "me", Stop())
    return last.article.markdown, last.error.key if last.error else ""


def answered(studio: Studio) -> tuple[str, str]:
    """(finish, key of the error)."""
    taken = normalise_file(picture("teal").data, "teal.png")
    shown = (Picture(studio.store.add_file(taken, "me"), "teal", "teal.png"),)
    asked = Conversation().ask("What is it?", shown)
    *_, last = studio.answerer.ask(asked, "me", Stop(), Sampling(max_tokens=4))
    return last.conversation.turns[-1].finish, last.error.key if last.error else ""


@pytest.mark.slow
@pytest.mark.parametrize("role", ["composer", "viewer"])
def test_one_model_alone(role: str, folder: Path, tmp_path: Path) -> None:
    spec = NativeSpec({role: str(folder)}, device="cpu")
    with Studio(Settings(data=str(tmp_path)), spec) as studio:
        assert set(studio.worker.wait_ready(120)) == {role}
        if role == "composer":
            assert written(studio)[1] == "" and written(studio)[0]
            assert answered(studio) == ("failed", "viewer_missing")
        else:
            assert answered(studio) in (("length", ""), ("stop", ""))
            assert written(studio) == ("", "composer_missing")


def test_4khd_sees_a_picture_in_tiles(folder: Path, tmp_path: Path) -> None:
    base = architecture()
    assert base.vision
    eyes = replace(base.vision, image=336, patch=14, positions=577, layers=1, projector_in=4 * base.vision.width)
    vocab = json.loads((folder / "config.json").read_text())["vocab_size"]
    ranks = {**base.ranks, "attention.wqkv": 8}
    a = replace(base, vocab=vocab, family=XCOMPOSER2_4KHD, vision=eyes, ranks=ranks, context=16384)
    made = write(tmp_path / "4khd", a, tensors(a))
    (made / "tokenizer.model").write_bytes((folder / "tokenizer.model").read_bytes())
    wide = picture("teal", (900, 36))  # 1 × 25 tiles
    with Studio(Settings(data=str(tmp_path / "data")), NativeSpec({"viewer": str(made)}, device="cpu")) as studio:
        assert studio.worker.wait_ready(120)["viewer"].context == 16384
        done = studio.worker.submit(Generate("viewer", (wide, Text("?")), Sampling(max_tokens=2))).result()
    assert isinstance(done, Done)
    assert done.usage.prompt_tokens == 1 + tile_tokens(1, 25) + 1


def test_a_wrong_file_fails_at_the_start_with_its_reason(folder: Path, tmp_path: Path) -> None:
    shard = folder / "pytorch_model-00002-of-00002.bin"
    moved = shard.rename(tmp_path / "elsewhere")
    try:
        with Studio(
            Settings(data=str(tmp_path / "data")), NativeSpec({"composer": str(folder)}, device="cpu")
        ) as studio:
            text, key = written(studio)
            assert (text, key) == ("", "shard_missing")
            assert studio.worker.error and shard.name in str(studio.worker.error)
    finally:
        moved.rename(shard)
