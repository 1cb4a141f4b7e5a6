"""The prompts XComposer2 and InternLM2-Chat were trained on, to the character and to the token.

Each case is written out as the whole text the original code would send (InternLM-XComposer-2.0/examples/ of
InternLM/InternLM-XComposer and the model repositories' modeling files), with U and E for its two control tokens and ▢
for a picture. The segments must spell this text. Where the real tokenizer is there, it encodes the text at
once, controls being pieces of its vocabulary; the segments must give the same ids, which are the recorded ones.
"""

from __future__ import annotations

import json
import re

import pytest
from golden import DATA, REAL_TOKENIZER, needs_tokenizer, picture
from sentencepiece import SentencePieceProcessor

from studio.models.tokenizer import Tokenizer, from_file
from studio.prompts.internlm2 import InternLM2
from studio.prompts.xcomposer2 import XComposer2
from studio.protocol import Control, Image, Prompt, Text

X, I2 = XComposer2(), InternLM2()
RED, BLUE, TEAL = picture("red"), picture("blue"), picture("teal")
META = """You are an AI assistant whose name is InternLM-XComposer (浦语·灵笔).
- InternLM-XComposer (浦语·灵笔) is a multi-modality conversational language model that is developed by \
Shanghai AI Laboratory (上海人工智能实验室). It is designed to be helpful, honest, and harmless.
- InternLM-XComposer (浦语·灵笔) can understand and communicate fluently in the language chosen by the user \
such as English and 中文.
- InternLM-XComposer (浦语·灵笔) is capable of comprehending and articulating responses effectively based on \
the provided image.
"""
META2 = """You are an AI assistant whose name is InternLM (书生·浦语).
- InternLM (书生·浦语) is a conversational language model that is developed by Shanghai AI \
Laboratory (上海人工智能实验室). It is designed to be helpful, honest, and harmless.
- InternLM (书生·浦语) can understand and communicate fluently in the language chosen by the user such \
as English and 中文."""
TEXTS = ("# 茶", "秋天的山路。", "Tea, again.")
CHOICE = X.choice(TEXTS[:3], ((1, RED),), (BLUE, TEAL))
assert CHOICE

CASES: dict[str, tuple[Prompt, str]] = {
    "chat": (
        X.chat((("What is this?", (RED, BLUE), "A lake."), ("再说一遍", (), ""))),
        f"Usystem\n{META}E\n▢▢Uuser\nWhat is this?E\nUassistant\nA lake.E\nUuser\n再说一遍E\nUassistant\n",
    ),
    "chat, a later picture": (
        X.chat((("Hi", (), "Hello."), ("And this?", (TEAL,), ""))),
        f"Usystem\n{META}E\nUuser\nHiE\nUassistant\nHello.E\n▢Uuser\nAnd this?E\nUassistant\n",
    ),
    "article": (X.article("写一篇关于茶的文章。", ()), "Uuser\n写一篇关于茶的文章。E\nUassistant\n"),
    "article with pictures": (X.article("About lakes.", (RED, BLUE)), "Uuser\n▢▢About lakes.E\nUassistant\n"),
    "places": (
        X.places(TEXTS, None, ()),
        'Uuser\n给定文章"<Seg0> # 茶\n<Seg1> 秋天的山路。\n<Seg2> Tea, again.\n" 根据上述文章，选择适合插入图像的行E\n'
        "Uassistant\n适合插入图像的行是",
    ),
    "places, so many": (
        X.places(TEXTS[:1], 3, (RED,)),
        'Uuser\n▢给定文章"<Seg0> # 茶\n" 根据上述文章，选择适合插入图像的3行E\nUassistant\n适合插入图像的行是',
    ),
    "first caption": (
        X.caption(TEXTS, 0, ()),
        'Uuser\n给定文章"<Seg0> # 茶\n<Seg1> 秋天的山路。\n" '
        '给出适合在<Seg0>后插入的图像对应的标题。E\nUassistant\n标题是"',
    ),
    "third caption": (
        X.caption(TEXTS, 2, ((0, "一杯茶"), (1, "A road"))),
        'Uuser\n给定文章"<Seg0> # 茶\n<Seg1> 秋天的山路。\n<Seg2> Tea, again.\n" '
        '现在<Seg0>后插入图像对应的标题是"一杯茶"， <Seg1>后插入图像对应的标题是"A road"。'
        '给出适合在<Seg2>后插入的图像对应的标题。E\nUassistant\n标题是"',
    ),
    "choice": (
        CHOICE[0],
        "Uuser\n根据给定上下文和候选图像，选择合适的配图：# 茶\n秋天的山路。\n▢Tea, again.\n候选图像包括: A.▢\nB.▢E\n"
        "Uassistant\n最合适的图是:",
    ),
    "expand": (
        X.edit("expand", "茶是一种饮料。", "历史"),
        "Uuser\n扩写以下段落：茶是一种饮料。\n基于以下素材：历史E\nUassistant\n",
    ),
    "rewrite": (X.edit("rewrite", "{p}", "{x}"), "Uuser\n改写以下段落：{p}\n基于以下素材：{x}E\nUassistant\n"),
    "shorten": (X.edit("shorten", "A long text.", ""), "Uuser\n缩写以下段落：A long text.E\nUassistant\n"),
    "insert": (
        X.edit("insert", "前", "中", after="后"),
        "Uuser\n在以下两段中插入一段。\n第一段：前\n第二段：后\n插入段的大纲：中E\nUassistant\n",
    ),
    "InternLM2-Chat": (
        I2.chat((("你好", (), "Hello."), ("Who are you?", (), ""))),
        f"Usystem\n{META2}E\nUuser\n你好E\nUassistant\nHello.E\nUuser\nWho are you?E\nUassistant\n",
    ),
    "InternLM2-Chat, article": (I2.article("About lakes.", (RED,)), "Uuser\nAbout lakes.E\nUassistant\n"),
}


