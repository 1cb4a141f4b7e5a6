"""Composing an illustrated article: write → place → caption → find → choose, and the edits a model makes.

Everything here is a generator of `Progress`, each with the article as it stands; whoever reads it saves and shows. It
knows neither the page nor the store, only the lane that computes and the library that finds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from studio.documents.article import Article, Brief, Section, split
from studio.errors import EngineError, StudioError
from studio.prompts import Edit, replies
from studio.protocol import Done, Piece, Prompt, Queued, Sampling, Started
from studio.tasks.find import Finder
from studio.tasks.illustrate import illustrate, illustrate_one
from studio.tasks.model_calls import Calls
from studio.tasks.progress import Progress, Step, Stop, in_queue, language_of, until_loaded
from studio.worker.client import WorkerClient

__all__ = ["Composer", "Progress", "Step", "Stop", "language_of"]

Work = Iterator[Progress]


class Composer:
    """See the module. `read` gives the file of a picture by its key."""

    def __init__(self, lane: WorkerClient, finder: Callable[[], Finder], read: Callable[[str], bytes]) -> None:
        self._lane = lane
        self._new_finder = finder  # one for each article: several may be under way
        self._read = read

    def write(self, article: Article, person: str, stop: Stop) -> Work:
        """Write and illustrate what `article.brief` asks for."""
        return self._told(article, stop, lambda: self._write(article, self._calls(person, stop)))

    def go_on(self, article: Article, person: str, stop: Stop) -> Work:
        """Write on where an article was cut or stopped; what is there stays as it is."""
        return self._told(article, stop, lambda: self._go_on(article, self._calls(person, stop)))

    def illustrate(self, article: Article, section: str, person: str, stop: Stop) -> Work:
        """Find a picture for one section."""
        status = article.status
        for progress in self._told(
            article,
            stop,
            lambda: illustrate_one(
                replace(article, status="illustrating"), section, self._calls(person, stop), self._new_finder()
            ),
        ):
            yield (
                replace(progress, article=replace(progress.article, status=status))
                if progress.step == "done"
                else (progress)
            )

    def outline(self, brief: Brief, person: str, stop: Stop) -> tuple[str, ...]:
        """Headings for an article, to be edited before it is written."""
        brief = brief.check()
        calls = self._calls(person, stop)
        sampling = replace(calls.speech.writing, max_tokens=200)
        return replies.headings("1." + calls.text(calls.speech.outline(brief.subject, brief.materials), sampling))

    def edit(self, kind: Edit, paragraph: str, instruction: str, after: str, person: str, stop: Stop) -> Iterator[str]:
        """A changed or new paragraph as it grows; the article itself is changed by whoever accepts it."""
        until_loaded(self._lane, stop)
        if stop.pressed:
            return
        calls = self._calls(person, stop)
        sampling = replace(calls.speech.writing, max_tokens=500, stop=("\n\n",))
        text, prompt = "", calls.speech.edit(kind, paragraph, instruction, after)
        for event in calls.events(prompt, sampling, repeats=kind in ("rewrite", "shorten")):
            if isinstance(event, Piece):
                text += event.text
                yield text.strip()

    def _calls(self, person: str, stop: Stop) -> Calls:
        return Calls(self._lane, self._read, person, stop)

    def _told(self, article: Article, stop: Stop, work: Callable[[], Work]) -> Work:
        """The work's progress, and a last one with step "done", also when it failed or was stopped: then the article
        keeps all that was made, and its status says so."""
        latest = article
        try:
            if self._lane.state == "starting":
                yield Progress(article, "writing", loading=True)
                until_loaded(self._lane, stop)
            for progress in work() if not stop.pressed else ():
                latest = progress.article
                yield progress
            status = "stopped" if stop.pressed else latest.status if latest.status == "cut" else "done"
            yield Progress(replace(latest, status=status, error=""), "done")
        except StudioError as e:
            said = e.say(language_of(article.brief.subject))
            yield Progress(replace(latest, status="failed", error=said), "done", error=e)

    def _write(self, article: Article, calls: Calls) -> Work:
        brief, speech = article.brief, calls.speech
        article = replace(article, model=calls.card.name, status="writing", title=brief.title or article.title)
        yield Progress(article, "writing")
        images = calls.images(brief.pictures)
        if brief.title is None and (asked := speech.title(brief.instruction)):
            sampling = calls.sampling(brief, max_tokens=24, stop=('"', "\n"))
            title = yield from calls.told(asked, sampling, Progress(article, "writing"))
            article = replace(article, title=replies.title(title, brief.instruction))
            yield Progress(article, "writing")
        if brief.outline:
            article = yield from self._write_outline(article, calls)
        else:
            prompt = speech.article(brief.subject, images, materials=brief.materials)
            article = yield from _grow(article, prompt, calls.sampling(brief), "", calls)
        yield from self._finish(article, calls)

    def _write_outline(self, article: Article, calls: Calls) -> Generator[Progress, None, Article]:
        """Every heading is put into the text in order, so the outline is obeyed by construction."""
        brief = article.brief
        images = calls.images(brief.pictures)
        share = max(96, calls.sampling(brief).max_tokens // len(brief.outline))
        sampling = calls.sampling(brief, max_tokens=share, stop=("\n#",))
        for line in brief.outline:
            heading = line.strip()
            marked = f"{'###' if line.startswith(' ') else '##'} {heading}"
            before = f"{article.markdown}\n\n{marked}".strip()
            prompt = calls.speech.section(brief.subject, brief.outline, heading, before, images, brief.materials)
            beginning = "\n\n".join([*(s.text for s in article.sections), marked]) + "\n\n"
            article = yield from _grow(article, prompt, sampling, beginning, calls)
            article = replace(article, status="writing")  # a section that fills its share is no cut article
            if calls.stop.pressed:
                break
        return article

    def _go_on(self, article: Article, calls: Calls) -> Work:
        brief = article.brief
        kept = len(article.sections)
        before = article.markdown
        article = replace(article, model=calls.card.name, status="writing", error="")
        yield Progress(article, "writing")
        prompt = calls.speech.article(brief.subject, calls.images(brief.pictures), before, brief.materials)
        beginning = "\n\n".join(s.text for s in article.sections)
        article = yield from _grow(article, prompt, calls.sampling(brief), beginning, calls)
        if not article.pictures:
            yield from self._finish(article, calls)
        else:  # illustrated already: the new part stays as it is until it is asked for
            assert len(article.sections) >= kept
            yield Progress(article, "writing")

    def _finish(self, article: Article, calls: Calls) -> Work:
        if calls.stop.pressed:
            return
        if not article.markdown.strip():
            raise EngineError("nothing_written")
        if not article.title:
            article = replace(article, title=replies.title("", article.brief.instruction))
        yield Progress(article, "writing")
        yield from illustrate(article, calls, self._new_finder())


def _grow(
    article: Article, prompt: Prompt, sampling: Sampling, beginning: str, calls: Calls
) -> Generator[Progress, None, Article]:
    """Stream a generation into the article behind `beginning`; sections keep their ids as they grow."""
    text, began, count = beginning, 0.0, 0
    article = _with_text(article, text)
    for event in calls.events(prompt, sampling):
        match event:
            case Queued() | Started():
                yield in_queue(Progress(article, "writing"), event)
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


def _with_text(article: Article, text: str) -> Article:
    """The article with its sections made from `text`; a section at the same place keeps its id and its picture."""
    title, blocks = split(text)
    given = article.title if article.brief.title else ""  # stays, whatever the model writes
    if given and blocks and blocks[0].strip('*《》“”" ') == given:
        blocks = blocks[1:]
    old = article.sections
    sections = tuple(replace(old[i], text=block) if i < len(old) else Section(block) for i, block in enumerate(blocks))
    return replace(article, title=given or title or article.title, sections=sections)
