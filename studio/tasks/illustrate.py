"""Putting pictures into a written article: place → caption → find → choose.

What a model cannot do (its dialect says None) is done by retrieval, so the steps are the same for a 135M model and for
XComposer2. A step that fails costs at most one place: places and choices then come from retrieval, captions from the
library, and a place for which nothing could be found stays empty; the article's notes say so.

With the number left open only pictures that fit are taken; with a number asked for it is met as long as the library has
pictures, and a place that stays empty says why, there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TypeVar

from studio.documents.article import MAX_IMAGES, Article, Illustration, Section
from studio.errors import StudioError
from studio.language import language_of
from studio.prompts import fitting, replies
from studio.protocol import Sampling
from studio.tasks.find import Candidate, PictureFinder
from studio.tasks.model_calls import ModelCalls
from studio.tasks.notes import note, with_failure
from studio.tasks.progress import Progress

T = TypeVar("T")

CANDIDATES = 4  # pictures among which the model chooses
MAX_AUTOMATIC = 4  # places that retrieval takes when the number is left open
FITS = 0.75  # … and how good a picture must be for it, against the best one of the article


def illustrate(article: Article, calls: ModelCalls, finder: PictureFinder) -> Iterator[Progress]:
    """Find pictures for the article; yields it after each step. Ends early when it is stopped."""
    brief = article.brief
    if brief.images == 0:
        return
    article = replace(article, status=article.status if article.status == "cut" else "illustrating")
    yield Progress(article, "placing")
    article = _prepare_finder(article, finder)
    article, places = yield from _choose_places(article, calls, finder)
    article, places = _add_wordless_sections(article, places, brief.images)
    yield from _illustrate(article, places, calls, finder)


def fill(article: Article, calls: ModelCalls, finder: PictureFinder) -> Iterator[Progress]:
    """Find pictures for the places that stayed empty."""
    yield Progress(article, "captioning")
    yield from _illustrate(_prepare_finder(article, finder), article.empty_places, calls, finder)


def illustrate_one(article: Article, section: str, calls: ModelCalls, finder: PictureFinder) -> Iterator[Progress]:
    """Find a picture for one section, in place of the one it may have."""
    place = article.index(section)
    yield Progress(article, "captioning", 1, 1)
    yield from _illustrate(_prepare_finder(article, finder), (place,), calls, finder)


def _illustrate(
    article: Article, places: tuple[int, ...], calls: ModelCalls, finder: PictureFinder
) -> Iterator[Progress]:
    """Captions for all places, then a picture for each."""
    captions = {i: s.illustration.caption for i, s in enumerate(article.sections) if s.illustration}
    for number, place in enumerate(places, 1):
        if calls.stop.pressed:
            return
        progress = Progress(article, "captioning", number, len(places))
        yield progress
        past = tuple((at, caption) for at, caption in sorted(captions.items()) if at < place and caption)
        captions[place], error = yield from attempt(_caption(progress, place, past, calls), "")
        article = with_failure(article, "captioning_failed", error)
    for number, place in enumerate(places, 1):
        if calls.stop.pressed:
            return
        for progress in _illustrate_place(article, place, captions[place], calls, finder):
            article = progress.article
            yield replace(progress, number=number, of=len(places))


def attempt(work: Generator[Progress, None, T], instead: T) -> Generator[Progress, None, tuple[T, StudioError | None]]:
    """A step's result and None, or `instead` and the StudioError that it failed with."""
    try:
        return (yield from work), None
    except StudioError as e:
        return instead, e


def _prepare_finder(article: Article, finder: PictureFinder) -> Article:
    error = finder.prepare(article.brief.pictures, language_of(article.markdown))
    article = with_failure(article, "looking_failed", error)
    return with_failure(article, "source_failed", finder.failed())


def _illustrate_place(
    article: Article, place: int, caption: str, calls: ModelCalls, finder: PictureFinder
) -> Iterator[Progress]:
    """Find and choose the picture of one place."""
    yield Progress(article, "finding")
    section = article.sections[place].id
    try:
        found = finder.find(caption or _query(article, place), CANDIDATES, frozenset(p.key for p in article.pictures))
    except StudioError as e:
        yield Progress(article.edit(section, note=note("not_found", article, why=e)), "finding")
        return
    article = with_failure(article, "source_failed", finder.failed())
    yield Progress(article, "choosing")
    nearest = found[0] if found else None
    chosen, error = yield from attempt(_choose(article, place, found, calls), nearest)
    if not calls.stop.pressed:
        article = with_failure(article, "choosing_failed", error)
        shown = caption if calls.card.sees or not (chosen and chosen.caption) else chosen.caption
        yield Progress(_put_picture(article, place, shown, chosen, found), "choosing")


