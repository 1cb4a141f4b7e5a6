"""Composing an illustrated article: write → place → caption → find → choose, and the edits a model makes.

Everything here is a generator of `Progress`, each with the article as it stands; whoever reads it saves and shows. It
knows neither the page nor the store, only the worker that computes and the library that finds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from studio.documents.article import Article, Brief, Section
from studio.errors import EngineError, StudioError
from studio.language import language_of
from studio.markdown import sections, split
from studio.prompts import Edit, fitting, replies
from studio.protocol import Done, Image, Piece, Prompt, Queued, Sampling, Started
from studio.tasks.find import PictureFinder
from studio.tasks.illustrate import attempt, fill, illustrate, illustrate_one
from studio.tasks.model_calls import ModelCalls
from studio.tasks.notes import note
from studio.tasks.progress import Progress, Step, Stop, in_queue, until_loaded
from studio.tasks.sentences import drop_broken_sentence, last_sentence_end
from studio.worker.client import WorkerClient

__all__ = ["Composer", "Progress", "Step", "Stop"]

MAX_TITLE = 24  # tokens
MIN_SECTION = 96
OVERRUN = 64  # tokens that a section may have beyond its share, until its sentence ends
Work = Iterator[Progress]
Ask = Callable[[tuple[Image, ...], str, str], Prompt]  # pictures, materials, what is written → prompt


class Composer:
    """See the module. `read` gives the bytes of a picture's file by its key, `finder` a new finder for each article."""

    def __init__(self, worker: WorkerClient, finder: Callable[[], PictureFinder], read: Callable[[str], bytes]) -> None:
        self._worker = worker
        self._make_finder = finder  # one for each article: several may be under way
        self._read = read

    def write(self, article: Article, person: str, stop: Stop) -> Work:
        """Write and illustrate what `article.brief` asks for."""
        return self._with_final_status(article, stop, lambda: self._write(article, self._calls(person, stop)))

    def continue_article(self, article: Article, person: str, stop: Stop) -> Work:
        """Continue where an article was cut or stopped; what is there stays as it is."""
        return self._with_final_status(article, stop, lambda: self._continue(article, self._calls(person, stop)))

    def illustrate(self, article: Article, section: str, person: str, stop: Stop) -> Work:
        """Find a picture for one section."""
        return self._keep_status(article, person, stop, lambda *given: illustrate_one(given[0], section, *given[1:]))

    def fill(self, article: Article, person: str, stop: Stop) -> Work:
        """Find pictures for the places that stayed empty."""
        return self._keep_status(replace(article, notes=()), person, stop, fill)

    def outline(self, brief: Brief, person: str, stop: Stop) -> tuple[str, ...]:
        """Headings for an article, to be edited before it is written. Raises InputError for a brief that is wrong."""
        brief = brief.check()
        calls = self._calls(person, stop)

        def ask(images: tuple[Image, ...], materials: str, begin: str) -> Prompt:
            return calls.dialect.outline(brief.subject, materials)

        asked = fitting.writing(calls.budget, ask, (), brief.materials, (), wanted=200)
        sampling = replace(calls.dialect.writing, max_tokens=asked.room)
        return replies.headings("1." + calls.text(asked.prompt, sampling))

    def edit(self, kind: Edit, paragraph: str, instruction: str, after: str, person: str, stop: Stop) -> Iterator[str]:
        """A changed or new paragraph as it grows; the article itself is changed by whoever accepts it. Raises
        ContextOverflow for one that is too long."""
        until_loaded(self._worker, stop)
        if stop.pressed:
            return
        calls = self._calls(person, stop)
        prompt, room = fitting.edit(calls.budget, calls.dialect, kind, paragraph, instruction, after, wanted=500)
        sampling, text = replace(calls.dialect.writing, max_tokens=room, stop=("\n\n",)), ""
        for event in calls.events(prompt, sampling, repeats=kind in ("rewrite", "shorten")):
            if isinstance(event, Piece):
                text += event.text
                yield text.strip()

    def _calls(self, person: str, stop: Stop) -> ModelCalls:
        return ModelCalls(self._worker, self._read, person, stop)

    def _keep_status(
        self, article: Article, person: str, stop: Stop, work: Callable[[Article, ModelCalls, PictureFinder], Work]
    ) -> Work:
        """The progress of `work`, which finds pictures for a written article; its status and error end as they were."""
        status, error = article.status, article.error
        begun = replace(article, status="illustrating")
        for progress in self._with_final_status(
            begun, stop, lambda: work(begun, self._calls(person, stop), self._make_finder())
        ):
            if progress.step == "done":
                progress = replace(progress, article=replace(progress.article, status=status, error=error))
            yield progress

    def _with_final_status(self, article: Article, stop: Stop, work: Callable[[], Work]) -> Work:
        """The work's progress, and a last one with step "done", also when it failed or was stopped: then the article
        keeps all that was written, and its status says so."""
        latest = article
        try:
            if self._worker.state == "starting":
                yield Progress(article, "writing", loading=True)
                until_loaded(self._worker, stop)
            for progress in work() if not stop.pressed else ():
                latest = progress.article
                yield progress
            status = "stopped" if stop.pressed else latest.status if latest.status == "cut" else "done"
            yield Progress(replace(latest, status=status, error=""), "done")
        except StudioError as e:
            sentence = e.say(language_of(article.brief.subject))
            yield Progress(replace(latest, status="failed", error=sentence), "done", error=e)

    def _write(self, article: Article, calls: ModelCalls) -> Work:
        brief, dialect = article.brief, calls.dialect
        article = replace(
            article, model=calls.card.name, status="writing", title=brief.title or article.title, notes=()
        )
        yield Progress(article, "writing")
        if brief.title is None and (asked := dialect.title(brief.instruction)):
            sampling = calls.sampling(brief, max_tokens=MAX_TITLE, stop=('"', "\n"))
            answer = calls.text_and_reason(asked, sampling, Progress(article, "writing"))
            (title, reason), _ = yield from attempt(answer, ("", "stop"))
            article = replace(article, title=replies.title(title, brief.instruction, cut=reason == "length"))
            yield Progress(article, "writing")
        if brief.outline:
            article = yield from self._write_outline(article, calls)
        else:
            article, _ = yield from _write_text(
                article, _ask_for_article(brief, calls), (), calls.sampling(brief), "", calls
            )
        yield from self._finish(article, calls)

    def _write_outline(self, article: Article, calls: ModelCalls) -> Generator[Progress, None, Article]:
        """Every heading is put into the text in order, so the outline is obeyed by construction."""
        brief, left = article.brief, calls.sampling(article.brief).max_tokens
        for number, line in enumerate(brief.outline):
            share = max(MIN_SECTION, left // (len(brief.outline) - number))
            sampling = calls.sampling(brief, max_tokens=share + OVERRUN, stop=("\n#",))
            heading = line.strip()
            marked = f"{'###' if line.startswith(' ') else '##'} {heading}"
            ask = _ask_for_section(brief, heading, calls)
            written = (*_blocks_of(article), marked)
            article, spent = yield from _write_text(article, ask, written, sampling, f"{marked}\n\n", calls, share)
            left -= spent  # what a section leaves goes to those after it
            article = replace(article, status="writing")  # a section that fills its share is no cut article
            if calls.stop.pressed:
                break
        return article

    def _continue(self, article: Article, calls: ModelCalls) -> Work:
        brief = article.brief
        kept = len(article.sections)
        article = replace(article, model=calls.card.name, status="writing", error="", notes=())
        yield Progress(article, "writing")
        ask, written = _ask_for_article(brief, calls), _blocks_of(article)
        article, _ = yield from _write_text(article, ask, written, calls.sampling(brief), "", calls, on_last=True)
        if not article.pictures:
            yield from self._finish(article, calls)
        else:  # illustrated already: the new part stays as it is until it is asked for
            assert len(article.sections) >= kept
            yield Progress(article, "writing")

    def _finish(self, article: Article, calls: ModelCalls) -> Work:
        if calls.stop.pressed:
            return
        if not article.markdown.strip():
            raise EngineError("nothing_written")
        if not article.title:
            article = replace(article, title=replies.title("", article.brief.instruction))
        yield Progress(article, "writing")
        yield from illustrate(article, calls, self._make_finder())


def _ask_for_article(brief: Brief, calls: ModelCalls) -> Ask:
    return lambda images, materials, begin: calls.dialect.article(brief.subject, images, begin, materials)


def _ask_for_section(brief: Brief, heading: str, calls: ModelCalls) -> Ask:
    return lambda images, materials, begin: calls.dialect.section(
        brief.subject, brief.outline, heading, begin, images, materials
    )


def _blocks_of(article: Article) -> tuple[str, ...]:
    """The blocks of `Article.markdown`."""
    return (*([f"# {article.title}"] if article.title else []), *(s.text for s in article.sections))


def _write_text(
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
                due = len(text) if count <= share else due
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
