"""Composing an illustrated article: write → place → caption → find → choose, and the edits a model makes.

Everything here is a generator of `Progress`, each with the article as it stands; whoever reads it saves and shows. It
knows neither the page nor the store, only the worker that computes and the library that finds.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from studio.documents.article import Article, Brief
from studio.errors import EngineError, InputError, StudioError
from studio.language import language_of
from studio.prompts import Edit, fitting, replies
from studio.prompts.part_edits import NOTHING, Around, words_of
from studio.protocol import Done, Image, Piece, Prompt, Sampling
from studio.tasks.find import PictureFinder
from studio.tasks.illustrate import attempt, fill, illustrate, illustrate_one
from studio.tasks.model_calls import ModelCalls
from studio.tasks.progress import Progress, Step, Stop, until_loaded
from studio.tasks.sentences import drop_broken_sentence, is_whole
from studio.tasks.write_text import Ask, blocks_of, write_text
from studio.worker.client import WorkerClient

__all__ = ["Composer", "Progress", "Step", "Stop"]

MAX_TITLE = 24  # tokens
MIN_SECTION = 96
OVERRUN = 64  # tokens that a section may have beyond its share, until its sentence ends
Work = Iterator[Progress]


class Composer:
    """See the module. `read` gives the bytes of a picture's file by its key, `finder` a new finder for each article;
    `keep` keeps a prompt of a person's stored article: what is sent to which model, for which step."""

    def __init__(
        self,
        worker: WorkerClient,
        finder: Callable[[], PictureFinder],
        read: Callable[[str], bytes],
        keep: Callable[[str, Prompt, str, int, Step], object] = lambda *given: None,
    ) -> None:
        self._worker = worker
        self._make_finder = finder  # one for each article: several may be under way
        self._read, self._keep = read, keep

    def write(self, article: Article, person: str, stop: Stop) -> Work:
        """Write and illustrate what `article.brief` asks for."""
        return self._with_final_status(article, stop, lambda: self._write(article, self._calls(person, stop, article)))

    def continue_article(self, article: Article, person: str, stop: Stop) -> Work:
        """Continue where an article was cut or stopped; what is there stays as it is."""
        return self._with_final_status(
            article, stop, lambda: self._continue(article, self._calls(person, stop, article))
        )

    def illustrate(self, article: Article, section: str, person: str, stop: Stop) -> Work:
        """Find a picture for one section."""
        return self._keep_status(article, person, stop, lambda *given: illustrate_one(given[0], section, *given[1:]))

    def illustrate_text(self, article: Article, person: str, stop: Stop) -> Work:
        """Find places, captions and pictures for a text that a person has brought; its words stay as they are."""
        return self._keep_status(article, person, stop, illustrate)

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
        reply, reason = calls.text(asked.prompt, sampling)
        return replies.headings("1." + reply, cut=reason == "length")

    def edit(
        self,
        kind: Edit,
        paragraph: str,
        instruction: str,
        after: str,
        person: str,
        stop: Stop,
        around: Around = NOTHING,
    ) -> Iterator[str]:
        """A changed or new paragraph, or words for a place in one (see `Dialect.edit`), as they grow; the article is
        changed by whoever accepts them. Raises ContextOverflow for a text that is too long, InputError for a
        translation by a model that cannot."""
        until_loaded(self._worker, stop)
        if stop.pressed:
            return
        calls = self._calls(person, stop)
        if kind == "translate" and not {"en", "zh"} <= set(calls.card.languages):
            raise InputError("edit_needs_both_languages", model=calls.card.name)
        prompt, room = fitting.edit(calls.budget, calls.dialect, kind, paragraph, instruction, after, 500, around)

        def words(reply: str) -> str:
            return reply.strip() if kind == "insert" else words_of(reply, paragraph, around)

        sampling, text = replace(calls.dialect.writing, max_tokens=room, stop=("\n\n",)), ""
        for event in calls.events(prompt, sampling, repeats=kind in ("rewrite", "shorten", "ask")):
            if isinstance(event, Piece):
                text += event.text
                yield words(text)
            elif isinstance(event, Done) and event.reason == "length":
                yield words(drop_broken_sentence(text))

    def _calls(self, person: str, stop: Stop, article: Article | None = None) -> ModelCalls:
        """Calls whose prompts are kept if they are those of a stored article."""

        def keep(prompt: Prompt, model: str, step: Step) -> None:
            if article and article.id:
                self._keep(person, prompt, model, article.id, step)

        return ModelCalls(self._worker, self._read, person, stop, keep)

    def _keep_status(
        self, article: Article, person: str, stop: Stop, work: Callable[[Article, ModelCalls, PictureFinder], Work]
    ) -> Work:
        """The progress of `work`, which finds pictures for a written article; its status and error end as they were."""
        status, error = article.status, article.error
        begun = replace(article, status="illustrating")
        for progress in self._with_final_status(
            begun, stop, lambda: work(begun, self._calls(person, stop, begun), self._make_finder())
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
            article, _ = yield from write_text(
                article, _ask_for_article(brief, calls), (), calls.sampling(brief, "article"), "", calls
            )
        yield from self._finish(article, calls)

    def _write_outline(self, article: Article, calls: ModelCalls, first: int = 0) -> Generator[Progress, None, Article]:
        """Every heading, from number `first` on, is put into the text in order, so the outline is obeyed by
        construction."""
        brief = article.brief
        left = calls.sampling(brief).max_tokens * (len(brief.outline) - first) // len(brief.outline)
        for number, line in enumerate(brief.outline[first:], first):
            share = max(MIN_SECTION, left // (len(brief.outline) - number))
            sampling = calls.sampling(brief, "section", max_tokens=share + OVERRUN, stop=("\n#",))
            ask, marked = _ask_for_section(brief, line.strip(), calls), _marked(line)
            written = (*blocks_of(article), marked)
            article, spent = yield from write_text(article, ask, written, sampling, f"{marked}\n\n", calls, share)
            left -= spent  # what a section leaves goes to those after it
            article = replace(article, status="writing")  # a section that fills its share is no cut article
            if calls.stop.pressed:
                break
        return article

    def _continue(self, article: Article, calls: ModelCalls) -> Work:
        if article.brief.own_text:  # to whose words nothing is added: it was interrupted while it was illustrated
            yield from illustrate(replace(article, error="", notes=()), calls, self._make_finder())
            return
        brief, begun = article.brief, _headings_begun(article)
        article = replace(article, model=calls.card.name, status="writing", error="", notes=())
        yield Progress(article, "writing")
        if begun == len(brief.outline):
            article = yield from self._write_on(article, calls, calls.sampling(brief))
        else:
            article = yield from self._continue_outline(article, calls, begun)
        if not article.pictures:
            yield from self._finish(article, calls)
        else:  # illustrated already: the new part stays as it is until it is asked for
            yield Progress(article, "writing")

    def _continue_outline(self, article: Article, calls: ModelCalls, begun: int) -> Generator[Progress, None, Article]:
        """The section that was stopped, to its end, then the headings that are missing."""
        last = article.sections[-1:]
        if begun and last and last[0].text == _marked(article.brief.outline[begun - 1]):
            article, begun = article.remove(last[0].id), begun - 1
        elif begun and last and not is_whole(last[0].text):
            share = max(MIN_SECTION, calls.sampling(article.brief).max_tokens // len(article.brief.outline))
            sampling = calls.sampling(article.brief, max_tokens=share + OVERRUN, stop=("\n#",))
            article = yield from self._write_on(article, calls, sampling, share)
        if calls.stop.pressed:
            return article
        return (yield from self._write_outline(replace(article, status="writing"), calls, begun))

    def _write_on(
        self, article: Article, calls: ModelCalls, sampling: Sampling, share: int | None = None
    ) -> Generator[Progress, None, Article]:
        """The last section goes on, and what follows it."""
        ask, written = _ask_for_article(article.brief, calls), blocks_of(article)
        article, _ = yield from write_text(article, ask, written, sampling, "", calls, share, on_last=True)
        return article

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


def _marked(line: str) -> str:
    """A line of an outline as the heading that it becomes."""
    return f"{'###' if line.startswith(' ') else '##'} {line.strip()}"


def _headings_begun(article: Article) -> int:
    """How many headings of the outline stand in the text already."""
    texts = {section.text for section in article.sections if section.is_heading}
    return max((number for number, line in enumerate(article.brief.outline, 1) if _marked(line) in texts), default=0)