def _choose_places(
    article: Article, calls: ModelCalls, finder: PictureFinder
) -> Generator[Progress, None, tuple[Article, tuple[int, ...]]]:
    """Sections to illustrate: those the model names, filled up with those for which the library has the most."""
    brief = article.brief
    named, error = yield from attempt(_places_by_model(article, calls), ())
    named = tuple(i for i in named if not article.sections[i].illustration)  # a text of one's own may bring pictures
    article = with_failure(article, "placing_failed", error)
    if brief.images is None and named:
        return article, named
    free = [i for i, s in enumerate(article.sections) if s.has_room and i not in named]
    wanted = brief.images
    if wanted is None:
        wanted = len(brief.pictures) or min(MAX_AUTOMATIC, max(1, round(len(free) / 2)))
    try:
        scores = dict(zip(free, finder.best_scores([_query(article, i) for i in free]), strict=True))
    except StudioError as e:
        article = with_failure(article, "placing_failed", e)
        best = _spread_evenly(free, wanted - len(named))
    else:
        if brief.images is None and not brief.pictures:
            free = [i for i in free if scores[i] >= FITS * max(scores.values())]
        best = sorted(free, key=lambda i: -scores[i])[: max(0, wanted - len(named))]
    return article, tuple(sorted((*named, *best)))


def _places_by_model(article: Article, calls: ModelCalls) -> Generator[Progress, None, tuple[int, ...]]:
    """The places that the model names, of a long article part by part."""
    brief, texts = article.brief, tuple(s.text for s in article.sections)
    sampling = Sampling(temperature=0.0, repetition_penalty=1.0, max_tokens=fitting.PLACES)
    named: set[int] = set()
    for part in fitting.places(calls.budget, calls.dialect, texts, brief.images, calls.images(brief.pictures)):
        if calls.stop.pressed:
            break
        form = calls.dialect.places_form(texts[part.first : part.last], part.count, part.first)
        asked = replace(sampling, grammar=form)
        reply = yield from calls.text_in_queue(part.prompt, asked, Progress(article, "placing"))
        named |= {at for at in replies.places(reply, texts[: part.last], part.count) if at >= part.first}
    return tuple(sorted(named))[:MAX_IMAGES]


def _spread_evenly(free: list[int], count: int) -> list[int]:
    """`count` of the free places, evenly spread."""
    count = min(len(free), max(0, count))
    return [free[(2 * i + 1) * len(free) // (2 * count)] for i in range(count)]


def _caption(
    progress: Progress, place: int, past: tuple[tuple[int, str], ...], calls: ModelCalls
) -> Generator[Progress, None, str]:
    """The model's caption for a picture there; empty where it writes none, and the picture's own is taken."""
    article = progress.article
    prompt = fitting.caption(calls.budget, calls.dialect, tuple(s.text for s in article.sections), place, past)
    if prompt is None:
        return ""
    sampling = calls.sampling(article.brief, max_tokens=fitting.CAPTION, stop=('"', "\n"))
    reply, reason = yield from calls.text_and_reason(prompt, sampling, progress)
    return replies.caption(reply, cut=reason == "length")


def _choose(
    article: Article, place: int, found: list[Candidate], calls: ModelCalls
) -> Generator[Progress, None, Candidate | None]:
    """The model's choice where it sees, else the nearest in meaning, which stands first."""
    if len(found) < 2 or calls.stop.pressed:
        return found[0] if found else None
    before = article.sections[: place + 1]
    shown = [(i, s.illustration.picture) for i, s in enumerate(before[:-1]) if s.illustration]
    images = calls.images(tuple(picture for _, picture in shown))
    candidates = calls.images(tuple(f.picture for f in found))
    texts = tuple(s.text for s in before)
    if candidates:
        chosen = tuple(zip((i for i, _ in shown), images, strict=True))
        asked = fitting.choice(calls.budget, calls.dialect, texts, chosen, candidates)
    else:
        asked = fitting.choice_by_captions(calls.budget, calls.dialect, texts, tuple(f.caption for f in found))
    return found[(yield from calls.choose(*asked, Progress(article, "choosing")))] if asked else found[0]


def _add_wordless_sections(
    article: Article, places: tuple[int, ...], images: int | None
) -> tuple[Article, tuple[int, ...]]:
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


def _put_picture(
    article: Article, place: int, caption: str, chosen: Candidate | None, found: list[Candidate]
) -> Article:
    section = article.sections[place]
    if chosen is None:
        return article.edit(section.id, note=note("none_left", article))
    illustration = Illustration(chosen.picture, caption or chosen.caption, tuple(f.picture for f in found))
    return article.edit(section.id, illustration=illustration, note="")