RECORDED: dict[str, list[int]] = json.loads((DATA / "prompt_ids.json").read_text())  # -1 is a picture


def spelled(prompt: Prompt) -> str:
    """A prompt as the text of a case."""
    names = {"[UNUSED_TOKEN_146]": "U", "[UNUSED_TOKEN_145]": "E", "<|im_start|>": "U", "<|im_end|>": "E"}
    parts = []
    for segment in prompt:
        match segment:
            case Text(text):
                parts.append(text)
            case Control(piece):
                parts.append(names[piece])
            case Image():
                parts.append("▢")
    return "".join(parts)


@pytest.mark.parametrize("case", CASES)
def test_the_texts_are_the_originals(case: str) -> None:
    prompt, text = CASES[case]
    assert spelled(prompt) == text


@pytest.fixture(scope="module")
def processor() -> SentencePieceProcessor:
    return SentencePieceProcessor(model_file=str(REAL_TOKENIZER))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return from_file(REAL_TOKENIZER, 92544)


def original(processor: SentencePieceProcessor, text: str) -> list[list[int]]:
    """The ids between the pictures, as the original code makes them; the first run has the BOS."""
    named = re.sub(r"U(?=system|user|assistant)", "[UNUSED_TOKEN_146]", re.sub(r"E\n", "[UNUSED_TOKEN_145]\n", text))
    first, *others = named.split("▢")
    return [[1, *processor.encode(first)], *map(processor.encode, others)]


@needs_tokenizer
@pytest.mark.parametrize("case", CASES)
def test_the_ids_are_the_originals(case: str, processor: SentencePieceProcessor, tokenizer: Tokenizer) -> None:
    prompt, text = CASES[case]
    runs = tokenizer.encode(prompt)
    expected = [run for run in original(processor, text) if run]
    assert [run for run in runs if not isinstance(run, Image)] == expected
    ids = [id for run in runs for id in ([-1] if isinstance(run, Image) else run)]
    assert ids.count(-1) == text.count("▢") and ids.count(1) == 1 and ids[0] == 1
    assert ids == RECORDED[case]


@needs_tokenizer
def test_a_choice_is_told_by_one_token_after_the_colon(tokenizer: Tokenizer) -> None:
    assert CHOICE and CHOICE[1] == (" A", " B")
    ends = [tokenizer.encode((*CHOICE[0], Text(option)))[-1] for option in CHOICE[1]]
    assert [end[-6:] for end in ends] == [[60442, 70823, 60472, 60357, 334, letter] for letter in (493, 556)]  # type: ignore[index]
