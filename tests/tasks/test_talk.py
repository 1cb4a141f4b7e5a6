"""Talking with personas: who answers, what the model is sent, what is kept of it, and titles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.app import Studio
from studio.documents.conversation import Conversation
from studio.documents.persona import Example, Persona
from studio.prompts import fitting
from studio.prompts.budget import Budget
from studio.prompts.internlm2 import InternLM2
from studio.prompts.messages import message
from studio.prompts.transcript import text_of
from studio.protocol import ModelCard, Prompt, Text
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.storage.persons import CLI
from studio.tasks.talk import opening, talker_of
from studio.tasks.titles import cleaned

CARD = ModelCard("InternLM2-Chat-1.8B", "internlm2", ("zh", "en"), False, 4096)
BAJIE = Persona(
    "八戒",
    "你是猪八戒。",
    "来了",
    (Example("你好", "俺老猪"), Example("open?")),
    {"temperature": 0.25},
    "bajie-chat-mini",
)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    replies = (Reply("A walk in autumn", match="a title of", times=0), Reply(" An answer \n", match="hello", times=0))
    with Studio(Settings(data=str(tmp_path)), ScriptedSpec(replies, card=CARD)) as studio:
        yield studio


def answered(studio: Studio, conversation: Conversation) -> Conversation:
    return list(studio.answers.start(CLI, conversation).updates())[-1].conversation


def test_what_is_sent_is_kept_to_the_character(studio: Studio) -> None:
    done = answered(studio, Conversation(kind="talk", persona=BAJIE).ask("  hello  \n"))
    turn = done.turns[-1]
    assert (turn.answer, turn.model, turn.finish) == (" An answer \n", CARD.name, "stop")
    seen = studio.prompts.get(CLI, turn.seen).text
    assert seen == (
        "<|im_start|>system\n你是猪八戒。<|im_end|>\n<|im_start|>user\n你好<|im_end|>\n"
        "<|im_start|>assistant\n俺老猪<|im_end|>\n<|im_start|>assistant\n来了<|im_end|>\n"
        "<|im_start|>user\n  hello  \n<|im_end|>\n<|im_start|>assistant\n"
    )
    stored = studio.store.conversation(CLI, done.id)
    assert stored == replace(done, title=stored.title)  # which may have come meanwhile
    again = answered(studio, done.ask("hello again"))
    longer = studio.prompts.get(CLI, again.turns[-1].seen).text
    assert longer.startswith(seen + " An answer \n<|im_end|>\n"), "a turn begins with all that was read and written"


def test_a_persona_with_tools_is_asked_as_one_without(studio: Studio) -> None:
    """The tools are told of after its own system text; examples and greeting follow."""
    done = answered(studio, Conversation(kind="talk", persona=BAJIE, tools=("calculator",)).ask("hello"))
    assert (done.turns[-1].answer, done.turns[-1].finish) == (" An answer \n", "stop")
    seen = studio.prompts.get(CLI, done.turns[-1].seen).text
    assert seen.startswith("<|im_start|>system\n你是猪八戒。<|im_end|>\n<|im_start|>system\n当开启工具以及代码时")
    assert seen.endswith(
        "<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n俺老猪<|im_end|>\n<|im_start|>assistant\n来了"
        "<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    )
    again = answered(studio, done.ask("hello again"))
    longer = studio.prompts.get(CLI, again.turns[-1].seen).text
    assert longer.startswith(seen + " An answer \n<|im_end|>\n"), "what was read and written is not read again"


def test_a_persona_brings_its_numbers_and_a_person_s_own_win(studio: Studio) -> None:
    studio.worker.wait_ready()
    own = studio.talker.sampling(Conversation(kind="talk", persona=BAJIE))
    assert (own.temperature, own.max_tokens) == (0.25, InternLM2.answering.max_tokens)


def test_its_own_model_answers_where_it_is_loaded() -> None:
    cards = {"talk": CARD, "talk:bajie-chat-mini": replace(CARD, name="八戒's")}
    assert talker_of(cards, BAJIE) == ("talk:bajie-chat-mini", cards["talk:bajie-chat-mini"])
    assert talker_of({"talk": CARD}, BAJIE) == ("talk", CARD)
    assert talker_of(cards, None) == ("talk", CARD)


def test_a_long_conversation_keeps_its_beginning_until_a_quarter_must_go() -> None:
    """The oldest turns that did not fit stay out, so each prompt begins as the one before."""

    def count(prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        return tuple(sum(len(s.text) if isinstance(s, Text) else 1 for s in p) for p in prompts)

    budget = Budget(replace(CARD, context=2000), count)
    turns = [(message("user", f"{n:040}"), message("assistant", "a" * 60)) for n in range(60)]
    left_out, changes, before = 0, 0, ""
    for number in range(1, len(turns)):
        asked = fitting.talk(budget, InternLM2(), opening(BAJIE), tuple(turns[:number]), "", 200, left_out)
        text = text_of(asked.prompt)
        assert budget.tokens(asked.prompt) + asked.room <= 2000 and asked.room >= 128 and "你是猪八戒" in text
        changes += not text.startswith(before.removesuffix("assistant\n"))
        left_out, before = asked.turns, text
    assert left_out > 30 and changes <= 12, f"its beginning changed {changes} times in 59 turns"


def test_a_picture_is_refused_where_the_model_is_blind(studio: Studio) -> None:
    from studio.documents.article import Picture

    state = list(studio.answers.start(CLI, Conversation(kind="talk").ask("hello", (Picture("a" * 64),))).updates())[-1]
    assert state.error is not None and state.error.key == "talk_blind"


def telling(act: Callable[..., None], done: threading.Event) -> Callable[..., None]:
    """The same, and then tells that it is done."""

    def both(*given: object) -> None:
        act(*given)
        done.set()

    return both


def test_a_title_comes_when_nobody_waits(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.tasks.titles.PAUSE", 0.01)
    titled = threading.Event()
    monkeypatch.setattr(studio.store, "title_conversation", telling(studio.store.title_conversation, titled))
    done = answered(studio, Conversation(kind="talk").ask("hello"))
    assert titled.wait(20)
    assert studio.store.conversation(CLI, done.id).title == "A walk in autumn"
    later = answered(studio, done.ask("hello again"))  # from a page that does not know the title
    assert studio.store.conversation(CLI, later.id).title == "A walk in autumn"
    assert studio.store.list_conversations(CLI, "walk")[0].kind == "talk"


def test_titles_give_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A title that is being made ends when a person comes, and is made later."""
    monkeypatch.setattr("studio.tasks.titles.PAUSE", 0.01)
    replies = (
        Reply("A slow title " * 300, match="a title of", pace=0.2),
        Reply("two", match="person"),
        Reply("one", match="hello", times=1),
        Reply("Second try", match="a title of", times=0),
    )
    with Studio(Settings(data=str(tmp_path)), ScriptedSpec(replies, card=CARD)) as studio:
        titled, given = threading.Event(), list[str]()
        keep = telling(studio.store.title_conversation, titled)

        def title(person: str, id: int, words: str) -> None:
            given.append(words)
            keep(person, id, words)

        monkeypatch.setattr(studio.store, "title_conversation", title)
        done = answered(studio, Conversation(kind="talk").ask("hello"))
        for _ in range(2000):
            if studio.worker.running:
                break
            threading.Event().wait(0.01)
        other = answered(studio, Conversation(kind="talk").ask("person"))
        assert other.turns[-1].answer == "two"
        assert titled.wait(20) and studio.store.conversation(CLI, done.id).title == "Second try"
        assert {*given} == {"Second try"}, "the first was given up"


