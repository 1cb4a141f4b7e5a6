"""Articles of any length with any number of pictures, on an engine that counts and refuses as the native one does.

Quick by default; `LONG_CASES=2000 pytest tests/tasks/test_long_articles.py` tries as many cases.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pytest
from golden import REAL_TOKENIZER
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.documents.article import Article, Brief, Picture, Section
from studio.engine.base import Cancelled
from studio.engine.scripted import ScriptedAuxiliaryModels, ScriptedEngine
from studio.errors import StudioError
from studio.library.index import Library
from studio.library.picture_intake import normalise_file
from studio.protocol import (
    Call,
    Choose,
    Count,
    Counts,
    Describe,
    Done,
    Embed,
    Event,
    Failed,
    Generate,
    ModelCard,
    Piece,
    Prompt,
    Role,
    Scores,
    Text,
    Vectors,
)
from studio.specs import Reply, ScriptedSpec
from studio.storage.store import Store
from studio.tasks.embedding import Embedder
from studio.tasks.find import PictureFinder
from studio.tasks.progress import Stop
from studio.tasks.write import Composer

CASES = int(os.environ.get("LONG_CASES", "25"))
TOKENIZER = str(REAL_TOKENIZER) if REAL_TOKENIZER.is_file() else ""  # else words and Chinese characters are counted
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
SENTENCES = {
    "en": (
        "The tea road climbs out of the valley before the sun does. ",
        "Mules carried bricks of tea over passes that are closed by snow from November to April. ",
        "In the evening the keeper of the hut lights a fire, and the walkers come in one by one. ",
    ),
    "zh": (
        "清晨，茶马古道沿着山谷向上延伸。",
        "马帮驮着茶砖翻越雪山，从十一月到次年四月，山口都被大雪封住。",
        "傍晚，客栈的主人点起炉火，赶路的人陆续走进来。",
    ),
}


class Engine(ScriptedEngine):
    """Writes `article` when it is asked for one; places, captions and choices are made up."""

    def __init__(self, context: int) -> None:
        card = replace(ScriptedSpec().card, context=context, image_tokens=256)
        super().__init__(ScriptedSpec(card=card, tokenizer=TOKENIZER))
        self.article, self.random = "", random.Random(0)
        self.prompts, self.largest = 0, 0
        self._count = lru_cache(maxsize=2048)(self._count)  # type: ignore[method-assign]

    def _take(self, prompt: str) -> Reply:
        if "选择适合插入图像的" in prompt:
            return Reply(",".join(f"<Seg{self.random.randrange(400)}>" for _ in range(15)))
        if prompt.endswith('标题是"'):
            return Reply('Mules in the snow, seen from the hut above the pass"')
        if prompt.endswith("最合适的图是:"):
            return Reply(f" {self.random.choice('ABCD')}")
        return Reply(self.article)

    def _require_room(self, prompt: Prompt, room: int) -> None:
        super()._require_room(prompt, room)
        self.prompts += 1
        self.largest = max(self.largest, self._count(prompt) + room)


@dataclass
class Request:
    """One call on the engine, in this process."""

    made: Iterator[Event]

    def events(self) -> Iterator[Event]:
        try:
            yield from self.made
        except StudioError as e:
            yield Failed(e)

    def result(self) -> Event:
        *_, last = self.events()
        if isinstance(last, Failed):
            raise last.error
        return last

    def cancel(self) -> None:
        """It is over already."""


class Worker:
    """The worker's client without a worker."""

    state = "ready"

    def __init__(self, engine: Engine) -> None:
        self.engine, self.senses, self.cards = engine, ScriptedAuxiliaryModels(ScriptedSpec()), engine.cards

    def wait_ready(self, timeout: float | None = None) -> Mapping[Role, ModelCard]:
        return self.engine.cards

    def submit(self, call: Call, person: str = "") -> Request:
        return Request(self._events(call))

    def _events(self, call: Call) -> Iterator[Event]:
        never: Cancelled = lambda: False  # noqa: E731
        match call:
            case Count(role, prompts):
                yield Counts(self.engine.count(role, prompts))
            case Generate():
                yield from self.engine.generate(call, never)
            case Choose():
                yield Scores(self.engine.choose(call, never))
            case Describe(image):
                yield self.senses.describe(image)
            case Embed(texts):
                yield Vectors(tuple(self.senses.embed(texts)))


