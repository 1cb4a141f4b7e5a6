"""Composing an illustrated article: write → place → caption → find → choose.

`Composer.write` is a generator of `Progress`, each with the article as it stands; whoever reads it saves and shows.
It knows neither the page nor the store, only the lane that computes and the library that finds. What a model cannot
do (its dialect says None) is done by retrieval, so the steps are the same for a 135M model and for XComposer2.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from studio.article import Article, Brief, Illustration, Picture, Section, split
from studio.errors import EngineError, Language, StudioError
from studio.find import Finder, Found
from studio.prompts import Dialect, Edit, dialect, replies
from studio.protocol import (
    Call,
    Choose,
    Done,
    Failed,
    Generate,
    Image,
    ModelCard,
    Piece,
    Queued,
    Sampling,
    Scores,
)
from studio.worker.lane import Lane, Ticket

Step = Literal["writing", "placing", "captioning", "finding", "choosing", "done"]
CANDIDATES = 4  # pictures among which the model chooses
AUTOMATIC = 4  # the most places that retrieval takes when the number is left open

_NOTES = {
    "none_left": ("No picture here: the library has no other picture left.", "此处没有配图：图库里没有其他图片了。"),
}


@dataclass(frozen=True)
class Progress:
    """The article as it stands. `number` of `of` is the picture at work, `speed` tokens a second, `waiting` the place
    in the queue while another call runs, `error` what ended it."""

    article: Article
    step: Step
    number: int = 0
    of: int = 0
    speed: float = 0.0
    waiting: Queued | None = None
    error: StudioError | None = None


class Stop:
    """A button that ends work under way: it cancels the call that runs and every one that would follow."""

    def __init__(self) -> None:
        self._pressed = threading.Event()
        self._ticket: Ticket | None = None

    @property
    def pressed(self) -> bool:
        """Whether it was pressed."""
        return self._pressed.is_set()

    def press(self) -> None:
        """End the work, from any thread."""
        self._pressed.set()
        if ticket := self._ticket:
            ticket.cancel()

    def watch(self, ticket: Ticket) -> Ticket:
        """The call that a press would cancel now."""
        self._ticket = ticket
        if self.pressed:
            ticket.cancel()
        return ticket


def language_of(text: str) -> Language:
    """Chinese when the text has Chinese characters, else English."""
    return "zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en"


class Composer:
    """See the module. `read` gives the file of a picture by its key."""

    def __init__(self, lane: Lane, finder: Callable[[], Finder], read: Callable[[str], bytes]) -> None:
        self._lane = lane
        self._new_finder = finder  # one for each article: several may be under way
        self._read = read

    def write(self, article: Article, person: str, stop: Stop) -> Iterator[Progress]:
        """Write and illustrate what `article.brief` asks for. Ends with step "done", also when it failed or stopped:
        then the article keeps all that was made, and its status says so."""
        latest = article
        try:
            for progress in self._write(article, person, stop):
                latest = progress.article
                yield progress
            status = "stopped" if stop.pressed else latest.status if latest.status == "cut" else "done"
            yield Progress(replace(latest, status=status), "done")
        except StudioError as e:
            said = e.say(language_of(article.brief.instruction))
            yield Progress(replace(latest, status="failed", error=said), "done", error=e)

    def outline(self, instruction: str, person: str, stop: Stop) -> tuple[str, ...]:
        """Headings for an article, to be edited before it is written."""
        card, speech = self._speech()
        sampling = replace(speech.writing, max_tokens=200)
        text = "1." + self._text(Generate("composer", speech.outline(instruction), sampling), person, stop)
        return replies.headings(text)

    def edit(self, kind: Edit, paragraph: str, instruction: str, after: str, person: str, stop: Stop) -> Iterator[str]:
        """A changed or new paragraph as it grows; the article itself is changed by whoever accepts it."""
        _, speech = self._speech()
        sampling = replace(speech.writing, max_tokens=500, stop=("\n\n",))
        text = ""
        for event in self._events(
            Generate("composer", speech.edit(kind, paragraph, instruction, after), sampling), person, stop
        ):
            if isinstance(event, Piece):
                text += event.text
                yield text.strip()

    # Writing

    def _write(self, article: Article, person: str, stop: Stop) -> Iterator[Progress]:
        brief = article.brief
        card, speech = self._speech()
        article = replace(article, model=card.name, status="writing")
        yield Progress(article, "writing")
        images = tuple(self._image(p) for p in brief.pictures) if card.sees else ()
        if asked := speech.title(brief.instruction):
            sampling = replace(_sampling(speech, brief), max_tokens=24, stop=('"', "\n"))
            title = self._text(Generate("composer", asked, sampling), person, stop)
            article = replace(article, title=replies.title(title, brief.instruction))
            yield Progress(article, "writing")
        if brief.outline:
            article = yield from self._write_outline(article, speech, images, person, stop)
        else:
            call = Generate("composer", speech.article(brief.instruction, images), _sampling(speech, brief))
            article = yield from self._grow(article, call, "", person, stop)
        if stop.pressed:
            return
        if not article.markdown.strip():
            raise EngineError("nothing_written")
        if not article.title:
            article = replace(article, title=replies.title("", brief.instruction))
        yield from self._illustrate(article, card, speech, person, stop)

    def _write_outline(
        self, article: Article, speech: Dialect, images: tuple[Image, ...], person: str, stop: Stop
    ) -> Generator[Progress, None, Article]:
        """Every heading is put into the text in order, so the outline is obeyed by construction."""
        brief = article.brief
        sampling = _sampling(speech, brief)
        share = max(96, sampling.max_tokens // len(brief.outline))
        sampling = replace(sampling, max_tokens=share, stop=("\n#",))
        for heading in brief.outline:
            before = f"{article.markdown}\n\n## {heading}".strip()
            prompt = speech.section(brief.instruction, brief.outline, heading, before, images)
            beginning = "\n\n".join([*(s.text for s in article.sections), f"## {heading}"]) + "\n\n"
            article = yield from self._grow(article, Generate("composer", prompt, sampling), beginning, person, stop)
            article = replace(article, status="writing")  # a section that fills its share is no cut article
            if stop.pressed:
                break
        return article

    def _grow(
        self, article: Article, call: Generate, beginning: str, person: str, stop: Stop
    ) -> Generator[Progress, None, Article]:
        """Stream a generation into the article behind `beginning`; sections keep their ids as they grow."""
        text, began, count = beginning, 0.0, 0
        article = _with_text(article, text)
        for event in self._events(call, person, stop):
            match event:
                case Queued():
                    yield Progress(article, "writing", waiting=event)
                case Piece(piece):
                    began = began or time.monotonic()
                    count += 1
                    text += piece
                    article = _with_text(article, text)
                    spent = time.monotonic() - began
                    yield Progress(article, "writing", speed=count / spent if spent > 0.2 else 0.0)
                case Done(reason, usage):
                    article = replace(article, status="cut" if reason == "length" else article.status)
                    yield Progress(article, "writing", speed=usage.tokens_per_second)
        return article

    # Illustrating

    def _illustrate(
        self, article: Article, card: ModelCard, speech: Dialect, person: str, stop: Stop
    ) -> Iterator[Progress]:
        brief = article.brief
        status = article.status if article.status == "cut" else "illustrating"
        article = replace(article, status=status)
        if brief.images == 0:
            return
        yield Progress(article, "placing")
        finder = self._new_finder()
        finder.prepare(brief.pictures, language_of(article.markdown))
        places = self._places(article, finder, card, speech, person, stop)
        article, places = _room_for(article, places, brief.images)
        captions: list[tuple[int, str]] = []
        for number, place in enumerate(places, 1):
            if stop.pressed:
                return
            yield Progress(article, "captioning", number, len(places))
            captions.append((place, self._caption(article, place, captions, speech, person, stop)))
        for number, (place, caption) in enumerate(captions, 1):
            if stop.pressed:
                return
            yield Progress(article, "finding", number, len(captions))
            query = caption or _query(article, place)
            found = finder.find(query, CANDIDATES, frozenset(p.key for p in article.pictures))
            if len(found) > 1:
                yield Progress(article, "choosing", number, len(captions))
            chosen = self._choose(article, place, found, card, speech, person, stop)
            article = _placed(article, place, caption, chosen, found)
            yield Progress(article, "choosing", number, len(captions))

    def _places(
        self, article: Article, finder: Finder, card: ModelCard, speech: Dialect, person: str, stop: Stop
    ) -> tuple[int, ...]:
        """Sections to illustrate: those the model names, filled up with those for which the library has the most."""
        brief, texts = article.brief, tuple(s.text for s in article.sections)
        found: tuple[int, ...] = ()
        images = tuple(self._image(p) for p in brief.pictures) if card.sees else ()
        if prompt := speech.places(texts, brief.images, images):
            sampling = Sampling(temperature=0.0, repetition_penalty=1.0, max_tokens=120)
            found = replies.places(
                self._text(Generate("composer", prompt, sampling), person, stop), texts, brief.images
            )
            if brief.images is None and found:
                return found
        free = [i for i, s in enumerate(article.sections) if not s.is_heading and i not in found]
        wanted = brief.images
        if wanted is None:
            wanted = len(brief.pictures) or min(AUTOMATIC, max(1, round(len(free) / 2)))
        scores = dict(zip(free, finder.promises([_query(article, i) for i in free]), strict=True))
        best = sorted(free, key=lambda i: -scores[i])[: max(0, wanted - len(found))]
        return tuple(sorted((*found, *best)))

    def _caption(
        self, article: Article, place: int, past: list[tuple[int, str]], speech: Dialect, person: str, stop: Stop
    ) -> str:
        texts = tuple(s.text for s in article.sections)
        prompt = speech.caption(texts, place, tuple(past))
        if prompt is None:
            return ""
        sampling = replace(_sampling(speech, article.brief), max_tokens=60, stop=('"', "\n"))
        return replies.caption(self._text(Generate("composer", prompt, sampling), person, stop))

    def _choose(
        self,
        article: Article,
        place: int,
        found: list[Found],
        card: ModelCard,
        speech: Dialect,
        person: str,
        stop: Stop,
    ) -> Found | None:
        """The model's choice where it sees, else the nearest in meaning, which stands first."""
        if len(found) < 2 or not card.sees or stop.pressed:
            return found[0] if found else None
        before = tuple(s.text for s in article.sections[: place + 1])
        shown = [
            (i, self._image(s.illustration.picture)) for i, s in enumerate(article.sections[:place]) if s.illustration
        ]
        asked = speech.choice(before, tuple(shown), tuple(self._image(f.picture) for f in found))
        if asked is None:
            return found[0]
        end = stop.watch(self._lane.submit(Choose("composer", *asked), person)).result()
        assert isinstance(end, Scores) or stop.pressed
        scores = end.values if isinstance(end, Scores) else (0.0,) * len(found)
        return found[max(range(len(found)), key=scores.__getitem__)]

    # Calls

    def _speech(self) -> tuple[ModelCard, Dialect]:
        card = self._lane.wait_ready()["composer"]
        return card, dialect(card)

    def _image(self, picture: Picture) -> Image:
        return Image(picture.key, self._read(picture.key))

    def _events(self, call: Call, person: str, stop: Stop) -> Iterator[Queued | Piece | Done]:
        ticket = stop.watch(self._lane.submit(call, person))
        try:
            for event in ticket.events():
                if isinstance(event, Failed):
                    raise event.error
                if isinstance(event, Queued | Piece | Done):
                    yield event
        finally:
            ticket.cancel()  # harmless at the end; needed when nobody reads on

    def _text(self, call: Generate, person: str, stop: Stop) -> str:
        return "".join(e.text for e in self._events(call, person, stop) if isinstance(e, Piece))


