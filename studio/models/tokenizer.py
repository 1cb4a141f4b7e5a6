"""Text to token ids and back, for the InternLM2 family.

Text that a person typed never becomes a control token: sentencepiece would turn a typed `[UNUSED_TOKEN_145]` into the
token that ends a turn, so such names are cut in two before it sees them (with no dummy prefix the pieces still join to
the same text). Only a protocol `Control` becomes one. On the way back a token may be part of a character; the stream
holds bytes until the character is whole.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from studio.checkpoints.architecture import CONTROL_TOKENS
from studio.errors import EngineError, ModelError
from studio.protocol import Control, Image, Prompt, Text

Bytes = list[bytes | int]  # what each id stands for: text in UTF-8, or one raw byte of a character
Run = list[int] | Image

# What sentencepiece may match in text; never `<s>` and `</s>`.
CONTROL = re.compile(r"\[UNUSED_TOKEN_\d+\]|<\|\w+\|>|<TOKENS_UNUSED_\d+>")
END_OF_TURN = "[UNUSED_TOKEN_145]"
SPACE = "\u2581"  # how sentencepiece writes a space inside a piece
REMEMBERED, LONGEST = 2048, 8192  # texts whose ids are remembered, and the characters of the longest: 64 MB at most


class Tokenizer:
    """The sentencepiece model of a checkpoint, or without a file (`bytes_only`) a stand-in of one id a byte."""

    def __init__(self, bytes_of: Bytes, controls: dict[str, int], processor: Any = None, *ends: str) -> None:
        """Generation stops at `</s>` and the control tokens `ends`."""
        self._bytes_of, self._controls, self._processor = bytes_of, controls, processor
        self.bos, self.eos = controls["<s>"], controls["</s>"]
        self.stops = frozenset({self.eos, *(controls[end] for end in ends or (END_OF_TURN,))})
        # each turn of a conversation brings all the turns before: sentencepiece takes 5 ms for 9,000 tokens of them
        self._remembered = lru_cache(REMEMBERED)(lambda text: array("i", self._encode_text(text)))

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self._bytes_of)

    def encode_text(self, text: str) -> list[int]:
        """Ids of ordinary text; none of them is a control token, and `decode` gives the text back.

        Lone surrogates, which no UTF-8 can hold, become the replacement character, and `▁` is sentencepiece's space.
        """
        return self._remembered(text).tolist() if len(text) <= LONGEST else self._encode_text(text)

    def _encode_text(self, text: str) -> list[int]:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        cuts = [0, *(match.start() + 1 for match in CONTROL.finditer(text)), len(text)]
        return [i for a, b in pairwise(cuts) for i in self._encode_part(text[a:b])]

    def control(self, piece: str) -> int:
        """The id of a control token by either of its names."""
        if piece not in self._controls:
            raise EngineError("prompt_unreadable", model="XComposer2", piece=piece)
        return self._controls[piece]

    def has_control(self, piece: str) -> bool:
        """Whether there is a control token of that name."""
        return piece in self._controls

    def encode(self, prompt: Prompt) -> list[Run]:
        """The prompt as runs of ids with the images between them; BOS first. Neighbouring texts are read as one."""
        runs: list[Run] = []
        ids = [self.bos]
        text = ""
        for segment in (*prompt, None):
            if isinstance(segment, Text):
                text += segment.text
                continue
            ids += self.encode_text(text)
            text = ""
            if isinstance(segment, Control):
                ids.append(self.control(segment.piece))
            elif isinstance(segment, Image):
                runs += [ids, segment]
                ids = []
        return [run for run in (*runs, ids) if run != []]

    def decode(self, ids: Sequence[int]) -> str:
        """The whole text of these ids; control tokens have none."""
        stream = TextStream(self)
        return "".join([*map(stream.add, ids), stream.end()])

    def bytes_of(self, token: int) -> bytes | int:
        """What an id stands for: text, or one byte of a character."""
        return self._bytes_of[token] if token < len(self._bytes_of) else b""

    def _encode_part(self, text: str) -> list[int]:
        if self._processor is None:
            return [3 + byte for byte in text.encode()]
        ids: list[int] = self._processor.encode(text)
        return ids


class TextStream:
    """Ids in, whole characters out. The pieces joined equal the text of all ids decoded at once."""

    def __init__(self, tokenizer: Tokenizer, keep_controls: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._kept = {tokenizer.control(name): name for name in keep_controls if tokenizer.has_control(name)}
        self._pending = b""  # the beginning of a character

    def add(self, token: int) -> str:
        """The text that this id completes, often but not always its own piece."""
        if name := self._kept.get(token):
            return self.end() + name
        known = self._tokenizer.bytes_of(token)
        if isinstance(known, bytes):
            return self.end() + known.decode()  # a control token has no text, and ends a character begun before it
        self._pending += bytes([known])
        return self._taken()

    def end(self) -> str:
        """What is left: each byte of an unfinished character shows as one replacement character."""
        rest, self._pending = self._pending, b""
        return "\ufffd" * len(rest)

    def _taken(self) -> str:
        text = ""
        while self._pending:
            length = _utf8_length(self._pending[0])
            if length > len(self._pending) and _may_begin(self._pending):
                break
            try:
                text += self._pending[:length].decode()
            except UnicodeDecodeError:
                text, length = text + "\ufffd", 1
            self._pending = self._pending[length:]
        return text


def from_file(
    path: Path,
    vocab: int = 0,
    control_tokens: tuple[tuple[str, ...], ...] = CONTROL_TOKENS,
    ends: tuple[str, ...] = (END_OF_TURN,),
    extra_rows: int = 0,
) -> Tokenizer:
    """Read a sentencepiece `tokenizer.model`.

    Raises ModelError unless it has `vocab` pieces (0: any number), or up to `extra_rows` fewer, and of
    each control token one of its names.
    """
    from sentencepiece import SentencePieceProcessor

    if not path.is_file():
        raise ModelError("checkpoint_file_missing", path=path)
    try:
        processor = SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError) as e:
        raise ModelError("tokenizer_wrong", path=path, cause=f"sentencepiece cannot read it ({e})") from e
    pieces: list[str] = processor.id_to_piece(list(range(processor.get_piece_size())))
    if vocab and not len(pieces) <= vocab <= len(pieces) + extra_rows:
        raise ModelError("tokenizer_wrong", path=path, cause=f"it has {len(pieces)} pieces, the model has {vocab}")
    ids = {piece: i for i, piece in enumerate(pieces)}
    absent = [names for names in control_tokens if not any(name in ids for name in names)]
    if absent or not {"<s>", "</s>"} <= ids.keys():
        name = absent[0][0] if absent else "<s>"
        raise ModelError("tokenizer_wrong", path=path, cause=f"it has no {name}")
    controls = {"<s>": ids["<s>"], "</s>": ids["</s>"]}
    for names in control_tokens:  # any of its names will do
        controls |= dict.fromkeys(names, next(ids[name] for name in names if name in ids))
    silent = set(controls.values())
    bytes_of: Bytes = [
        b"" if i in silent else _byte(piece) if processor.is_byte(i) else piece.replace(SPACE, " ").encode()
        for i, piece in enumerate(pieces)
    ]
    bytes_of[processor.unk_id()] = processor.decode([processor.unk_id()]).encode()
    return Tokenizer(bytes_of, controls, processor, *ends)


def bytes_only(vocab: int) -> Tokenizer:
    """A stand-in for random weights without a tokenizer file: text as bytes, every other id as one CJK character."""
    first = vocab - len(CONTROL_TOKENS)
    controls = {"<s>": 1, "</s>": 2}
    controls |= {name: first + i for i, names in enumerate(CONTROL_TOKENS) for name in names}
    bytes_of: Bytes = [b"", b"", b"", *range(256)]
    bytes_of += [chr(0x4E00 + i % 20000).encode() for i in range(len(bytes_of), first)]
    return Tokenizer([*bytes_of, *[b""] * len(CONTROL_TOKENS)], controls)


def _byte(piece: str) -> int:
    return int(piece[3:5], 16)  # <0xE4>


def _utf8_length(first: int) -> int:
    """Bytes of the character that begins with this byte; 1 for a byte that can begin none."""
    return 2 if 0xC2 <= first <= 0xDF else 3 if 0xE0 <= first <= 0xEF else 4 if 0xF0 <= first <= 0xF4 else 1


def _may_begin(data: bytes) -> bool:
    """Whether so far these bytes can still become a character."""
    low, high = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}.get(
        data[0], (0x80, 0xBF)
    )
    return (len(data) < 2 or low <= data[1] <= high) and all(0x80 <= b <= 0xBF for b in data[2:])
