"""A conversation with a persona as the data that `studio/ui/static/talk.js` draws. Answers are rendered and sanitised
here, never in the browser; all else is drawn as text."""

from __future__ import annotations

import json
import time

from studio.app import Studio
from studio.documents.conversation import Conversation, Turn
from studio.documents.persona import Example, Persona
from studio.documents.steps import AgentStep
from studio.errors import Language
from studio.roles import TALK
from studio.tasks.answer_stream import AnswerProgress
from studio.tasks.talk import own_role
from studio.ui import page_data
from studio.ui.article_view import html, queue_position
from studio.ui.words import t

ABOUT = 90  # characters of a persona's first line
ARROW = " => "  # between a question and its answer, in a form's line
EMPTY: page_data.TalkView = {
    "id": 0,
    "title": "",
    "persona": None,
    "turns": [],
    "running": False,
    "said": "",
    "more": False,
    "sees": False,
    "tools": [],
    "confirm": [],
    "asked": 0.0,
}


class Changes:
    """Cuts turns that the page has seen down to their numbers: a long conversation that grows at its end would else be
    sent and read whole at every word."""

    def __init__(self) -> None:
        self._seen: dict[int, page_data.TalkTurn | page_data.UnchangedTurn] = {}

    def of(self, view: page_data.TalkView) -> page_data.TalkView:
        """What is left to send of a view."""
        turns: list[page_data.TalkTurn | page_data.UnchangedTurn] = [
            {"number": turn["number"]} if self._seen.get(turn["number"]) == turn else turn for turn in view["turns"]
        ]
        self._seen |= {turn["number"]: turn for turn in view["turns"]}
        return {**view, "turns": turns}


def to_talk_data(
    studio: Studio, conversation: Conversation, language: Language, progress: AnswerProgress | None = None
) -> page_data.TalkView:
    """What the page shows; with `progress`, how the answer under way stands."""
    running = progress is not None and not progress.ended
    turns = conversation.turns
    last = turns[-1] if turns else None
    said = ""
    if running and last and not (last.answer or last.steps):
        waits = queue_position(progress.waiting if progress else None, language)
        said = t("loading", language) if studio.worker.state == "starting" else waits or t("talk_waiting", language)
    return {
        "id": conversation.id,
        "title": conversation.title or (turns[0].question[:80] if turns else ""),
        "persona": persona_card(studio, conversation.persona) if conversation.persona else None,
        "turns": [_turn(number, turn) for number, turn in enumerate(turns)],
        "running": running,
        "said": said,
        "more": not running and bool(last and last.answer and last.finish not in ("stop", "")),
        "sees": sees(studio, conversation.persona),
        "tools": list(conversation.tools),
        "confirm": list(conversation.confirm),
        "asked": time.time(),
    }


def persona_card(studio: Studio, persona: Persona) -> page_data.PersonaCard:
    """A persona for its card."""
    lines = [line.strip(" -") for line in persona.system.splitlines() if line.strip()]
    missing = persona.model and own_role(persona) not in studio.worker.cards
    return {
        "key": persona.key or str(persona.id),
        "name": persona.name,
        "picture": persona_picture(persona),
        "about": (lines[0] if lines else "")[:ABOUT],
        "greeting": persona.greeting,
        "openers": list(persona.openers),
        "own": not persona.key,
        "model": persona.model,
        "missing": f"studio models download {persona.model}" if missing else "",
    }


def persona_picture(persona: Persona) -> str:
    """The URL of its picture."""
    if persona.key:
        return f"personas/{persona.key}.svg"
    return f"thumbnails/{persona.picture}" if persona.picture else "personas/own.svg"


def persona_form(persona: Persona) -> page_data.PersonaForm:
    """A persona for its form."""
    return {
        "key": persona.key or str(persona.id),
        "name": persona.name,
        "system": persona.system,
        "greeting": persona.greeting,
        "examples": "\n".join(_line(e) for e in persona.examples),
        "model": persona.model,
        "sampling": dict(persona.sampling),
        "picture": persona_picture(persona),
    }


def examples_from(lines: str) -> tuple[Example, ...]:
    """Back from a form's lines."""
    parts = (line.partition(ARROW.rstrip()) for line in lines.splitlines() if line.strip())
    return tuple(Example(question.strip(), answer.strip().replace("\\n", "\n")) for question, _, answer in parts)


def sees(studio: Studio, persona: Persona | None) -> bool:
    """Whether pictures can be sent along."""
    cards = studio.worker.cards
    card = cards.get(own_role(persona)) or cards.get(TALK.name)
    return bool(card and card.sees)


def _line(example: Example) -> str:
    question = example.question.replace("\n", " ")
    answer = example.answer.replace("\n", "\\n")
    return f"{question}{ARROW}{answer}" if answer else question


def _turn(number: int, turn: Turn) -> page_data.TalkTurn:
    return {
        "number": number,
        "question": turn.question,
        "pictures": [f"pictures/{p.key}" for p in turn.pictures],
        "html": html(turn.answer) if turn.answer.strip() else "",
        "answer": turn.answer,
        "finish": turn.finish,
        "place": turn.place + 1,
        "of": len(turn.others) + 1,
        "liked": turn.liked,
        "model": turn.model,
        "seen": turn.seen,
        "unread": turn.unread,
        "files": [file.name for file in turn.files],
        "steps": [_step(step) for step in turn.steps],
    }


def _step(step: AgentStep) -> page_data.TalkStep:
    asked = step.code or (json.dumps(dict(step.arguments), ensure_ascii=False) if step.arguments else step.written)
    return {
        "tool": step.tool,
        "thought": step.thought.strip(),
        "asked": asked.strip(),
        "status": step.status,
        "result": step.result,
        "pictures": [f"pictures/{p.key}" for p in step.pictures],
        "tables": [
            {"columns": [*table.columns], "rows": [[*row] for row in table.rows], "left": table.rows_left_out}
            for table in step.tables
        ],
        "files": [file.name for file in step.files],
        "seconds": round(step.seconds, 2),
    }


def tool_facts(studio: Studio, language: Language) -> list[page_data.TalkTool]:
    """The tools that there are, for their switches."""
    zh = language == "zh"
    return [
        {
            "name": tool.name,
            "label": tool.words[zh],
            "about": tool.description[zh],
            "why": error.say(language) if (error := tool.unavailable()) else "",
        }
        for tool in studio.toolbox.all
    ]