def _sampling(speech: Dialect, brief: Brief) -> Sampling:
    """What suits the model, with what the person set themselves."""
    own = {
        name: value
        for name in ("temperature", "top_p", "top_k", "repetition_penalty", "max_tokens")
        if (value := getattr(brief, name)) is not None
    }
    return replace(speech.writing, seed=brief.seed, **own)


def _with_text(article: Article, text: str) -> Article:
    """The article with its sections made from `text`; a section at the same place keeps its id."""
    title, blocks = split(text)
    old = article.sections
    sections = tuple(replace(old[i], text=block) if i < len(old) else Section(block) for i, block in enumerate(blocks))
    return replace(article, title=title or article.title, sections=sections)


def _room_for(article: Article, places: tuple[int, ...], images: int | None) -> tuple[Article, tuple[int, ...]]:
    """Where more pictures are asked for than there are paragraphs, wordless sections after them take the rest."""
    missing = (images or 0) - len(places)
    spots = list(places) or ([len(article.sections) - 1] if article.sections else [])
    if missing <= 0 or not spots:
        return article, places
    sections, taken = [], []
    extra = [missing // len(spots) + (i < missing % len(spots)) for i in range(len(spots))]
    for i, section in enumerate(article.sections):
        sections.append(section)
        if i in spots:
            if i in places:
                taken.append(len(sections) - 1)
            for _ in range(extra[spots.index(i)]):
                sections.append(Section(""))
                taken.append(len(sections) - 1)
    return replace(article, sections=tuple(sections)), tuple(taken)


def _query(article: Article, place: int) -> str:
    """What a picture at this place should show, in the text's own words: its heading and its first sentences."""
    words = next((s.text for s in reversed(article.sections[: place + 1]) if s.text and not s.is_heading), "")
    heading = next((s.text.lstrip("# ") for s in reversed(article.sections[: place + 1]) if s.is_heading), "")
    return f"{heading or article.title}. {words[:300]}"


def _placed(article: Article, place: int, caption: str, chosen: Found | None, found: list[Found]) -> Article:
    section = article.sections[place]
    if chosen is None:
        note = _NOTES["none_left"][language_of(article.markdown) == "zh"]
        return article.edit(section.id, note=note)
    others = tuple(f.picture for f in found)
    return article.edit(section.id, illustration=Illustration(chosen.picture, caption or chosen.caption, others))
