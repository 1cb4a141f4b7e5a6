"""Personas as files: the studio's own JSON, and character cards (v1, v2; JSON, or in a PNG's text) of other programs.

What comes in is by strangers: it is limited in size before it is read, only known fields are taken, each as plain text
of limited length, and nothing in it is looked up, loaded or run. A model is a name and never a path.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from studio.documents.persona import MAX_EXAMPLES, MAX_GREETING, MAX_NAME, MAX_SYSTEM, Example, Persona
from studio.errors import InputError
from studio.sampling import FIELDS

FORMAT = "xcomposer-studio-persona"
MAX_FILE = 8 << 20  # bytes
MAX_CARD = 1 << 20  # bytes of the JSON inside of a PNG
PNG = b"\x89PNG\r\n\x1a\n"
_MODEL = re.compile(r"[\w.-]{1,60}")


@dataclass(frozen=True)
class PersonaFile:
    """What a file holds: a persona without a picture, and the bytes of its picture, empty where there is none."""

    persona: Persona
    picture: bytes = b""


def write_persona(persona: Persona, picture: bytes = b"") -> bytes:
    """As a JSON file."""
    data: dict[str, Any] = {"format": FORMAT, "version": 1, "name": persona.name, "system": persona.system}
    data |= {"greeting": persona.greeting, "model": persona.model, "sampling": dict(persona.sampling)}
    data["examples"] = [{"question": e.question, "answer": e.answer} for e in persona.examples]
    if picture:
        data["picture"] = base64.b64encode(picture).decode()
    return json.dumps(data, ensure_ascii=False, indent=2).encode()


def read_persona(data: bytes, name: str) -> PersonaFile:
    """Whatever is in a file called `name`. Raises InputError with the cause."""
    if len(data) > MAX_FILE:
        raise InputError("persona_file_wrong", name=name, cause=f"it is larger than {MAX_FILE >> 20} MiB")
    try:
        if data.startswith(PNG):
            found = PersonaFile(_from_card(_json(_card_of_png(data))), data)
        else:
            card = _json(data)
            found = _own(card) if card.get("format") == FORMAT else PersonaFile(_from_card(card))
    except _Wrong as e:
        raise InputError("persona_file_wrong", name=name, cause=str(e)) from e
    return replace(found, persona=found.persona.check())


class _Wrong(Exception):
    """Why a file is no persona."""


def _json(data: bytes) -> Mapping[str, Any]:
    try:
        card = json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as e:
        raise _Wrong("it is no JSON") from e
    if not isinstance(card, Mapping):
        raise _Wrong("it holds no object")
    return card


def _own(card: Mapping[str, Any]) -> PersonaFile:
    examples = card.get("examples")
    given = [e for e in examples if isinstance(e, Mapping)] if isinstance(examples, list) else []
    sampling = card.get("sampling")
    known = {f.name for f in FIELDS}
    persona = Persona(
        name=_text(card, "name", MAX_NAME),
        system=_text(card, "system", MAX_SYSTEM),
        greeting=_text(card, "greeting", MAX_GREETING),
        examples=tuple(
            Example(_text(e, "question", MAX_GREETING), _text(e, "answer", MAX_GREETING)) for e in given[:MAX_EXAMPLES]
        ),
        sampling={k: v for k, v in sampling.items() if k in known} if isinstance(sampling, Mapping) else {},
        model=model if _MODEL.fullmatch(model := _text(card, "model", MAX_NAME)) else "",
    )
    picture = card.get("picture")
    try:
        return PersonaFile(persona, base64.b64decode(picture, validate=True) if isinstance(picture, str) else b"")
    except (ValueError, binascii.Error) as e:
        raise _Wrong("its picture is no base64") from e


def _from_card(card: Mapping[str, Any]) -> Persona:
    """A character card: the fields of version 2 lie in `data`, those of version 1 directly in the object."""
    inner = card.get("data")
    fields = inner if isinstance(inner, Mapping) else card
    if not isinstance(fields.get("name"), str):
        raise _Wrong("it has no name")
    name = _text(fields, "name", MAX_NAME)

    def part(key: str, limit: int = MAX_SYSTEM) -> str:
        return _filled(_text(fields, key, limit), name).strip()

    parts = [part("system_prompt"), part("description"), part("personality")]
    scenario = part("scenario")
    system = "\n\n".join(filter(None, (*parts, scenario)))[:MAX_SYSTEM]
    examples = tuple(_dialogue(_text(fields, "mes_example", MAX_SYSTEM), name))[:MAX_EXAMPLES]
    return Persona(name=name, system=system, greeting=part("first_mes", MAX_GREETING), examples=examples)


def _dialogue(text: str, name: str) -> Iterator[Example]:
    """Pairs of `{{user}}: …` and `{{char}}: …`; what has no pair is left out."""
    parts = re.split(
        r"(?im)^\s*(?:<start>|(\{\{user\}\}|<user>|\{\{char\}\}|<bot>|" + re.escape(name) + r")\s*[:：])", text
    )
    question = ""
    for who, said in zip(parts[1::2], parts[2::2], strict=False):
        words = _filled(said, name).strip()[:MAX_GREETING]
        if who and who.lower() in ("{{user}}", "<user>"):
            question = words
        elif who and question and words:
            yield Example(question, words)
            question = ""


def _filled(text: str, name: str) -> str:
    """With the placeholders of cards filled in."""
    text = re.sub(r"(?i)\{\{original\}\}", "", text)
    text = re.sub(r"(?i)\{\{char\}\}|<bot>", lambda _: name, text)
    chinese = any("\u4e00" <= c <= "\u9fff" for c in text)
    return re.sub(r"(?i)\{\{user\}\}|<user>", "用户" if chinese else "the user", text)


def _text(data: Mapping[str, Any], key: str, limit: int) -> str:
    """A field as text without control characters and halves of characters, cut at `limit`; "" where it is no text."""
    value = data.get(key)
    if not isinstance(value, str):
        return ""
    value = value[: 2 * limit].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(c for c in value if c in "\n\t" or ord(c) >= 32)[:limit]


def _card_of_png(data: bytes) -> bytes:
    """The card in a PNG's text chunk `chara`. The picture itself is not opened here."""
    for kind, body in _chunks(data):
        keyword, _, rest = body.partition(b"\0")
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or keyword.lower() != b"chara":
            continue
        if kind == b"zTXt":
            rest = _inflated(rest[1:])
        elif kind == b"iTXt":
            compressed, rest = rest[:1], rest[2:].partition(b"\0")[2].partition(b"\0")[2]
            rest = _inflated(rest) if compressed == b"\1" else rest
        try:
            return base64.b64decode(rest, validate=False)
        except (ValueError, binascii.Error) as e:
            raise _Wrong("its card is no base64") from e
    raise _Wrong("the PNG holds no character card")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _inflated(data: bytes) -> bytes:
    """At most `MAX_CARD` bytes."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(data, MAX_CARD)
    except zlib.error as e:
        raise _Wrong("its card cannot be decompressed") from e
    if stream.unconsumed_tail:
        raise _Wrong("its card is too large")
    return found
