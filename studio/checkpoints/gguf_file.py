"""What a GGUF file says about itself: whether it is one, whether it is whole, for what it is made, and what it needs.

Only the header is read: its entries, and the shapes and types of the tensors, from which the size of the whole and the
number of weights follow. Source of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from studio.checkpoints import gguf_entries
from studio.checkpoints.gguf_entries import ListKind
from studio.errors import ModelError

Kind = Literal["model", "mmproj"]
_VERSIONS = (2, 3)
_PROJECTOR = "clip"  # the architecture of what lets a model see
_MAX_LENGTH = 1 << 20  # tensors, or entries, beyond which a header is nonsense
_STRING, _ARRAY = 8, 9
_MOST_ITEMS = 1 << 22  # of all lists together that are passed over one by one; the largest vocabularies have 300,000
_MOST_DIMENSIONS = 8  # of a tensor; ggml has four
_MOST_VALUES = 1024  # of a list that is kept: one for each layer
_LONGEST = 1 << 18  # bytes of a text that is kept: a chat template
_CONTROL, _USER = 3, 4  # types of tokens
_SCALARS = dict(enumerate("BbHhIif?", 0)) | {10: "Q", 11: "q", 12: "d"}  # type number → as `struct` names it

# Type of a tensor → (numbers in a block, bytes of a block), from ggml.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


@dataclass(frozen=True)
class GgufHeader:
    """What a file is. `size`: the bytes that it must have at least; `facts`: its entries, of lists only short ones;
    `lists`: what every list is made of, by name; `parameters`: how many weights; `widths`: every dimension of its
    tensors."""

    architecture: str
    size: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    parameters: int = 0
    widths: frozenset[int] = frozenset()
    lists: Mapping[str, ListKind] = field(default_factory=dict)

    def of(self, name: str, default: Any = None) -> Any:
        """The entry `name` of the file's own architecture: `of("context_length")`."""
        return self.facts.get(f"{self.architecture}.{name}", default)

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        found = self.lists.get("tokenizer.ggml.tokens")
        return found.length if found else 0

    @property
    def title(self) -> str:
        """What the file calls itself, on one line; empty where it does not say."""
        name = "".join(c if c.isprintable() else " " for c in str(self.facts.get("general.name") or ""))
        return " ".join(name.split())[:60]

    @property
    def template(self) -> str:
        """The chat template, in Jinja; empty where there is none."""
        return str(self.facts.get("tokenizer.chat_template") or "")

    @property
    def context(self) -> int:
        """Tokens that the model was made for; 0 where the file does not say."""
        return _int(self.of("context_length"))

    @property
    def width(self) -> int:
        """Numbers of a token's embedding; 0 where the file does not say."""
        return _int(self.of("embedding_length"))

    def cache_bytes(self, tokens: int) -> int:
        """About what keys and values of so many tokens take, in 16 bits, at most: layers with a window take less."""
        layers, heads = _int(self.of("block_count")), max((1, *_ints(self.of("attention.head_count"))))
        of_kv = _ints(self.of("attention.head_count_kv")) or (heads,)
        kv_heads = sum(of_kv) if len(of_kv) == layers else max(of_kv) * layers
        size = self.width // heads
        keys, values = (_int(self.of(f"attention.{name}_length")) or size for name in ("key", "value"))
        return max(0, 2 * tokens * kv_heads * (keys + values))


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that a model's text is not made of: `controls`, and those that begin and end a sequence by their text.
    `size` is the number of all tokens."""

    size: int
    controls: tuple[str, ...]
    bos: str = ""
    eos: str = ""


def check(path: Path, kind: Kind) -> GgufHeader:
    """Raises ModelError when the file is missing, is no GGUF, is cut off, is made for something else, or says of itself
    what cannot be: llama.cpp ends its process over some of that."""
    flag = "--gguf" if kind == "model" else "--mmproj"
    try:
        found = path.stat().st_size
        header = read(path)
    except FileNotFoundError as e:
        raise ModelError("model_file_missing", path=path, advice=f"Check the path given with {flag}.") from e
    except OSError as e:
        raise ModelError("model_broken", path=path, cause=e.strerror or type(e).__name__) from e
    if found < header.size:
        raise ModelError("file_cut_off", path=path, expected=header.size, found=found)
    if (header.architecture == _PROJECTOR) != (kind == "mmproj"):
        raise ModelError("gguf_other_kind", path=path, found=header.architecture or "?", flag=flag)
    if wrong := gguf_entries.wrong_entry(header.architecture, header.facts, header.lists):
        name, found_value, expected = wrong
        raise ModelError("gguf_entry_wrong", path=path, name=name, found=found_value, expected=expected)
    return header


def check_pair(model: GgufHeader, mmproj: GgufHeader, path: Path, name: str) -> None:
    """Raises ModelError when the mmproj in `path` cannot belong to the model called `name`: what it makes of a picture
    must be as wide as the model's embeddings, so one of its tensors is."""
    if model.width and mmproj.widths and model.width not in mmproj.widths:
        raise ModelError("mmproj_other", path=path, model=name)


def read(path: Path) -> GgufHeader:
    """Raises ModelError when it is no GGUF or ends within the header, OSError when it cannot be read."""
    with _reading(path) as reader:
        return reader.header()


def vocabulary(path: Path) -> Vocabulary:
    """The special tokens of a model's file. Raises as `read`."""
    with _reading(path) as reader:
        return reader.vocabulary()


