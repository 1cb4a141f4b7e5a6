"""`studio chat`: talking in a terminal; the answer streams, Ctrl+C ends it and not the chat."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from studio.app import Studio
from studio.checkpoints.catalog import NONE, chosen, plan
from studio.checkpoints.ladder import LADDER
from studio.cli.options import fail_softly, language_of_messages
from studio.cli.write import read_picture
from studio.documents.article import Picture
from studio.documents.conversation import Conversation
from studio.documents.persona import Persona
from studio.documents.steps import AgentStep
from studio.errors import InputError, StudioError
from studio.library.picture_intake import normalise_file
from studio.roles import TALK
from studio.sampling import check as check_numbers
from studio.settings import Settings
from studio.specs import EngineSpec, NativeSpec
from studio.storage.persons import CLI
from studio.tasks.progress import Stop
from studio.tasks.talk import own_role

HELP = """/picture FILE   send a picture with the next question
/again          answer the last question once more
/help           this
exit            end the chat (or Ctrl+D); Ctrl+C stops an answer; Alt+Enter begins a new line"""


@dataclass
class Chat:
    """A conversation that goes on: what was said, and pictures for the next question."""

    studio: Studio
    conversation: Conversation
    numbers: Mapping[str, Any]
    pictures: tuple[Picture, ...] = ()

    def answer(self, question: str) -> Iterator[str]:
        """The answer's pieces; Ctrl+C ends it, and what there is stays. Raises StudioError."""
        asked = self.conversation.ask(question, self.pictures)
        yield from self._stream(asked)
        self.pictures = ()

    def again(self) -> Iterator[str]:
        """Another answer to the last question; the first stays in the conversation."""
        if not self.conversation.turns:
            raise InputError("question_empty")
        yield from self._stream(self.conversation.ask_again(len(self.conversation.turns) - 1))

    def add_picture(self, name: str) -> None:
        """Send a picture with the next question. Raises StudioError."""
        taken = normalise_file(read_picture(name), Path(name).name)
        key = self.studio.store.add_file(taken, CLI)
        self.pictures = (*self.pictures, Picture(key, Path(name).stem, Path(name).name))

    def _stream(self, asked: Conversation) -> Iterator[str]:
        answer = self.studio.answers.start(CLI, asked, self.numbers)
        shown, steps, thought = "", 0, ""
        with _stopping(answer.stop):
            for state in answer.updates():
                turn = state.conversation.turns[-1]
                if not turn.answer.startswith(shown):  # it was the thought before a call
                    yield "\n"
                    shown, thought = "", shown
                for step in turn.steps[steps:]:
                    if step.ended:
                        if step.thought.strip() not in thought:  # it came and went between two looks
                            yield printable(f"{step.thought.strip()}\n")
                        yield printable(format_step(step))
                        steps += 1
                yield printable(turn.answer[len(shown) :])
                shown = turn.answer
                if state.conversation.turns[-1].finish or state.ended:
                    self.conversation = state.conversation
                if state.error:
                    raise state.error


def chat(
    settings: Settings,
    question: str | None,
    persona: str | None,
    system: str | None,
    tools: str,
    sampling: Mapping[str, Any],
) -> None:
    """One answer to a question that was given or piped in; without any, a chat until its end. Raises StudioError."""
    numbers = check_numbers("talk", sampling)
    question = _with_piped(question)
    language = language_of_messages(settings.language)
    with Studio(settings, _plan(settings)) as studio:
        who = studio.personas.named(CLI, persona) if persona else Persona("")
        who = replace(who, system=who.system if system is None else system)
        said = who if who.system or who.greeting or who.name else None
        named = _tools(studio, tools)
        talk = Chat(studio, Conversation(kind="talk", persona=said, tools=named), numbers)
        if question is not None:
            _print(talk.answer(question))
            return
        click.echo(HELP, err=True)
        if note := missing_model(studio, who):
            click.echo(note[language == "zh"], err=True)
        if who.greeting:
            click.echo(f"{who.name}: {printable(who.greeting)}")
        for line in _lines(settings):
            try:
                _obey(talk, line)
            except StudioError as e:
                fail_softly(e, settings.language)


