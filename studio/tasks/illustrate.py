"""Putting pictures into a written article: place → caption → find → choose.

What a model cannot do (its dialect says None) is done by retrieval, so the steps are the same for a 135M model and for
XComposer2. With the number left open only pictures that fit are taken; with a number asked for it is met as long as
the library has pictures, and a place that stays empty says why, there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from studio.documents.article import Article, Illustration, Section
from studio.prompts import replies
from studio.protocol import Sampling
from studio.tasks.find import Finder, Found
from studio.tasks.model_calls import Calls
from studio.tasks.progress import Progress, language_of

CANDIDATES = 4  # pictures among which the model chooses
AUTOMATIC = 4  # the most places that retrieval takes when the number is left open
FITS = 0.75  # … and how good a picture must be for it, against the best one of the article

_NOTES = {
    "none_left": ("No picture here: the library has no other picture left.", "此处没有配图：图库里没有其他图片了。"),
}


def illustrate(article: Article, calls: Calls, finder: Finder) -> Iterator[Progress]:
    """The article with pictures as they come. Ends early when it is stopped."""
    brief = article.brief
    if brief.images == 0:
        return
    article = replace(article, status=article.status if article.status == "cut" else "illustrating")
    yield Progress(article, "placing")
    finder.prepare(brief.pictures, language_of(article.markdown))
    places = yield from _places(article, calls, finder)
    article, places = _room_for(article, places, brief.images)
    captions: list[tuple[int, str]] = []
    for number, place in enumerate(places, 1):
        if calls.stop.pressed:
            return
        progress = Progress(article, "captioning", number, len(places))
        yield progress
        captions.append((place, (yield from _caption(progress, place, captions, calls))))
    for number, (place, caption) in enumerate(captions, 1):
        if calls.stop.pressed:
            return
        for progress in _fill(article, place, caption, calls, finder):
            article = progress.article
            yield replace(progress, number=number, of=len(captions))


def illustrate_one(article: Article, section: str, calls: Calls, finder: Finder) -> Iterator[Progress]:
    """A picture for one section, in place of the one it may have."""
    place = article.index(section)
    finder.prepare(article.brief.pictures, language_of(article.markdown))
    progress = Progress(article, "captioning", 1, 1)
    yield progress
    caption = yield from _caption(progress, place, [], calls)
    for progress in _fill(article, place, caption, calls, finder):
        yield replace(progress, number=1, of=1)


def _fill(article: Article, place: int, caption: str, calls: Calls, finder: Finder) -> Iterator[Progress]:
    """Find and choose the picture of one place."""
    yield Progress(article, "finding")
    query = caption or _query(article, place)
    found = finder.find(query, CANDIDATES, frozenset(p.key for p in article.pictures))
    yield Progress(article, "choosing")
    chosen = yield from _choose(article, place, found, calls)
    if not calls.stop.pressed:
        yield Progress(_placed(article, place, caption, chosen, found), "choosing")


def _places(article: Article, calls: Calls, finder: Finder) -> Generator[Progress, None, tuple[int, ...]]:
    """Sections to illustrate: those the model names, filled up with those for which the library has the most."""
    brief, texts = article.brief, tuple(s.text for s in article.sections)
    named: tuple[int, ...] = ()
    if prompt := calls.speech.places(texts, brief.images, calls.images(brief.pictures)):
        sampling = Sampling(temperature=0.0, repetition_penalty=1.0, max_tokens=120)
        reply = yield from calls.told(prompt, sampling, Progress(article, "placing"))
        named = replies.places(reply, texts, brief.images)
        if brief.images is None and named:
            return named
    free = [i for i, s in enumerate(article.sections) if s.text and not s.is_heading and i not in named]
    scores = dict(zip(free, finder.promises([_query(article, i) for i in free]), strict=True))
    wanted = brief.images
    if wanted is None:
        wanted = len(brief.pictures) or min(AUTOMATIC, max(1, round(len(free) / 2)))
        if not brief.pictures:
            free = [i for i in free if scores[i] >= FITS * max(scores.values())]
    best = sorted(free, key=lambda i: -scores[i])[: max(0, wanted - len(named))]
    return tuple(sorted((*named, *best)))


def _caption(
    progress: Progress, place: int, past: list[tuple[int, str]], calls: Calls
) -> Generator[Progress, None, str]:
    """The model's caption for a picture there; empty where it writes none, and the picture's own is taken."""
    article = progress.article
    prompt = calls.speech.caption(tuple(s.text for s in article.sections), place, tuple(past))
    if prompt is None:
        return ""
    sampling = calls.sampling(article.brief, max_tokens=60, stop=('"', "\n"))
    return replies.caption((yield from calls.told(prompt, sampling, progress)))


def _choose(article: Article, place: int, found: list[Found], calls: Calls) -> Generator[Progress, None, Found | None]:
    """The model's choice where it sees, else the nearest in meaning, which stands first."""
    if len(found) < 2 or calls.stop.pressed:
        return found[0] if found else None
    before = article.sections[: place + 1]
    shown = [(i, s.illustration.picture) for i, s in enumerate(before[:-1]) if s.illustration]
    images = calls.images(tuple(picture for _, picture in shown))
    candidates = calls.images(tuple(f.picture for f in found))
    if not candidates:
        return found[0]
    asked = calls.speech.choice(
        tuple(s.text for s in before), tuple(zip((i for i, _ in shown), images, strict=True)), candidates
    )
    return found[(yield from calls.choose(*asked, Progress(article, "choosing")))] if asked else found[0]


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
