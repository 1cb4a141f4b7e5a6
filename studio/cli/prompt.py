"""`studio prompt`: the exact text that would be sent to a model, and its token ids; no model need be here. And what
was sent for a stored article or conversation.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.checkpoints.catalog import named
from studio.cli.options import language_of_messages, read_text
from studio.errors import InputError, NotFoundError
from studio.prompts import DIALECTS, Dialect, dialect_of
from studio.prompts.messages import read_messages
from studio.prompts.transcript import text_of
from studio.protocol import Image, ModelCard, Prompt
from studio.settings import Settings
from studio.storage.prompt_rows import KeptPrompt
from studio.storage.regular_file import read_regular
from studio.storage.store import Store
from studio.storage.text_files import MAX_TEXT_BYTES
from studio.tasks.sent_prompts import as_sent

BOS = {"internlm2": "<s>", "xcomposer2": "<s>", "xcomposer2.5": "<s>", "xcomposer1": "<s>"}


@dataclass(frozen=True)
class Sent:
    """A prompt as it would be sent. `ids` are None without a tokenizer; in them None stands for each picture."""

    text: str
    ids: list[int | None] | None

    def format(self, as_json: bool) -> str:
        """One JSON object, or the text for people."""
        if as_json:
            return json.dumps({"text": self.text, "ids": self.ids}, ensure_ascii=False)
        return self.text if self.ids is None else f"{self.text}\n\n{len(self.ids)} ids: {' '.join(map(str, self.ids))}"


def dialect_named(model: str) -> tuple[str, Dialect]:
    """The dialect of that name, or of the published model of that name. Raises InputError with those there are."""
    published = named(model)
    full = published.dialect if published else model
    if full not in DIALECTS:
        raise InputError("setting_not_offered", name="model", value=model, known=", ".join(DIALECTS))
    return full, dialect_of(ModelCard(full, full, ("en", "zh"), True, 1 << 20))


def talk(messages: str, model: str, tokenizer: str) -> Sent:
    """The prompt for the answer to the messages in a JSON file. Raises InputError for a file that is none."""
    name, dialect = dialect_named(model)
    return sent(dialect.talk(read_messages(_json(messages))), name, tokenizer)


def chat(question: str, pictures: tuple[str, ...], model: str, tokenizer: str) -> Sent:
    """The prompt for a first question about pictures."""
    name, dialect = dialect_named(model)
    return sent(dialect.chat(((question, _images(pictures), ""),)), name, tokenizer)


def write(
    instruction: str, materials: str | None, outline: str | None, pictures: tuple[str, ...], model: str, tokenizer: str
) -> Sent:
    """The prompt for an article, or with an outline for its first section."""
    name, dialect = dialect_named(model)
    language = language_of_messages("auto")
    notes = read_text(materials, language) if materials else ""
    images = _images(pictures)
    headings = (
        tuple(line.strip() for line in read_text(outline, language).splitlines() if line.strip()) if outline else ()
    )
    if not headings:
        return sent(dialect.article(instruction, images, materials=notes), name, tokenizer)
    first = f"## {headings[0]}"
    return sent(dialect.section(instruction, headings, headings[0], first, images, notes), name, tokenizer)


def of_article(settings: Settings, id: int, as_json: bool) -> str:
    """What models were sent for a stored article, step by step. Raises NotFoundError."""
    with closing(Store(settings.folder)) as store:
        person = store.owner("article", id)
        found = [store.prompts.get(person, row.id) for row in store.prompts.of_article(person, id)]
    if not found:
        raise NotFoundError("article_prompts_missing")
    return _format([({"step": kept.row.step}, kept) for kept in found], as_json)


def of_conversation(settings: Settings, id: int, as_json: bool) -> str:
    """What models were sent for the answers of a stored conversation. Raises NotFoundError."""
    with closing(Store(settings.folder)) as store:
        person = store.owner("conversation", id)
        turns = enumerate(store.conversation(person, id).turns, 1)
        found = [({"turn": number}, store.prompts.get(person, turn.seen)) for number, turn in turns if turn.seen]
    return _format(found, as_json)


def _format(found: list[tuple[dict[str, Any], KeptPrompt]], as_json: bool) -> str:
    """One JSON list, or the texts for people, each under a line that says what it was for."""
    sent = [(facts | {"model": kept.row.model}, as_sent(kept)) for facts, kept in found]
    if as_json:
        return json.dumps([{**facts, "text": one.text, "ids": one.ids} for facts, one in sent], ensure_ascii=False)
    ids = [None if one.ids is None else list(one.ids) for _, one in sent]
    texts = [Sent(one.text, i).format(as_json=False) for (_, one), i in zip(sent, ids, strict=True)]
    heads = [" · ".join(str(value) for value in facts.values()) for facts, _ in sent]
    return "\n\n".join(f"=== {head} ===\n{text}" for head, text in zip(heads, texts, strict=True))


def sent(prompt: Prompt, dialect: str, tokenizer: str) -> Sent:
    """A prompt with its ids by that tokenizer.model ("" for none)."""
    from studio.models.tokenizer import from_file

    text = text_of(prompt, BOS.get(dialect, ""))
    if not tokenizer:
        return Sent(text, None)
    path = Path(tokenizer).expanduser()
    runs = from_file(path / "tokenizer.model" if path.is_dir() else path).encode(prompt)
    return Sent(text, [i for run in runs for i in (run if isinstance(run, list) else [None])])


def _images(paths: tuple[str, ...]) -> tuple[Image, ...]:
    """Placeholders: a prompt says where a picture stands and not what is on it."""
    return tuple(Image(hashlib.sha256(path.encode()).hexdigest(), b"") for path in paths)


def _json(file: str) -> Any:
    """The data of a JSON file, in any of the encodings of JSON."""
    try:
        return json.loads(read_regular(Path(file), MAX_TEXT_BYTES).removeprefix(codecs.BOM_UTF8))
    except ValueError as e:
        raise InputError("messages_wrong", number=1, cause=f"{file} is no JSON ({e})") from e
