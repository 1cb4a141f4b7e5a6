"""Prompts that fit a model's context by construction: what goes first when not everything fits.

Each step of composing has versions of its prompt, from the whole one down to the least that still makes sense; the
fullest that leaves room for the answer is asked, and a prompt that fits is asked as it is. What is left of a prompt
keeps its trained form. Only what nothing can be left out of (a question, an instruction, a paragraph to be edited) is
refused, with the numbers, before anything is computed. All of it is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from studio.errors import ContextOverflow
from studio.prompts import Dialect, Edit
from studio.prompts.budget import Budget
from studio.prompts.messages import Message
from studio.prompts.part_edits import NOTHING, Around
from studio.protocol import MIN_NEW_TOKENS, Image, Prompt

Turns = tuple[tuple[str, tuple[Image, ...], str], ...]  # question, pictures, answer

NEIGHBOURS = 2  # paragraphs before a place that are always shown
OVERLAP = 2  # paragraphs that two parts of an article share
HALVINGS = 7  # a paragraph that is too long alone is cut to a half, a quarter … this often
LEVELS = 32  # steps in which materials are cut
MIN_IMAGES = 4  # reference pictures that stay until the materials are down to a quarter
OPTION = 8  # tokens for the letter of a choice
CAPTION = 60
PLACES = 120


def choice(
    budget: Budget,
    dialect: Dialect,
    paragraphs: tuple[str, ...],
    chosen: tuple[tuple[int, Image], ...],
    candidates: tuple[Image, ...],
) -> tuple[Prompt, tuple[str, ...]] | None:
    """See `Dialect.choice`. The oldest chosen pictures go first, then the oldest text; never the candidates."""
    if (whole := dialect.choice(paragraphs, chosen, candidates)) is None:
        return None
    last = _neighbours(paragraphs)
    states = [(0, old, 0) for old in range(len(chosen) + 1)]
    states += [(first, len(chosen), 0) for first in range(1, last + 1)]
    states += [(last, len(chosen), halved) for halved in range(1, HALVINGS + 1)]

    def build(state: tuple[int, int, int]) -> Prompt:
        first, old, halved = state
        asked = dialect.choice(_ends(paragraphs[first:], halved), chosen[old:], candidates)
        assert asked is not None
        return asked[0]

    return budget.fullest(states, build, OPTION)[1], whole[1]


def choice_by_captions(
    budget: Budget, dialect: Dialect, paragraphs: tuple[str, ...], captions: tuple[str, ...]
) -> tuple[Prompt, tuple[str, ...]] | None:
    """See `Dialect.choice_by_captions`. The oldest text goes first."""
    if (whole := dialect.choice_by_captions(paragraphs, captions)) is None:
        return None
    last = _neighbours(paragraphs)
    states = [(first, 0) for first in range(last + 1)] + [(last, halved) for halved in range(1, HALVINGS + 1)]

    def build(state: tuple[int, int]) -> Prompt:
        asked = dialect.choice_by_captions(_ends(paragraphs[state[0] :], state[1]), captions)
        assert asked is not None
        return asked[0]

    return budget.fullest(states, build, OPTION)[1], whole[1]


def caption(
    budget: Budget, dialect: Dialect, paragraphs: tuple[str, ...], place: int, past: tuple[tuple[int, str], ...]
) -> Prompt | None:
    """See `Dialect.caption`. Text goes from the beginning, with its captions; the numbers of the rest stay."""
    if dialect.caption(paragraphs, place, past) is None:
        return None
    last = _neighbours(paragraphs[: place + 1])
    states = [(first, 0, 0) for first in range(last + 1)]
    states += [(last, old, 0) for old in range(1, len(past) + 1)]
    states += [(last, len(past), halved) for halved in range(1, HALVINGS + 1)]

    def build(state: tuple[int, int, int]) -> Prompt:
        first, old, halved = state
        shown = _ends(paragraphs[: place + 1], halved) + _starts(paragraphs[place + 1 :], halved)
        captions = tuple((at, text) for at, text in past if at >= first)
        asked = dialect.caption(shown, place, captions[max(0, old - len(past) + len(captions)) :], first)
        assert asked is not None
        return asked

    return budget.fullest(states, build, CAPTION)[1]


@dataclass(frozen=True)
class Part:
    """A question for places in paragraphs `first` … `last` - 1, `count` of them (None: the model says how many)."""

    prompt: Prompt
    first: int
    last: int
    count: int | None


def places(
    budget: Budget, dialect: Dialect, paragraphs: tuple[str, ...], count: int | None, images: tuple[Image, ...]
) -> tuple[Part, ...]:
    """See `Dialect.places`; none where the model cannot do it. An article that is too long is asked about in parts that
    overlap a little, each for its share of the places. Reference pictures take half of the context at most."""
    whole = dialect.places(paragraphs, count, images)
    if whole is None or not paragraphs:
        return ()
    if budget.fits(whole, PLACES):
        return (Part(whole, 0, len(paragraphs), count),)
    if seen := next((segment for segment in whole if isinstance(segment, Image)), None):
        images = images[: budget.card.context // 2 // max(1, budget.card.tokens_of(seen))]

    def ask(shown: tuple[str, ...], number: int | None, first: int) -> Prompt:
        asked = dialect.places(shown, number, images, first)
        assert asked is not None
        return asked

    parts, total, done = [], len(paragraphs), 0
    for first, last, shown in _parts(budget, paragraphs, lambda shown, first: ask(shown, count, first)):
        # rounding the sum so far gives every place to one part
        share = None if count is None else round(count * last / total) - round(count * done / total)
        done = last
        if share != 0:
            parts.append(Part(ask(shown, share, first), first, last, share))
    return tuple(parts)


def _parts(
    budget: Budget, paragraphs: tuple[str, ...], ask: Callable[[tuple[str, ...], int], Prompt]
) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """First, last and text of the parts, each as long as fits; a paragraph too long for one is shown by its start."""
    first, wanted = 0, PLACES + OPTION  # the share of a part may have a token more than the whole number
    while True:
        states = [(last, 0) for last in range(len(paragraphs), first, -1)]
        states += [(first + 1, halved) for halved in range(1, HALVINGS + 1)]

        def part_text(state: tuple[int, int], first: int = first) -> tuple[str, ...]:
            return _starts(paragraphs[first : state[0]], state[1])

        state, _ = budget.fullest(states, lambda state, first=first: ask(part_text(state), first), wanted)  # type: ignore[misc]
        yield first, state[0], part_text(state)
        if state[0] == len(paragraphs):
            return
        first = max(first + 1, state[0] - OVERLAP)


@dataclass(frozen=True)
class Writing:
    """A prompt for text and how many new tokens have room; how many reference pictures and characters of the materials
    it has. `tight`: what it is written from leaves less room than it should."""

    prompt: Prompt
    room: int
    images: int
    materials: int
    tight: bool = False


def writing(
    budget: Budget,
    ask: Callable[[tuple[Image, ...], str, str], Prompt],
    images: tuple[Image, ...],
    materials: str,
    written: tuple[str, ...],
    wanted: int,
) -> Writing:
    """A prompt of `ask(images, materials, text so far)` that leaves room for up to `wanted` tokens.

    Of the pictures the last go first, the materials are kept from their start, and of the text so far the beginning
    shrinks to its headings. The text gets a quarter of the context, if not all of it is needed; what does not depend on
    it is cut in the same way each time, so that it stays in the prefix cache.
    """
    answer = budget.share(wanted)
    whole = ask(images, materials, _joined(written))
    if budget.fits(whole, answer):
        return Writing(whole, budget.room(whole, wanted), len(images), len(materials))
    spare = budget.share(sum(len(block.encode("utf-8", "surrogatepass")) + 2 for block in written))
    states = _references(len(images), bool(materials))

    def bare(state: tuple[int, int]) -> Prompt:
        return ask(images[: state[0]], _start(materials, state[1], LEVELS), "")

    try:
        (count, level), _ = budget.fullest(states, bare, answer + spare)
    except ContextOverflow:  # an instruction that leaves little room by itself
        answer = min(wanted, MIN_NEW_TOKENS)
        (count, level), _ = budget.fullest(states, bare, answer)
    kept = _start(materials, level, LEVELS)
    _, prompt = budget.fullest(
        _beginnings(written), lambda state: ask(images[:count], kept, _joined(_shrunk(written, *state))), answer
    )
    room = budget.room(prompt, wanted)
    return Writing(prompt, room, count, len(kept), room < budget.share(wanted))


def edit(
    budget: Budget,
    dialect: Dialect,
    kind: Edit,
    paragraph: str,
    instruction: str,
    after: str,
    wanted: int,
    around: Around = NOTHING,
) -> tuple[Prompt, int]:
    """See `Dialect.edit`; with how many new tokens have room. Of an insertion's neighbours, and of what stands around
    words, the parts next to them stay; what is edited is whole, or refused."""
    inserts = kind == "insert"

    def build(halved: int) -> Prompt:
        edited = _ends((paragraph,), halved if inserts else 0)[0]
        kept = _ends(around[:1], halved)[0], _starts(around[1:], halved)[0]
        return dialect.edit(kind, edited, instruction, _starts((after,), halved)[0], kept)

    states = range(HALVINGS + 1) if inserts or any(around) else range(1)
    _, prompt = budget.fullest(states, build, min(wanted, MIN_NEW_TOKENS))
    return prompt, budget.room(prompt, wanted)


@dataclass(frozen=True)
class Conversing:
    """A prompt for an answer and how many new tokens have room. The oldest `pictures` and `turns` are left out."""

    prompt: Prompt
    room: int
    pictures: int = 0
    turns: int = 0


def chat(budget: Budget, dialect: Dialect, turns: Turns, begin: str, wanted: int) -> Conversing:
    """See `Dialect.chat`. The oldest pictures of earlier turns go first, then the oldest turns; the last one never."""
    earlier = sum(len(images) for _, images, _ in turns[:-1])
    states = [(pictures, 0) for pictures in range(earlier + 1)]
    states += [(earlier, old) for old in range(1, len(turns))]

    def build(state: tuple[int, int]) -> Prompt:
        left, kept = state[0], []
        for question, images, answer in turns:
            kept.append((question, images[left:], answer))
            left = max(0, left - len(images))
        return dialect.chat(tuple(kept[state[1] :]), begin)

    try:
        (pictures, old), prompt = budget.fullest(states, build, budget.share(wanted))
    except ContextOverflow:  # a long question, which still leaves room for a short answer
        (pictures, old), prompt = budget.fullest(states, build, min(wanted, MIN_NEW_TOKENS))
    return Conversing(prompt, budget.room(prompt, wanted), pictures, old)


def talk(
    budget: Budget,
    dialect: Dialect,
    opening: tuple[Message, ...],
    turns: tuple[tuple[Message, ...], ...],
    begin: str,
    wanted: int,
    left_out: int = 0,
) -> Conversing:
    """See `Dialect.talk`. The opening stays, and the last turn's question, whose answer starts with `begin`; the oldest
    turns go, those first that were `left_out` before. When more must go, so many go at once that another quarter of the
    context is free: until then each prompt begins as the one before, and what was read need not be read again."""
    states = range(min(left_out, len(turns) - 1), len(turns))

    def build(gone: int) -> Prompt:
        spoken = [message for turn in turns[gone:-1] for message in turn]
        return dialect.talk((*opening, *spoken, turns[-1][0]), begin)

    share = budget.share(wanted)
    if budget.fits(prompt := build(states[0]), share):
        return Conversing(prompt, budget.room(prompt, wanted), turns=states[0])
    for answer in (share + budget.card.context // 4, min(wanted, MIN_NEW_TOKENS)):
        try:
            gone, prompt = budget.fullest(states, build, answer)
            return Conversing(prompt, budget.room(prompt, wanted), turns=gone)
        except ContextOverflow as e:
            overflow = e
    raise overflow


# What is left of texts


def _neighbours(paragraphs: tuple[str, ...]) -> int:
    """Where the last paragraphs that have words begin."""
    worded = [at for at, paragraph in enumerate(paragraphs) if paragraph]
    return worded[-NEIGHBOURS] if len(worded) >= NEIGHBOURS else 0


def _references(images: int, materials: bool) -> list[tuple[int, int]]:
    """How many pictures, and how much of the materials in LEVELS, from all to none."""
    fewest, quarter = min(MIN_IMAGES, images), LEVELS // 4 if materials else 0
    full = LEVELS if materials else 0
    states = [(n, full) for n in range(images, fewest - 1, -1)]
    states += [(fewest, level) for level in range(full - 1, quarter - 1, -1)]
    states += [(n, quarter) for n in range(fewest - 1, -1, -1)]
    return states + [(0, level) for level in range(quarter - 1, -1, -1)]


def _beginnings(written: tuple[str, ...]) -> list[tuple[int, int, int]]:
    """How many of the first blocks keep their headings only, how many go, how often the last ones are halved."""
    last = max(0, len(written) - NEIGHBOURS)
    states = [(bare, 0, 0) for bare in range(last + 1)]
    states += [(last, gone, 0) for gone in range(1, last + 1)]
    return states + [(last, last, halved) for halved in range(1, HALVINGS + 1)]


def _shrunk(written: tuple[str, ...], bare: int, gone: int, halved: int) -> tuple[str, ...]:
    kept = tuple(block for at, block in enumerate(written) if at >= bare or (at >= gone and block.startswith("#")))
    return _ends(kept, halved)


def _joined(written: tuple[str, ...]) -> str:
    return "\n\n".join(written).strip()


def _ends(texts: tuple[str, ...], halved: int) -> tuple[str, ...]:
    """The texts cut to their ends: a half, a quarter … of each."""
    return tuple(text[len(text) - (len(text) >> halved) :] for text in texts) if halved else texts


def _starts(texts: tuple[str, ...], halved: int) -> tuple[str, ...]:
    return tuple(text[: len(text) >> halved] for text in texts) if halved else texts


def _start(text: str, level: int, of: int) -> str:
    """The first `level` of `of` parts of a text, up to the end of a line, a sentence or a word where one is near."""
    if level == of or not text:
        return text
    cut = text[: len(text) * level // of]
    near = max(len(cut) - 200, 0)
    for ends in ("\n", "。！？.!?", " "):
        if (at := max(cut.rfind(end, near) for end in ends)) > 0:
            return cut[: at + 1].rstrip()
    return cut
