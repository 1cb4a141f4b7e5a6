"""Text as it is generated, into an article: it grows behind what is there, and ends with a sentence."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace

from studio.documents.article import Article, Section
from studio.markdown import sections, split
from studio.prompts import fitting
from studio.protocol import Done, Image, Piece, Prompt, Queued, Sampling, Started
from studio.tasks.model_calls import ModelCalls
from studio.tasks.notes import note
from studio.tasks.progress import Progress, in_queue
from studio.tasks.sentences import drop_broken_sentence, last_sentence_end

Ask = Callable[[tuple[Image, ...], str, str], Prompt]  # pictures, materials, what is written → prompt


def blocks_of(article: Article) -> tuple[str, ...]:
    """The blocks of `Article.markdown`."""
    return (*([f"# {article.title}"] if article.title else []), *(s.text for s in article.sections))


def write_text(
    article: Article,
    ask: Ask,
    written: tuple[str, ...],
    sampling: Sampling,
    beginning: str,
    calls: ModelCalls,
    share: int | None = None,
    on_last: bool = False,
) -> Generator[Progress, None, tuple[Article, int]]:
    """Ask with as much as fits, note what was left out, and stream the answer, see `_stream_into_article`."""
    brief, images = article.brief, calls.images(article.brief.pictures)
    asked = fitting.writing(calls.budget, ask, images, brief.materials, written, sampling.max_tokens)
    model = calls.card.name
    if asked.materials < len(brief.materials):
        facts = {"model": model, "kept": asked.materials, "whole": len(brief.materials)}
        article = article.with_note(note("materials_cut", article, **facts))
    if asked.images < len(images):
        article = article.with_note(note("pictures_cut", article, model=model, kept=asked.images, whole=len(images)))
    if asked.tight:
        article = article.with_note(note("room_small", article, model=model, room=asked.room))
    sampling = replace(sampling, max_tokens=asked.room)
    share = min(share or asked.room, asked.room)
    return (yield from _stream_into_article(article, asked.prompt, sampling, beginning, calls, share, on_last))


def _stream_into_article(
    article: Article, prompt: Prompt, sampling: Sampling, beginning: str, calls: ModelCalls, share: int, on_last: bool
) -> Generator[Progress, None, tuple[Article, int]]:
    """Stream a generation into the article behind its sections. `beginning` is what the new text begins with; with
    `on_last` the last section is continued. What stood before stays as it is, and new sections keep their ids as they
    grow. After `share` tokens it stops at the end of a sentence; one that breaks off at the limit is left out. Returns
    the article and the number of tokens."""
    first_new = len(article.sections)
    if on_last and first_new:
        first_new, beginning = first_new - 1, article.sections[-1].text
    text, began, count, due = beginning, 0.0, 0, len(beginning)
    article = _with_new_text(article, first_new, text)
    for event in calls.events(prompt, sampling):
        match event:
            case Queued() | Started():
                yield in_queue(Progress(article, "writing"), event)
            case Piece(piece):
                began = began or time.monotonic()
                count += 1
                text += piece
                if count > share and (end := last_sentence_end(text, due)) > due:
                    return _with_new_text(article, first_new, text[:end]), count
                due = len(text) - 1 if count <= share else due  # a sentence may end right there
                article = _with_new_text(article, first_new, text)
                spent = time.monotonic() - began
                yield Progress(article, "writing", speed=count / spent if spent > 0.2 else 0.0)
            case Done(reason, usage):
                if reason == "length":
                    article = replace(
                        _with_new_text(article, first_new, drop_broken_sentence(text, len(beginning))), status="cut"
                    )
                yield Progress(article, "writing", speed=usage.tokens_per_second)
    return article, count


def _with_new_text(article: Article, first_new: int, text: str) -> Article:
    """The article with `text` as its sections from `first_new` on; one at the same place keeps its id and picture."""
    title, blocks = ("", sections(text)) if first_new else split(text)
    given = article.title if article.brief.title else ""  # stays, whatever the model writes
    if given and not first_new and blocks and blocks[0].strip('*《》“”" ') == given:
        blocks = blocks[1:]
    old = article.sections[first_new:]
    grown = tuple(replace(old[i], text=block) if i < len(old) else Section(block) for i, block in enumerate(blocks))
    return replace(article, title=given or title or article.title, sections=article.sections[:first_new] + grown)