def format_step(step: AgentStep) -> str:
    """A call of a tool and what came of it, as lines."""
    asked = step.code or json.dumps(dict(step.arguments), ensure_ascii=False) or step.written
    made = [p.title or p.key[:12] for p in step.pictures] + [f.name for f in step.files]
    result = "\n".join((step.result, *(f"[{name}]" for name in made))).strip()
    lines = [f"[{step.tool or '?'}] {asked.strip()}", *(f"  | {line}" for line in result.splitlines())]
    return "\n".join(lines) + "\n"


def _tools(studio: Studio, given: str) -> tuple[str, ...]:
    """The tools of a list by their names. Raises StudioError for one that is not there, or cannot be used here."""
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    for name in names:
        tool = studio.toolbox.find(name)
        if tool is None:
            known = ", ".join(tool.name for tool in studio.toolbox.all)
            raise InputError("setting_not_offered", name="tools", value=name, known=known)
        if error := tool.unavailable():
            raise error
    studio.toolbox.warm(names)
    return names


def with_model(settings: Settings, model: str | None) -> Settings:
    """The settings with another model that talks."""
    if not model:
        return settings
    if any(rung.name == model for rung in LADDER):
        return replace(settings, models=model)
    return replace(settings, gguf=model) if model.endswith(".gguf") else replace(settings, talk=model)


def missing_model(studio: Studio, persona: Persona) -> tuple[str, str] | None:
    """What to say, in English and Chinese, where a persona's own model is not loaded."""
    spec = studio.worker.spec
    loaded = isinstance(spec, NativeSpec) and own_role(persona) in spec.folders
    if not persona.model or loaded:
        return None
    command = f"studio models download {persona.model}"
    return (
        f"{persona.name}'s own model, {persona.model}, is not loaded: another plays it. To get it: {command}",
        f"没有加载 {persona.name} 自己的模型 {persona.model}，由别的模型扮演。下载：{command}",
    )


def printable(text: str) -> str:
    """Text for a terminal: what a model writes must not steer it."""
    return "".join(c for c in text if c in "\n\t" or (ord(c) >= 32 and not 0x7F <= ord(c) < 0xA0))


def _obey(talk: Chat, line: str) -> None:
    command, _, rest = line.strip().partition(" ")
    match command:
        case "/picture":
            talk.add_picture(rest.strip().strip("'\""))
            click.echo(f"[{len(talk.pictures)}]", err=True)
        case "/again":
            _print(talk.again())
        case "/help":
            click.echo(HELP, err=True)
        case _ if line.strip():
            _print(talk.answer(line))


def _print(pieces: Iterator[str]) -> None:
    try:
        for piece in pieces:
            click.echo(piece, nl=False)
    finally:
        click.echo()


def _plan(settings: Settings) -> EngineSpec:
    """What runs: the model that talks alone, where it has one of its own."""
    if chosen(settings, TALK.name):
        settings = replace(settings, composer=settings.composer or NONE, vl=settings.vl or NONE)
    return plan(settings)


def _with_piped(question: str | None) -> str | None:
    """The question, and under it what is piped in; None where a person sits there and none was given."""
    if sys.stdin.isatty():
        return question
    piped = sys.stdin.read()
    if question is None:
        if not piped.strip():
            raise InputError("question_empty")
        return piped
    return f"{question}\n\n{piped}" if piped.strip() else question


def _lines(settings: Settings) -> Iterator[str]:
    """What the person types, until `exit`; arrows go through what was typed before, also in earlier chats."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings

    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _(event: Any) -> None:
        event.current_buffer.insert_text("\n")

    settings.folder.mkdir(parents=True, exist_ok=True)
    history = FileHistory(str(settings.folder / "chat_history"))
    session: PromptSession[str] = PromptSession(history=history, key_bindings=keys, reserve_space_for_menu=0)
    while True:
        try:
            line = session.prompt("> ", prompt_continuation="  ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if line.strip() == "exit":
            return
        yield line


@contextmanager
def _stopping(stop: Stop) -> Iterator[None]:
    """Meanwhile Ctrl+C presses Stop."""
    try:
        before: Any = signal.signal(signal.SIGINT, lambda *_: stop.press())
    except ValueError:  # not the main thread, which alone gets signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