@contextmanager
def _reading(path: Path) -> Iterator[_Reader]:
    with path.open("rb") as file:
        head = file.read(8)
        if head[:4] != b"GGUF":
            raise ModelError("model_broken", path=path, cause="it is not a GGUF file")
        if len(head) < 8 or (number := struct.unpack("<I", head[4:])[0]) not in _VERSIONS:
            cause = f"GGUF version {number} is not known" if len(head) == 8 else "the file ends after four bytes"
            raise ModelError("model_broken", path=path, cause=cause)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                yield _Reader(data)
            except (struct.error, IndexError) as e:  # read beyond the end
                raise ModelError("file_cut_off", path=path, expected=len(data) + 1, found=len(data)) from e
            except (ValueError, KeyError, RecursionError) as e:
                raise ModelError("model_broken", path=path, cause="its header makes no sense") from e


class _Reader:
    """A place in the bytes of a file that moves on."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 8
        self._lists: dict[str, int] = {}  # where the lists begin, by name
        self._items = _MOST_ITEMS

    def header(self) -> GgufHeader:
        tensors, facts = self._entries()
        found = [self._tensor() for _ in range(tensors)]
        alignment = _int(facts.get("general.alignment")) or 32
        start = math.ceil(self._at / alignment) * alignment if alignment > 0 else self._at
        return GgufHeader(
            str(facts.get("general.architecture") or ""),
            start + max((end for end, _ in found), default=0),
            facts,
            sum(math.prod(shape) for _, shape in found),
            frozenset(number for _, shape in found for number in shape),
            {name: self._list_kind(at) for name, at in self._lists.items()},
        )

    def vocabulary(self) -> Vocabulary:
        _, facts = self._entries()
        tokens = self._texts("tokenizer.ggml.tokens")
        kinds = self._bytes_of_types("tokenizer.ggml.token_type")
        special = [
            (text, kind) for text, kind in zip(tokens, kinds, strict=False) if kind in (_CONTROL, _USER) and text
        ]
        template = str(facts.get("tokenizer.chat_template") or "")
        controls = [text for text, kind in special if kind == _CONTROL or text in template]

        def by_id(name: str) -> str:
            at = _int(facts.get(f"tokenizer.ggml.{name}_token_id"), -1)
            return tokens[at] if 0 <= at < len(tokens) else ""

        return Vocabulary(len(tokens), tuple(sorted(controls, key=len, reverse=True)), by_id("bos"), by_id("eos"))

    def _entries(self) -> tuple[int, dict[str, Any]]:
        """The number of tensors, and the facts; leaves off where the tensors' descriptions begin."""
        tensors, entries = self._count(), self._count()
        facts: dict[str, Any] = {}
        for _ in range(entries):
            name = self._text()
            kind = self._number("I")
            if kind == _ARRAY:
                self._lists[name] = self._at
            facts[name] = self._value(kind)
        return tensors, facts

    def _list_kind(self, at: int) -> ListKind:
        kind, length = struct.unpack_from("<IQ", self._data, at)
        return ListKind("text" if kind == _STRING else "list" if kind == _ARRAY else _SCALARS[kind], length)

    def _texts(self, name: str) -> list[str]:
        """A list of texts, empty where there is none."""
        self._at = self._lists.get(name, 0)
        if not self._at or self._number("I") != _STRING:
            return []
        return [self._text() for _ in range(self._count())]

    def _bytes_of_types(self, name: str) -> tuple[int, ...]:
        """A list of 32-bit numbers, empty where there is none."""
        self._at = self._lists.get(name, 0)
        if not self._at or self._number("I") not in (4, 5):
            return ()
        return struct.unpack_from(f"<{self._count()}i", self._data, self._at)

    def _tensor(self) -> tuple[int, list[int]]:
        """Where its numbers end, counted from where those of all tensors begin; its shape."""
        self._text()
        dimensions = self._number("I")
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError(dimensions)
        shape = [int(self._number("Q")) for _ in range(dimensions)]
        per_block, size = _BLOCKS.get(self._number("I"), (1, 0))  # of a type that is not known only where it begins
        begin = int(self._number("Q"))
        return begin + math.prod(shape) // per_block * size, shape

    def _value(self, kind: int) -> Any:
        """A scalar, a text, a short list of them; None for any other list, which is passed over."""
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            return self._number(_SCALARS[kind])
        of, length = self._number("I"), self._number("Q")
        if of not in _SCALARS:
            if of not in (_STRING, _ARRAY) or length > self._items:
                raise ValueError(of)
            self._items -= length
        if of in _SCALARS:
            if length <= _MOST_VALUES:
                return tuple(self._number(_SCALARS[of]) for _ in range(length))
            self._skip(length * struct.calcsize("<" + _SCALARS[of]))
        elif of == _STRING and length <= _MOST_VALUES:
            return tuple(self._text() for _ in range(length))
        elif of == _STRING:
            for _ in range(length):
                self._skip(self._number("Q"))
        else:
            for _ in range(length):
                self._value(of)
        return None

    def _text(self) -> str:
        length = self._number("Q")
        start = self._at
        self._skip(length)
        return self._data[start : self._at].decode("utf-8", "replace") if length <= _LONGEST else ""

    def _count(self) -> int:
        count = int(self._number("Q"))
        if count > _MAX_LENGTH:
            raise ValueError(count)
        return count

    def _number(self, kind: str) -> Any:
        (number,) = struct.unpack_from("<" + kind, self._data, self._at)
        self._at += struct.calcsize("<" + kind)
        return number

    def _skip(self, length: int) -> None:
        if self._at + length > len(self._data):
            raise IndexError(length)
        self._at += length


def _int(value: Any, default: int = 0) -> int:
    """A number of a header as an int; what a file says may be of any type."""
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else default


def _ints(value: Any) -> tuple[int, ...]:
    """One number or several."""
    return tuple(map(_int, value)) if isinstance(value, tuple) else (_int(value),) if value else ()
