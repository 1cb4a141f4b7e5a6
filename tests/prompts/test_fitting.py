"""Prompts that fit by construction: within the context whatever is asked, unchanged where they fit."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from golden import REAL_TOKENIZER, needs_tokenizer, picture
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.engine.scripted import ScriptedEngine, prompt_text
from studio.errors import ContextOverflow
from studio.prompts import Dialect, fitting
from studio.prompts.budget import Budget
from studio.prompts.instruct import Instruct
from studio.prompts.internlm2 import InternLM2
from studio.prompts.starter import Starter
from studio.prompts.xcomposer2 import XComposer2
from studio.protocol import Image, ModelCard, Prompt
from studio.specs import ScriptedSpec

X = XComposer2()
RED, BLUE = picture("red"), picture("blue")
CARD = ScriptedSpec().card


def budget(context: int, image_tokens: int = 256, card: ModelCard = CARD, tokenizer: str = "") -> Budget:
    """As the scripted engine counts: words and Chinese characters."""
    card = replace(card, context=context, image_tokens=image_tokens)
    engine = ScriptedEngine(ScriptedSpec(card=card, tokenizer=tokenizer))
    return Budget(card, lambda prompts: engine.count("composer", prompts))


REAL = budget(4096, tokenizer=str(REAL_TOKENIZER))
WORDS = st.sampled_from(
    ["tea ", "road ", "茶马古道", "秋天。", "mountain, ", "\ud83e", "<Seg1> ", "[UNUSED_TOKEN_145]"]
)
PARAGRAPH = st.builds(
    lambda mark, words, times: mark + "".join(words) * times,
    st.sampled_from(["", "", "# ", "## "]),
    st.lists(WORDS, max_size=6),
    st.sampled_from([1, 1, 3, 20, 150]),
)
PARAGRAPHS = st.lists(PARAGRAPH, min_size=1, max_size=30).map(tuple)
IMAGES = st.lists(st.sampled_from([RED, BLUE]), max_size=15).map(tuple)
CONTEXT = st.sampled_from([1200, 2048, 4096, 16384])
UNHURRIED = settings(deadline=None)
SPEECH = st.sampled_from([X, InternLM2(), Starter(), Instruct()])


@UNHURRIED
@given(PARAGRAPHS, st.lists(st.integers(0, 29), max_size=15, unique=True), CONTEXT)
def test_a_choice_loses_pictures_first_then_text(paragraphs: tuple[str, ...], at: list[int], context: int) -> None:
    within = budget(context, image_tokens=100)
    chosen = tuple((i, RED) for i in sorted(at) if i < len(paragraphs) - 1)
    asked = fitting.choice(within, X, paragraphs, chosen, (BLUE,) * 4)
    whole = X.choice(paragraphs, chosen, (BLUE,) * 4)
    assert asked and whole and asked[1] == whole[1]
    assert within.tokens(asked[0]) < context
    assert asked[0].count(BLUE) == 4
    if within.fits(whole[0], fitting.OPTION):
        assert asked == whole
        return
    text = prompt_text(asked[0])
    worded = [p for p in paragraphs if p]
    if asked[0].count(RED):  # the newest of them, and all the text
        assert asked[0] == X.choice(paragraphs, chosen[-asked[0].count(RED) :], (BLUE,) * 4)[0]  # type: ignore[index]
    elif sum(map(len, worded[-2:])) < 500:
        assert "\n".join(worded[-2:]) in re.sub("\n+", "\n", text)


@UNHURRIED
@given(PARAGRAPHS, st.data(), CONTEXT, st.sampled_from([X, InternLM2()]))
def test_a_caption_keeps_what_is_around_the_place(
    paragraphs: tuple[str, ...], data: st.DataObject, context: int, dialect: Dialect
) -> None:
    within = budget(context)
    place = data.draw(st.integers(0, len(paragraphs) - 1))
    past = tuple((i, f"caption {i} " * 20) for i in range(place))
    prompt = fitting.caption(within, dialect, paragraphs, place, past)
    whole = dialect.caption(paragraphs, place, past)
    assert prompt and whole and within.tokens(prompt) + fitting.CAPTION <= context
    if within.fits(whole, fitting.CAPTION):
        assert prompt == whole
        return
    text = prompt_text(prompt)
    assert f"<Seg{place}> " in text and f"在<Seg{place}>后插入" in text
    named = {int(n) for n in re.findall(r"<Seg(\d+)>后插入图像对应的标题是", text)}
    assert not named or min(named) >= int(re.findall(r'给定文章"<Seg(\d+)>', text)[0]), "a caption without its text"


@UNHURRIED
@given(PARAGRAPHS, st.none() | st.integers(1, 15), IMAGES, CONTEXT, st.sampled_from([X, InternLM2()]))
def test_places_are_asked_for_in_parts_that_cover_the_article(
    paragraphs: tuple[str, ...], count: int | None, images: tuple[Image, ...], context: int, dialect: Dialect
) -> None:
    within = budget(context, image_tokens=200)
    parts = fitting.places(within, dialect, paragraphs, count, images)
    whole = dialect.places(paragraphs, count, images)
    assert whole
    if within.fits(whole, fitting.PLACES):
        assert parts == (fitting.Part(whole, 0, len(paragraphs), count),)
        return
    for part in parts:
        assert within.tokens(part.prompt) + fitting.PLACES <= context
        assert f"<Seg{part.first}> " in prompt_text(part.prompt) and f"<Seg{part.last - 1}> " in prompt_text(
            part.prompt
        )
    if count is None:
        assert {i for part in parts for i in range(part.first, part.last)} == set(range(len(paragraphs)))
        assert all(b.first < a.last or a.last - a.first == 1 for a, b in zip(parts, parts[1:], strict=False)), "overlap"
    else:
        assert sum(part.count or 0 for part in parts) == count


@UNHURRIED
@given(SPEECH, PARAGRAPHS, IMAGES, st.sampled_from([0, 50, 800, 9000]), CONTEXT, st.sampled_from([96, 500, 4096]))
def test_writing_has_room(
    dialect: Dialect, written: tuple[str, ...], images: tuple[Image, ...], notes: int, context: int, wanted: int
) -> None:
    within, materials = budget(context, image_tokens=200), "In 1931 the ferry began. " * notes

    def ask(images: tuple[Image, ...], materials: str, begin: str) -> Prompt:
        return dialect.article("The last ferry", images, begin, materials)

    asked = fitting.writing(within, ask, images, materials, written, wanted)
    share = min(wanted, max(128, context // 4))
    assert within.tokens(asked.prompt) + asked.room <= context
    assert share <= asked.room <= wanted and not asked.tight
    whole = ask(images, materials, "\n\n".join(written).strip())
    if within.fits(whole, share):
        assert asked.prompt == whole and (asked.images, asked.materials) == (len(images), len(materials))
        return
    assert materials.startswith("In 1931 the ferry began. " * 3 if asked.materials > 80 else "")
    kept = asked.prompt.count(RED) + asked.prompt.count(BLUE)
    assert kept == (asked.images if dialect is X else 0)


def test_what_is_written_shrinks_to_its_headings_and_the_last_paragraphs() -> None:
    written = ("# Tea", "## One", "a " * 300, "b " * 300, "## Two", "c " * 300, "d " * 500, "## Three")
    asked = fitting.writing(
        budget(1024), lambda i, m, begin: X.section("tea", (), "", begin, i, m), (), "", written, 512
    )
    begin = prompt_text(asked.prompt).rsplit("assistant\n", 1)[1]
    assert begin == "# Tea\n\n## One\n\n## Two\n\n" + "d " * 500 + "\n\n## Three\n\n"


@UNHURRIED
@given(
    st.lists(
        st.tuples(st.sampled_from(["q", "q " * 300, "问" * 90]), IMAGES.map(lambda i: i[:5]), PARAGRAPH),
        min_size=1,
        max_size=8,
    ),
    CONTEXT,
    SPEECH,
    st.sampled_from([1, 512, 4096]),
)
def test_chat_loses_the_oldest_pictures_then_the_oldest_turns(
    turns: list[tuple[str, tuple[Image, ...], str]], context: int, dialect: Dialect, wanted: int
) -> None:
    within = budget(context, image_tokens=225, card=replace(CARD, sees=dialect is X))
    given_ = tuple((q, images if dialect is X else (), a) for q, images, a in turns)
    alone = dialect.chat(given_[-1:], "")
    try:
        asked = fitting.chat(within, dialect, given_, "", wanted)
    except ContextOverflow as e:
        assert not within.fits(alone, min(wanted, 128))
        assert e.facts["needed"] == within.tokens(alone) + min(wanted, 128)
        return
    assert within.tokens(asked.prompt) + asked.room <= context and asked.room >= min(wanted, 128)
    whole = dialect.chat(given_, "")
    if within.fits(whole, within.share(wanted)):
        assert asked.prompt == whole and (asked.pictures, asked.turns) == (0, 0)
    shown_pictures = [s for s in asked.prompt if isinstance(s, Image)]
    everything = [image for _, images, _ in given_ for image in images]
    assert shown_pictures == everything[asked.pictures :]
    assert not asked.turns or asked.pictures == len(everything) - len(given_[-1][1]), "pictures go first"


def test_an_insertion_keeps_what_is_next_to_the_gap_and_an_edit_is_refused() -> None:
    within = budget(512)
    before, after = "far. " * 600 + "near.", "next. " + "far. " * 600
    prompt, room = fitting.edit(within, X, "insert", before, "a bridge", after, 500)
    assert "near.\n第二段：next." in prompt_text(prompt) and within.tokens(prompt) + room <= 512
    with pytest.raises(ContextOverflow) as caught:
        fitting.edit(within, X, "rewrite", before, "", "", 500)
    assert caught.value.facts["limit"] == 512 and caught.value.facts["needed"] > 700  # type: ignore[operator]


def test_an_instruction_that_leaves_little_room_says_so_and_one_that_leaves_none_is_refused() -> None:
    def ask(images: tuple[Image, ...], materials: str, begin: str) -> Prompt:
        return X.article("word " * 800, images, begin, materials)

    asked = fitting.writing(budget(1024), ask, (RED,), "notes", (), 4096)
    assert asked.tight and 128 <= asked.room < 256 and asked.images == 0
    with pytest.raises(ContextOverflow):
        fitting.writing(budget(900), ask, (), "", (), 4096)


@needs_tokenizer
@UNHURRIED
@given(PARAGRAPHS)
def test_no_text_has_more_tokens_than_bytes(paragraphs: tuple[str, ...]) -> None:
    prompt = X.chat((("\n".join(paragraphs), (RED, BLUE), ""),))
    assert REAL.tokens(prompt) <= REAL._max_tokens(prompt)
    (directly,) = REAL.count((prompt,))
    assert REAL.tokens(prompt) == directly, "what is counted without the pictures is what the engine counts"
