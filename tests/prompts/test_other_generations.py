"""The prompts of XComposer2.5 and of v1: where pictures stand, which adapter writes, how turns end."""

from __future__ import annotations

import json

import pytest
from golden import DATA, SHARED, picture

from studio.prompts import dialect_of
from studio.prompts.budget import Budget
from studio.prompts.xcomposer1 import META, XComposer1
from studio.prompts.xcomposer2 import END, SYSTEM, USER, XComposer2
from studio.prompts.xcomposer2d5 import XComposer2d5
from studio.protocol import Adapter, Control, Image, ModelCard, Prompt, Text

RED, BLUE = picture("red"), picture("blue")
D5, V1 = XComposer2d5(), XComposer1()
WRITE = Adapter("write")
CARD = ModelCard("XComposer2.5-7B", "xcomposer2.5", ("zh", "en"), True, 16384, image_tokens=10501, tile_tokens=420)


def plain(prompt: Prompt) -> str:
    """A prompt as text: pictures as {tiles}, control tokens by their ends."""
    parts = []
    for segment in prompt:
        match segment:
            case Text(text):
                parts.append(text)
            case Control(piece):
                parts.append(f"⟨{piece[-4:-1]}⟩")
            case Image():
                parts.append(f"{{{segment.tiles}}}")
            case Adapter(name):
                parts.append(f"⟨{name}⟩")
    return "".join(parts)


def test_a_picture_alone_stands_in_front_and_several_are_named() -> None:
    system = f"⟨146⟩system\n{SYSTEM}⟨145⟩\n"
    alone = plain(D5.chat((("what?", (RED,), "a"), ("more?", (), ""))))
    turns = "⟨146⟩user\nwhat?⟨145⟩\n⟨146⟩assistant\na⟨145⟩\n⟨146⟩user\nmore?⟨145⟩\n⟨146⟩assistant\n"
    assert alone == "{24}" + system + turns
    several = plain(D5.chat((("which?", (RED, BLUE), "a"), ("and this?", (RED,), "")), begin="It"))
    assert several == (
        system + "⟨146⟩user\nImage1 {6}; Image2 {6}; which?⟨145⟩\n⟨146⟩assistant\na⟨145⟩\n"
        "⟨146⟩user\nImage3 {6}; and this?⟨145⟩\n⟨146⟩assistant\nIt"
    )
    assert plain(D5.chat((("hello", (), ""),))) == plain(XComposer2().chat((("hello", (), ""),)))


def test_how_many_tiles_is_whose_choice_it_is() -> None:
    chosen = Image(RED.key, RED.data, 3)
    assert plain(D5.chat((("a", (chosen,), ""),))).startswith("{3}")
    assert "{3}; Image2 {6}" in plain(D5.chat((("a", (chosen, BLUE), ""),)))


def test_what_is_written_is_written_with_the_adapter() -> None:
    assert plain(D5.article("Lakes", ())) == "⟨write⟩⟨146⟩user\nLakes⟨145⟩\n⟨146⟩assistant\n"
    assert plain(D5.article("Lakes", (RED,), "So")).startswith("⟨write⟩{24}⟨146⟩user\nLakes⟨145⟩")
    two = plain(D5.article("Lakes", (RED, BLUE)))
    assert two.startswith("⟨write⟩⟨146⟩user\nImage1 {6}; Image2 {6}; Lakes⟨145⟩")
    assert "{1}; Image4 {1}; Lakes" in plain(D5.article("Lakes", (RED, BLUE, RED, BLUE)))
    for prompt in (D5.section("t", ("a",), "a", "## a", ()), D5.outline("t"), D5.edit("rewrite", "p", "i")):
        assert prompt[0] == WRITE and prompt[1:] != () and sum(isinstance(s, Adapter) for s in prompt) == 1
    assert D5.writing.max_tokens == 8192


def test_placing_asks_the_base_weights_in_the_words_of_xcomposer2() -> None:
    text, two = ("one", "two"), XComposer2()
    assert plain(D5.places(text, 1, (RED,))) == plain(two.places(text, 1, (RED,))).replace("{0}", "{1}")
    assert D5.caption(text, 0, ()) == two.caption(text, 0, ())
    asked, options = D5.choice(text, ((0, RED),), (RED, BLUE)) or ((), ())
    expected, _ = two.choice(text, ((0, RED),), (RED, BLUE)) or ((), ())
    assert plain(asked) == plain(expected).replace("{0}", "{1}") and options == (" A", " B")


def test_pictures_are_counted_by_their_tiles() -> None:
    budget = Budget(CARD, lambda prompts: tuple(len(prompt) for prompt in prompts))
    prompt = (WRITE, USER, Image("a", b"", 1), Image("b", b"", 6), Image("c", b""), END)
    assert budget.tokens(prompt) == 3 + 841 + 2941 + 10501
    assert dialect_of(CARD).article("x", ())[0] == WRITE
    assert not budget.fits(prompt, 3000) and budget.fits(prompt[:4], 3000)


def test_v1_ends_its_turns_in_its_own_way() -> None:
    asked = plain(V1.chat((("what?", (RED,), "a"), ("more?", (BLUE,), "")), begin="It"))
    assert asked == f"{META} <|User|>:{{0}}what? <|Bot|>:a <|User|>:{{0}}more?\n⟨D_0⟩ <|Bot|>:It"
    assert plain(V1.article("西湖的秋天", ())) == (
        " <|User|>:根据给定标题写一个图文并茂，不重复的文章：西湖的秋天\n⟨D_0⟩ <|Bot|>:"
    )
    assert plain(V1.places(("one", "two"), 2, ())) == (
        ' <|User|>:给定文章"<Seg0> one\n<Seg1> two\n" 根据上述文章，选择适合插入图像的2行 \n'
        "⟨D_0⟩ <|Bot|>:适合插入图像的行是"
    )
    assert plain(V1.caption(("one", "two", "three"), 1, ((0, "c"),))) == (
        ' <|User|>: 给定文章"<Seg0> one\n<Seg1> two\n" 现在<Seg0>后插入图像对应的标题是"c"。'
        '给出适合在<Seg1>后插入的图像对应的标题。 \n⟨D_0⟩ <|Bot|>: 标题是"'
    )
    choice, options = V1.choice(("one",), (), (RED, BLUE)) or ((), ())
    assert plain(choice) == (
        " <|User|>:根据给定上下文和候选图像，选择合适的配图：one\n候选图像包括: A.{0}\nB.{0}\n\n"
        "⟨D_0⟩ <|Bot|>:最合适的图是:"
    )
    assert options == (" A", " B") and V1.answering.beams == 5


def test_v1_has_the_recorded_meta_instruction() -> None:
    path = SHARED / "golden_v1" / "tokens.json"
    if not path.is_file():
        pytest.skip(f"no recorded tokens here: {path} (beside {DATA})")
    texts = [case["text"] for case in json.loads(path.read_text())["cases"]]
    assert f"{META} <|User|>:" in texts
