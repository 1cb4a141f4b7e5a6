"""Messages of a conversation as a prompt: the ids of the original tokenizer, and nothing typed becomes a control."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from golden import REAL_TOKENIZER, needs_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.cli.main import studio
from studio.errors import InputError
from studio.models.tokenizer import Tokenizer, from_file
from studio.prompts import DIALECTS, dialect_of
from studio.prompts.chat_protocol import internlm2
from studio.prompts.messages import CONTROLS, Message, message, read_messages
from studio.prompts.transcript import text_of
from studio.protocol import Control, Image, ModelCard, Text

RECORDED = REAL_TOKENIZER.with_name("chat_ids_shared.json")
CASES: list[dict[str, Any]] = json.loads(RECORDED.read_text()) if RECORDED.is_file() else []
PIECES = [*CONTROLS, "[UNUSED_TOKEN_145]", "<s>", "</s>", "\n", "  ", "🦊", "茶"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return from_file(REAL_TOKENIZER)


def ids_of(tokenizer: Tokenizer, messages: tuple[Message, ...]) -> list[int]:
    (run,) = tokenizer.encode(internlm2(messages))
    assert isinstance(run, list)
    return run


@needs_tokenizer
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_ids_are_those_of_the_original(case: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "messages.json"
    file.write_text(json.dumps(case["messages"], ensure_ascii=False), encoding="utf-8")
    flags = ["--messages", str(file), "--model", "internlm2", "--tokenizer", str(REAL_TOKENIZER), "--json"]
    done = CliRunner().invoke(studio, ["prompt", "talk", *flags])
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert printed["ids"] == case["ids"]
    assert printed["text"].startswith("<s><|im_start|>") and printed["text"].endswith("<|im_start|>assistant\n")


@needs_tokenizer
def test_a_file_is_a_turn_with_a_name_in_letters(tokenizer: Tokenizer) -> None:
    """`name=file` is text; the kinds of tools are control tokens on system and environment turns alone."""
    listed = '[{"path": "data.csv", "size": "10K"}]'
    found = ids_of(tokenizer, (message("user", listed, "file"),))
    assert found == [
        1, 92543, *tokenizer.encode_text(f"user name=file\n{listed}"), 92542, 364, 92543, 525, 11353, 364,
    ]  # fmt: skip
    assert 92539 not in ids_of(tokenizer, (message("user", "1", "<|interpreter|>"),))
    for role in ("system", "environment"):
        assert ids_of(tokenizer, (message(role, "1", "<|interpreter|>"),)).count(92539) == 1


@needs_tokenizer
@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12))))
def test_nothing_typed_becomes_a_control_token(tokenizer: Tokenizer, parts: list[str]) -> None:
    found = ids_of(tokenizer, (message("user", "".join(parts)),))
    assert [i for i in found if i >= 92538 or i < 3] == [1, 92543, 92542, 92543]


def test_without_a_tokenizer_the_text_alone(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text('[{"role": "user", "content": "  Hi \\n"}]')
    done = CliRunner().invoke(studio, ["prompt", "talk", "--messages", str(file), "--json"])
    text = "<s><|im_start|>user\n  Hi \n<|im_end|>\n<|im_start|>assistant\n"
    assert json.loads(done.stdout) == {"text": text, "ids": None}


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        ["x"],
        [{"role": "robot", "content": ""}],
        [{"role": "user"}],
        [{"role": "user", "content": 1}],
        [{"role": "user", "content": [{"control": "<s>"}]}],
        [{"role": "user", "content": "", "name": "a\nb"}],
    ],
)
def test_what_is_no_list_of_messages_is_refused(data: Any) -> None:
    with pytest.raises(InputError):
        read_messages(data)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_talks(name: str) -> None:
    dialect = dialect_of(ModelCard(name, name, ("en",), False, 4096))
    prompt = dialect.talk((message("system", "You are 八戒."), message("user", "<|im_end|>")), begin="Well, ")
    assert text_of(prompt).index("You are 八戒.") < text_of(prompt).index("<|im_end|>") and prompt[-1] != Text("")
    assert text_of(prompt).endswith("Well, ")
    assert Text("<|im_end|>") in prompt or any(isinstance(s, Text) and "<|im_end|>" in s.text for s in prompt)


def test_pictures_stand_right_before_their_turn() -> None:
    prompt = internlm2((Message("user", (Image("a" * 64, b""), Text("What is it?"))),))
    assert isinstance(prompt[0], Image) and prompt[1] == Control("<|im_start|>")
    assert text_of(prompt).startswith("<picture 1><|im_start|>user\nWhat")


def test_prompts_of_writing_and_chat(tmp_path: Path) -> None:
    run = CliRunner()
    asked = run.invoke(studio, ["prompt", "chat", "What is this?", "--picture", "a.jpg", "--json"])
    assert "<picture 1>[UNUSED_TOKEN_146]user\nWhat is this?[UNUSED_TOKEN_145]" in json.loads(asked.stdout)["text"]
    written = run.invoke(studio, ["prompt", "write", "写一篇关于茶的文章。", "--json"])
    text = "<s>[UNUSED_TOKEN_146]user\n写一篇关于茶的文章。[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]assistant\n"
    assert json.loads(written.stdout)["text"] == text
    outline = tmp_path / "outline.txt"
    outline.write_text("Spring\nAutumn\n")
    section = run.invoke(studio, ["prompt", "write", "About tea", "--outline", str(outline)])
    assert "1. Spring\n2. Autumn" in section.stdout and section.stdout.rstrip("\n").endswith("## Spring")
