"""Composing with a scripted engine in a real worker: places, captions, choice, notes, outline, Stop, failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.documents.article import Article, Brief, Picture
from studio.engine.scripted import prompt_text
from studio.errors import ContextOverflow, OutOfMemory, StorageError, StudioError, WorkerDied
from studio.library.picture_intake import normalise_file
from studio.protocol import Call, Choose, Describe, Description, Embed, Failed, Generate, Label, ModelCard, Text
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.tasks.jobs import Job
from studio.tasks.model_calls import budget_of
from studio.tasks.progress import Stop
from studio.tasks.write import OVERRUN
from studio.worker.request import Request

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
STARTER = ModelCard("scripted starter", "starter", ("en",), False, 4096)
SEEING = ScriptedSpec().card  # asked in XComposer2's dialect
TEXT = "The cow wakes up first.\n\nThe farmer drinks coffee.\n\nA train passes in the evening."

Start = Callable[..., Studio]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Studio] = []

    def begin(
        *replies: Reply, card: ModelCard = STARTER, descriptions: tuple[tuple[str, Description], ...] = ()
    ) -> Studio:
        studio = Studio(Settings(data=str(tmp_path)), ScriptedSpec(replies, card, descriptions))
        made.append(studio)
        studio.start()
        return studio

    yield begin
    for studio in made:
        studio.close()


def finished(job: Job) -> Article:
    *_, last = job.updates()
    assert last.step == "done"
    return last.article


def leave_only(studio: Studio, count: int) -> None:
    keys = [(hit.picture.key,) for hit in studio.library.browse(limit=100)[count:]]
    with studio.store.database.write() as connection:  # not as a person: the starter set is nobody's
        connection.executemany("UPDATE pictures SET removed = 1 WHERE key = ?", keys)


def test_a_model_that_cannot_see_is_illustrated_by_retrieval(start: Start) -> None:
    studio = start(Reply('A day at the farm"'), Reply(TEXT))
    article = finished(studio.jobs.start("me", Brief("a farm", images=3)))
    assert (article.title, article.status, article.model) == ("A day at the farm", "done", "scripted starter")
    assert [s.text for s in article.sections] == TEXT.split("\n\n")
    prompt_text = [s.illustration for s in article.sections]
    assert all(i and i.caption and len(i.candidates) == 4 for i in prompt_text)
    assert len({p.key for p in article.pictures}) == 3
    assert "cow" in (prompt_text[0].caption if prompt_text[0] else "").lower()
    assert "train" in (prompt_text[2].caption if prompt_text[2] else "").lower()


@pytest.mark.parametrize("count", [0, 1, 5, 15])
def test_the_number_of_pictures_is_met(start: Start, count: int) -> None:
    article = finished(start(Reply('Farm"'), Reply(TEXT)).jobs.start("me", Brief("a farm", images=count)))
    assert len(article.pictures) == len({p.key for p in article.pictures}) == count
    assert [s.text for s in article.sections if s.text] == TEXT.split("\n\n")


def test_a_place_that_stays_empty_says_why(start: Start) -> None:
    studio = start(Reply('Farm"'), Reply(TEXT))
    leave_only(studio, 1)
    article = finished(studio.jobs.start("me", Brief("a farm", images=3)))
    assert article.status == "done" and len(article.pictures) == 1
    notes = [s.note for s in article.sections if not s.illustration]
    assert len(notes) == 2 and all("no other picture left" in note for note in notes)


def test_a_library_without_pictures_keeps_the_text(start: Start) -> None:
    studio = start(Reply('Farm"'), Reply(TEXT))
    leave_only(studio, 0)
    article = finished(studio.jobs.start("me", Brief("a farm")))
    assert article.status == "done" and "cow" in article.markdown and not article.pictures
    assert any(s.note for s in article.sections)


def test_a_model_that_sees_names_places_captions_and_choices(start: Start) -> None:
    replies = (
        Reply("<Seg2>,<Seg0>,<Seg2>,<Seg99>", match="选择适合插入图像"),
        Reply('A cow at dawn"', match="在<Seg0>后插入"),
        Reply('The evening train"', match="在<Seg2>后插入"),
        Reply(" B", match="候选图像"),
        Reply(" C", match="候选图像"),
        Reply(f"# On the farm\n\n{TEXT}"),
    )
    article = finished(start(*replies, card=SEEING).jobs.start("me", Brief("一个农场", images=2)))
    assert article.title == "On the farm" and article.status == "done", article.error
    first, none, second = (s.illustration for s in article.sections)
    assert first and second and none is None
    assert (first.caption, second.caption) == ("A cow at dawn", "The evening train")
    assert first.picture == first.candidates[1] and second.picture == second.candidates[2]
    assert first.picture not in second.candidates


def test_too_few_places_are_filled_up(start: Start) -> None:
    replies = (
        Reply("nothing of use", match="选择适合插入图像"),
        *(Reply(f'Caption {i}"', match="图像对应的标题") for i in range(3)),
        Reply(f"# On the farm\n\n{TEXT}"),
    )
    article = finished(start(*replies, card=SEEING).jobs.start("me", Brief("a farm", images=3)))
    assert len(article.pictures) == 3, article.error


def test_the_outline_is_obeyed_whatever_the_model_writes(start: Start) -> None:
    replies = [Reply('Tea"'), Reply("Green hills.\n\n## Something else\n\nmore"), Reply(""), Reply("Drink it.")]
    article = finished(
        start(*replies).jobs.start("me", Brief("tea", outline=("Where it grows", "Brewing", "Drinking"), images=0))
    )
    headings = [s.text for s in article.sections if s.is_heading]
    assert [h for h in headings if h != "## Something else"] == ["## Where it grows", "## Brewing", "## Drinking"]
    texts = [s.text for s in article.sections]
    assert texts.index("## Where it grows") < texts.index("Green hills.") < texts.index("## Brewing")
    assert texts[-2:] == ["## Drinking", "Drink it."]


SENTENCES = {
    "en": "The road climbs out of the valley, and the walkers that have come this far rest at the first pass. ",
    "zh": "山路从谷底一直向上，走到第一个垭口的人会停下来歇脚。 ",
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_sections_under_an_outline_end_at_the_end_of_a_sentence(start: Start, language: str) -> None:
    """Regression: a section that filled its share stopped in mid-sentence, and the next heading followed."""
    words = SENTENCES[language] * 60
    if language == "zh":
        words = " ".join(words)  # the scripted engine gives a word at a time
    studio = start(*(Reply(words),) * 3, card=SEEING)
    outline = ("One", "Two", "Three")
    article = finished(
        studio.jobs.start("me", Brief("茶" if language == "zh" else "tea", outline, images=0, max_tokens=330))
    )
    assert article.status == "done" and [s.text for s in article.sections if s.is_heading] == [
        "## One",
        "## Two",
        "## Three",
    ]
    texts = [s.text for s in article.sections if not s.is_heading]
    assert len(texts) == 3
    for text in texts:
        assert text.endswith((".", "。")) and 80 <= len(text.split()) <= 110 + OVERRUN
    assert 330 <= len(" ".join(texts).split()) <= 330 + OVERRUN


def test_what_a_short_section_leaves_goes_to_the_others(start: Start) -> None:
    studio = start(Reply("Short."), Reply(SENTENCES["en"] * 60), card=SEEING)
    article = finished(studio.jobs.start("me", Brief("tea", ("One", "Two"), images=0, max_tokens=400)))
    assert article.sections[1].text == "Short." and len(article.sections[3].text.split()) >= 399


def test_an_article_cut_at_its_length_ends_with_a_sentence(start: Start) -> None:
    studio = start(
        Reply("The cow wakes up first. Then the farmer dri", reason="length"), Reply(" It rains."), card=SEEING
    )
    article = finished(studio.jobs.start("me", Brief("a farm", images=0)))
    assert (article.status, article.sections[0].text) == ("cut", "The cow wakes up first.")
    assert (
        finished(studio.jobs.continue_article("me", article.id)).sections[0].text == "The cow wakes up first. It rains."
    )


@pytest.mark.parametrize("said", ["", "# Another title\n\n", "**The last ferry**\n\n", "The last ferry\n"])
def test_the_given_title_stays_whatever_the_model_writes(start: Start, said: str) -> None:
    notes = Brief(title="The last ferry", materials="- Since 1931.", images=0)
    studio = start(Reply(said + TEXT, match="Rewrite these notes as an article about The last ferry.\n\n- Since 1931."))
    article = finished(studio.jobs.start("me", notes))
    assert (article.title, article.status) == ("The last ferry", "done"), article.error
    assert [s.text for s in article.sections] == TEXT.split("\n\n")
    again = studio.store.article("me", article.id)
    assert again == article and again.brief.materials == "- Since 1931."
    assert studio.store.list_articles("me", "ferry")[0].instruction == "The last ferry"


def test_an_outline_is_drafted_from_materials(start: Start) -> None:
    studio = start(Reply(" The ferry\n2. The bridge\n", match="List the parts of an article about The last ferry."))
    drafted = studio.composer.outline(Brief(title="The last ferry", materials="- Since 1931."), "me", Stop())
    assert drafted == ("The ferry", "The bridge")


def test_beams_reach_the_engine_or_are_refused(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = start(Reply(TEXT), Reply(TEXT), card=SEEING)
    asked: list[int] = []
    submit = studio.worker.submit

    def watched(call: Call, person: str = "") -> Request:
        if isinstance(call, Generate):
            asked.append(call.sampling.beams)
        return submit(call, person)

    monkeypatch.setattr(studio.worker, "submit", watched)
    finished(studio.jobs.start("me", Brief("a farm", images=0, beams=3)))
    assert asked == [3]
    studio.close()
    refused = finished(start(card=STARTER).jobs.start("me", Brief("a farm", beams=3)))
    assert refused.status == "failed" and "at most 1 beams; 3 were asked for" in refused.error


def test_own_pictures_come_first_and_each_once(start: Start) -> None:
    data = (PICTURES / "cat.webp").read_bytes()
    taken = normalise_file(data, "our cat.webp")
    descriptions = ((taken.key, Description((Label("tabby cat", 0.9),))),)
    studio = start(Reply('Farm"'), Reply(TEXT), descriptions=descriptions)
    own = Picture(studio.store.add_file(taken, "me"), "our cat", "our cat.webp")
    article = finished(studio.jobs.start("me", Brief("a farm", images=2, pictures=(own,))))
    assert [p.key for p in article.pictures].count(own.key) == 1 and len(article.pictures) == 2


def test_stop_keeps_what_is_written(start: Start) -> None:
    studio = start(Reply('Farm"'), Reply("word " * 2000, pace=0.005))
    job = studio.jobs.start("me", Brief("a farm", images=3))
    for progress in job.updates():
        if len(progress.article.markdown) > 60 and not job.stop.pressed:
            pressed = time.monotonic()
            job.stop.press()
    assert time.monotonic() - pressed < 0.5
    article = progress.article
    assert article.status == "stopped" and len(article.markdown) > 60 and not article.pictures
    assert studio.store.article("me", article.id) == article


def test_only_writing_itself_fails_an_article(start: Start) -> None:
    studio = start(Reply('Farm"'))  # nothing left for the text
    job = studio.jobs.start("me", Brief("a farm", images=1))
    article = finished(job)
    assert article.status == "failed" and "no reply left" in article.error
    assert studio.store.article("me", article.id) == article
    assert job.state.error


PLACES, CAPTION = Reply("<Seg0>", match="选择适合插入图像"), Reply('A cow"', match="图像对应的标题")


@pytest.mark.parametrize(
    ("replies", "notes"),
    [
        ((Reply(TEXT),), ("The places for pictures were chosen without the model", "Captions that the model did not")),
        ((PLACES, Reply(TEXT)), ("Captions that the model did not write come from the library",)),
        ((PLACES, CAPTION, Reply(TEXT)), ()),
    ],
)
def test_a_step_that_fails_costs_a_step(start: Start, replies: tuple[Reply, ...], notes: tuple[str, ...]) -> None:
    studio = start(*replies, card=SEEING)
    article = finished(studio.jobs.start("me", Brief("a farm", images=1)))
    assert article.status == "done" and not article.error and len(article.pictures) == 1
    assert [s.text for s in article.sections] == TEXT.split("\n\n")
    assert len(article.notes) == len(notes)
    assert all(
        told.startswith(note) and "no reply left" in told for told, note in zip(article.notes, notes, strict=True)
    )
    assert studio.store.article("me", article.id) == article


class Failing:
    """Makes calls of a kind fail, for a prompt that has those words; counts them."""

    def __init__(self, studio: Studio, kind: type[Call], error: Exception, words: str = "", times: int = 99) -> None:
        self.count, submit = 0, studio.worker.submit

        def sometimes(call: Call, person: str = "") -> Request:
            ticket = submit(call, person)
            if isinstance(call, kind) and words in prompt_text(getattr(call, "prompt", ())) and self.count < times:
                self.count += 1
                ticket.events = lambda: iter([Failed(error)])  # type: ignore[method-assign,arg-type]
            return ticket

        studio.worker.submit = sometimes  # type: ignore[method-assign]


DIED = WorkerDied("worker_died", cause="SIGKILL")
FULL = OutOfMemory("out_of_memory_call", device="cuda", needed="2 GiB", free="1 GiB")


@pytest.mark.parametrize("error", [DIED, FULL, ContextOverflow("context_overflow", needed=5, limit=4, model="x")])
@pytest.mark.parametrize(
    ("kind", "words", "note"),
    [
        (Generate, "选择适合插入图像", "The places for pictures"),
        (Generate, "图像对应的标题", "Captions that"),
        (Choose, "", "Where the model did not choose"),
        (Describe, "", "Own pictures were matched by their names"),
        (Embed, "", "Own pictures were matched by their names"),
    ],
)
def test_whatever_fails_while_illustrating_the_article_is_done(
    start: Start, kind: type[Call], words: str, note: str, error: StudioError
) -> None:
    places, caption = replace(PLACES, times=0), replace(CAPTION, times=0)
    studio = start(places, caption, Reply(TEXT, times=0), card=SEEING)
    own = Picture(
        studio.store.add_file(normalise_file((PICTURES / "cat.webp").read_bytes(), "our cat.webp"), "me"), "our cat"
    )
    failing = Failing(studio, kind, error, words)
    article = finished(studio.jobs.start("me", Brief("a farm", images=3, pictures=(own,))))
    assert article.status == "done" and not article.error
    assert [s.text for s in article.sections] == TEXT.split("\n\n")
    assert len(article.pictures) == 3 and own in article.pictures
    assert failing.count
    assert any(told.startswith(note) and error.say() in told for told in article.notes), article.notes


def test_counting_tokens_can_be_stopped(start: Start) -> None:
    """Else Stop would wait for a new worker, which may take as long as loading does."""
    studio = start(Reply(TEXT, times=0), card=SEEING)
    cards, stop = studio.worker.wait_ready(), Stop()
    budget = budget_of(studio.worker, "composer", cards["composer"], stop)
    assert budget.count(((Text("three plain words"),),)) == (4,)
    stop.press()
    with studio.worker._changed:  # nothing can be answered meanwhile
        assert budget.count(((Text("three plain words"),),)) == (0,)


def test_empty_places_are_filled_later(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = start(Reply('农场"'), Reply("奶牛先醒来。\n\n农夫喝咖啡。"))
    search = studio.library.search
    monkeypatch.setattr(studio.library, "search", _fails)
    article = finished(studio.jobs.start("me", Brief("写一篇关于农场的文章", images=2)))
    assert article.status == "done" and not article.pictures
    assert all(s.note.startswith("此处暂时没有配图") and "磁盘" in s.note for s in article.sections)
    assert article.empty_places == (0, 1)
    monkeypatch.setattr(studio.library, "search", search)
    filled = finished(studio.jobs.fill("me", article.id))
    assert filled.status == "done" and len(filled.pictures) == 2 and not filled.empty_places
    assert not any(s.note for s in filled.sections) and filled.notes == ()
    assert studio.store.article("me", article.id) == filled


def _fails(*_: object, **__: object) -> None:
    raise StorageError("disk_full", path="/data")


def test_a_worker_that_dies_while_illustrating_is_replaced_for_the_next_step(start: Start) -> None:
    crash = Reply("", match="在<Seg0>后插入", reason="crash", times=0)
    places, caption = Reply("<Seg0>,<Seg2>", match="选择适合插入图像"), Reply('A train"', match="在<Seg2>后插入")
    studio = start(places, crash, caption, Reply(TEXT), card=SEEING)
    article = finished(studio.jobs.start("me", Brief("a farm", images=2)))
    assert article.status == "done" and len(article.pictures) == 2 and studio.worker.restarts >= 1
    assert article.sections[2].illustration and article.sections[2].illustration.caption == "A train"
    assert any(told.startswith("Captions that") and "stopped unexpectedly" in told for told in article.notes)


def test_a_section_does_not_end_inside_code(start: Start) -> None:
    code = "```python\n" + "\n".join(f"x{i} = {i}" for i in range(20)) + "\n```"
    studio = start(Reply("Short words here. " * 32 + f"\n\n{code}\n\nThat was it. More."), Reply("End."), card=SEEING)
    article = finished(studio.jobs.start("me", Brief("tea", ("One", "Two"), images=0, max_tokens=200)))
    texts = [s.text for s in article.sections]
    assert texts[2] == code and texts[3] in ("That was it.", "## Two")


def test_an_edit_ends_with_a_sentence(start: Start) -> None:
    studio = start(Reply("The cow wakes up. The farmer dri", reason="length"), Reply("One sen", reason="length"))
    assert list(studio.composer.edit("expand", "The cow.", "", "", "me", Stop()))[-1] == "The cow wakes up."
    assert list(studio.composer.edit("rewrite", "The cow.", "", "", "me", Stop()))[-1] == "One sen"


def test_continue_writes_the_headings_that_are_missing(start: Start) -> None:
    """Regression: an article that was stopped in its second section went on as one without an outline."""
    studio = start(
        Reply("Green hills."), Reply("Boil the wa", pace=0.2), Reply("ter. Wait."), Reply("Drink it."), card=SEEING
    )
    job = studio.jobs.start("me", Brief("tea", ("Growing", "Brewing", "Drinking"), images=0))
    for progress in job.updates():
        if "Boil" in progress.article.markdown:
            job.stop.press()
    assert job.state.article.status == "stopped"
    article = finished(studio.jobs.continue_article("me", job.state.article.id))
    headings = [s.text for s in article.sections if s.is_heading]
    assert article.status == "done" and headings == ["## Growing", "## Brewing", "## Drinking"]
    assert article.sections[3].text.startswith("Boil") and article.sections[3].text.endswith("Wait.")
    assert article.sections[-1].text == "Drink it."


def test_a_dying_worker_keeps_the_text(start: Start) -> None:
    studio = start(Reply('Farm"'), Reply("The cow wakes up.", reason="crash"))
    job = studio.jobs.start("me", Brief("a farm"))
    article = finished(job)
    assert isinstance(job.state.error, WorkerDied)
    assert article.status == "failed" and article.markdown.endswith("The cow wakes up.")


def test_a_cut_article_says_so_and_is_illustrated(start: Start) -> None:
    studio = start(Reply('Farm"'), Reply(TEXT, reason="length"))
    article = finished(studio.jobs.start("me", Brief("a farm", images=1)))
    assert article.status == "cut" and len(article.pictures) == 1


def test_articles_are_there_again_after_a_restart(start: Start) -> None:
    studio = start(Reply('Farm"'), Reply(TEXT))
    article = finished(studio.jobs.start("me", Brief("a farm", images=2)))
    studio.close()
    again = start()
    assert again.store.article("me", article.id) == article
    assert all(again.store.read_file(p.key) for p in article.pictures)


def test_a_job_belongs_to_its_person_and_ends(start: Start) -> None:
    studio = start(Reply('Farm"'), Reply("word " * 2000, pace=0.005))
    job = studio.jobs.start("me", Brief("a farm"))
    id = job.state.article.id
    assert studio.jobs.get("me", id) is job and studio.jobs.get("you", id) is None
    job.stop.press()
    finished(job)
    assert studio.jobs.get("me", id) is None


def test_a_full_disk_does_not_end_the_writing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = start(Reply('Farm"'), Reply(TEXT))
    save, count = studio.store.save_article, 0

    def sometimes(person: str, article: Article, reason: str = "") -> Article:
        nonlocal count
        count += 1
        if count in (2, 3):
            raise StorageError("disk_full", path="/data")
        return save(person, article, reason)

    monkeypatch.setattr(studio.store, "save_article", sometimes)
    article = finished(studio.jobs.start("me", Brief("a farm", images=2)))
    assert article.status == "done" and studio.store.article("me", article.id) == article


def test_retrieval_takes_few_turns_in_the_queue(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: each paragraph was a call of its own, each of which could wait behind another's article."""
    studio = start(Reply('Farm"'), Reply("\n\n".join(f"Paragraph {i} about cows." for i in range(12))))
    calls: list[str] = []
    submit = studio.worker.submit

    def note(call: Call, person: str = "") -> Any:
        calls.append(type(call).__name__)
        return submit(call, person)

    monkeypatch.setattr(studio.worker, "submit", note)
    finished(studio.jobs.start("me", Brief("a farm", images=3)))
    assert calls.count("Embed") <= 7, calls  # the paragraphs; once the library, 46 pictures in two languages, 16 a call


def test_while_the_model_is_loaded_it_is_said_and_stop_works(tmp_path: Path) -> None:
    studio = Studio(Settings(data=str(tmp_path)), ScriptedSpec((Reply(TEXT),), STARTER))  # never started
    stop = Stop()
    work = studio.composer.write(Article(Brief("a farm")), "me", stop)
    first = next(work)
    assert first.loading and first.step == "writing"
    stop.press()
    last = next(work)
    assert (last.step, last.article.status, last.loading) == ("done", "stopped", False)
    assert not list(studio.composer.edit("rewrite", "The cow.", "", "", "me", stop))
