"""Personas as files: what is exported comes back, cards of others are read, and hostile files do nothing."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.documents.persona import MAX_NAME, Example, Persona
from studio.documents.persona_files import PNG, read_persona, write_persona
from studio.errors import InputError

CARD = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Mira",
        "description": "{{char}} keeps a tea house.",
        "personality": "calm",
        "scenario": "{{user}} comes in from the rain.",
        "first_mes": "Sit down, {{user}}.",
        "mes_example": "<START>\n{{user}}: What do you serve?\n{{char}}: Oolong, \nand silence.\n<START>\n{{char}}: x",
        "system_prompt": "{{original}}Answer as {{char}}.",
        "tags": ["tea"],
        "extensions": {"x": {"y": [1]}},
    },
}


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = [
        struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in (*chunks, (b"IEND", b""))
    ]
    return PNG + b"".join(parts)


def test_what_is_exported_comes_back() -> None:
    persona = Persona(
        "茶人", "你是茶人。", "请坐", (Example("q", "a"), Example("q2")), {"temperature": 0.5}, "bajie-chat-mini"
    )
    found = read_persona(write_persona(persona, b"picture"), "a.json")
    assert found.persona == persona and found.picture == b"picture"


@pytest.mark.parametrize("form", ["json", "v1", "tEXt", "zTXt", "iTXt"])
def test_character_cards_are_read(form: str) -> None:
    text = json.dumps(CARD["data"] if form == "v1" else CARD).encode()
    packed = base64.b64encode(text)
    data = {
        "tEXt": png((b"tEXt", b"Title\0x"), (b"tEXt", b"chara\0" + packed)),
        "zTXt": png((b"zTXt", b"chara\0\0" + zlib.compress(packed))),
        "iTXt": png((b"iTXt", b"chara\0\1\0en\0key\0" + zlib.compress(packed))),
    }.get(form, text)
    found = read_persona(data, "mira.png")
    assert found.persona.name == "Mira" and found.persona.greeting == "Sit down, the user."
    assert (
        found.persona.system.startswith("Answer as Mira.\n\nMira keeps a tea house.")
        and "{{" not in found.persona.system
    )
    assert found.persona.examples == (Example("What do you serve?", "Oolong, \nand silence."),)
    assert found.picture == (data if form in ("tEXt", "zTXt", "iTXt") else b"")


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"<script>alert(1)</script>",
    "a list": b"[]",
    "no name": b"{}",
    "a name that is none": b'{"name": {"$ref": "x"}}',
    "deep": b'{"name": ' + b"[" * 200_000,
    "a PNG without a card": png(),
    "a cut PNG": png((b"tEXt", b"chara\0" + b"A" * 40))[:30],
    "a bomb": png((b"zTXt", b"chara\0\0" + zlib.compress(bytes(300 << 20), 9))),
    "a wild sampling": json.dumps(
        {"format": "xcomposer-studio-persona", "name": "x", "sampling": {"top_p": 9}}
    ).encode(),
    "too large": b" " * (9 << 20),
    "a picture that is none": b'{"format": "xcomposer-studio-persona", "name": "x", "picture": "%%%"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read_persona(HOSTILE[name], "x.json")
    assert caught.value.say("en") and caught.value.say("zh")


def test_what_is_strange_in_a_file_is_left_out() -> None:
    data: dict[str, Any] = {"format": "xcomposer-studio-persona", "name": "<b>\x00\x1b[31m\ud800" + "长" * 200, "id": 5}
    data |= {
        "key": "bajie",
        "picture": "",
        "model": "../../etc/passwd",
        "sampling": {"evil": 1},
        "examples": [1, {"question": 2}],
    }
    found = read_persona(json.dumps(data).encode(), "x.json").persona
    assert len(found.name) <= MAX_NAME and "\x1b" not in found.name and found.name.isprintable()
    assert (found.model, found.sampling, found.id, found.key, found.picture) == ("", {}, 0, "", "")


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda c: st.lists(c) | st.dictionaries(st.sampled_from([*CARD["data"], "data", "format"]), c),
        max_leaves=12,
    )
)
def test_any_json_is_a_persona_or_refused(data: Any) -> None:
    try:
        found = read_persona(json.dumps(data).encode(), "x.json").persona
    except InputError:
        return
    assert found == found.check()