@pytest.mark.parametrize(
    ("reply", "title"),
    [('"Autumn walks."', "Autumn walks"), ("《秋天的茶》。", "秋天的茶"), ("x" * 50, ""), ("  \n", "")],
)
def test_a_title_is_short_and_bare(reply: str, title: str) -> None:
    assert cleaned(reply) == title


def test_personas_are_a_person_s_own(studio: Studio) -> None:
    assert [p.key for p in studio.personas.all("a")] == ["assistant", "bajie", "huanhuan", "horo"]
    mine = studio.store.personas.save("a", Persona("  Tea   man ", "You pour tea."))
    assert mine.name == "Tea man" and studio.personas.get("a", str(mine.id)) == mine
    assert [p.name for p in studio.personas.all("b")][-1] == "巧耳"
    for person, key in (("b", str(mine.id)), ("a", "99999999999999999999"), ("a", "../bajie"), ("a", "-1")):
        with pytest.raises(Exception, match="no persona"):
            studio.personas.get(person, key)
    name, data = studio.personas.file_of("a", str(mine.id))
    copied = studio.personas.take("b", data, "x.json")
    assert (copied.name, copied.system, name) == (mine.name, mine.system, "Tea man")
    studio.store.personas.delete("a", mine.id)
    assert len(studio.personas.all("a")) == 4
    assert studio.personas.named("a", "嬛嬛").system == "现在你要扮演皇帝身边的女人--甄嬛."