class Workshop:
    """What composes over one engine; the store and the library are the real ones."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.engines = {context: Engine(context) for context in (4096, 16384)}
        self.own = tuple(
            Picture(self.store.add_file(normalise_file(file.read_bytes(), file.name), "me"), file.stem)
            for file in sorted(PICTURES.glob("*.webp"))[:10]
        )
        embed = Embedder(Worker(self.engines[4096]))  # type: ignore[arg-type]
        self.library = Library(self.store, PICTURES, embed)

    def composer(self, context: int) -> Composer:
        worker = Worker(self.engines[context])
        embed = Embedder(worker)  # type: ignore[arg-type]
        read = lru_cache(maxsize=200)(self.store.read_file)
        return Composer(worker, lambda: PictureFinder(worker, embed, self.library, read), read)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    made = Workshop(tmp_path_factory.mktemp("long"))
    yield made
    made.store.close()
    for context, engine in made.engines.items():
        told = f"context {context:,}: {engine.prompts:,} prompts, the largest took {engine.largest:,} with its answer\n"
        sys.stderr.write(told)


@lru_cache(maxsize=64)
def sentence_tokens(sentence: str) -> int:
    return ENGINE.count("composer", ((Text(sentence),),))[0] - 1


ENGINE = Engine(4096)


def text_of(language: str, tokens: int, paragraph: int, seed: int) -> str:
    """About so many tokens in paragraphs of about so many; some are headings."""
    chance = random.Random(seed)
    blocks: list[str] = []
    while tokens > 0:
        if blocks and not blocks[-1].startswith("#") and chance.random() < 0.15:
            blocks.append(f"## {chance.choice(SENTENCES[language])[:20].strip()}")
        block, left = "", min(tokens, round(paragraph * chance.uniform(0.3, 1.7)))
        while left > 0:
            sentence = chance.choice(SENTENCES[language])
            block, left, tokens = block + sentence, left - sentence_tokens(sentence), tokens - sentence_tokens(sentence)
        blocks.append(block.strip())
    return "\n\n".join(blocks)


@pytest.mark.slow
@pytest.mark.timeout(60 + 5 * CASES)
@given(
    language=st.sampled_from(["en", "zh"]),
    tokens=st.integers(500, 8000),
    paragraph=st.sampled_from([30, 80, 200, 600, 2500]),
    images=st.sampled_from([None, 0, 1, 6, 15]),
    own=st.sampled_from([0, 3, 10]),
    context=st.sampled_from([4096, 16384]),
    way=st.sampled_from(["write", "outline", "continue"]),
    materials=st.sampled_from([0, 0, 300, 6000]),
    seed=st.integers(0, 9999),
)
@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=CASES < 100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_article_is_done_with_all_its_pictures(
    workshop: Workshop,
    language: str,
    tokens: int,
    paragraph: int,
    images: int | None,
    own: int,
    context: int,
    way: str,
    materials: int,
    seed: int,
) -> None:
    engine = workshop.engines[context]
    text = text_of(language, tokens, paragraph, seed)
    subject = {"en": "The tea road", "zh": "茶马古道"}[language]
    brief = Brief(
        title=subject,
        images=images,
        pictures=workshop.own[:own],
        materials=text_of(language, materials, 80, seed + 1) if materials else "",
        outline=("One", "Two", "  Three", "Four") if way == "outline" else (),
    )
    article, work = Article(brief), workshop.composer(context).write
    engine.article, engine.random = text, random.Random(seed)
    if way == "outline":  # each section is a share of the text
        engine.article = text_of(language, tokens // 4, paragraph, seed).replace("#", "")
    elif way == "continue":
        article = replace(article, title=subject, status="cut", sections=tuple(map(Section, text.split("\n\n"))))
        engine.article, work = f"\n\n{SENTENCES[language][2]}", workshop.composer(context).continue_article
    *_, last = work(article, "me", Stop())
    done = last.article
    assert not done.error
    assert done.status == "done" or (
        done.status == "cut" and way == "write" and tokens > 1000
    )  # illustrated all the same
    assert len(done.pictures) == images if images is not None else done.pictures
    assert len({p.key for p in done.pictures}) == len(done.pictures) and not done.empty_places
    written = "".join(s.text for s in done.sections)
    assert all(block in written for block in (text if way == "continue" else "").split("\n\n"))
    allowed = ("The materials are too long", "素材太长", "scripted model was shown", "写作时 scripted model")
    assert all(note.startswith(allowed) for note in done.notes), done.notes  # no step has failed


def test_the_engine_refuses_what_does_not_fit() -> None:
    """Else the test above would say nothing."""
    worker = Worker(Engine(4096))
    call = Generate("composer", (Text(text_of("en", 4200, 80, 0)),))
    *_, last = worker.submit(call).events()
    assert isinstance(last, Failed) and last.error.key == "context_overflow"
    *_, last = worker.submit(replace(call, prompt=(Text("short"),))).events()
    assert isinstance(last, Done | Piece)
