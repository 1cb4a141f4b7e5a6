"""Names of files: made from words that people wrote, or taken from outside without trusting them."""

from __future__ import annotations

import re
import unicodedata

from studio.markdown import clean

MAX_NAME_BYTES = 150  # file systems take 255, and Gradio puts something before it

# Direction marks and other invisible signs: harmless in a text, a trick in a file name ("gpj.exe").
_INVISIBLE = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")  # names Windows keeps for devices


def slug(text: str, limit: int = 40) -> str:
    """Small letters, digits, Chinese, Japanese and Korean characters joined by hyphens; empty when there are none."""
    text = unicodedata.normalize("NFKD", _line(text)).lower()
    text = unicodedata.normalize("NFC", re.sub("[\u0300-\u036f'’]", "", text))
    words = re.sub("[^0-9a-z\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+", "-", text).strip("-")
    if len(words) > limit and "-" in words[:limit]:
        words = words[:limit].rpartition("-")[0]
    return words[:limit].strip("-")


def file_stem(text: str, fallback: str) -> str:
    """A file name without suffix that every system takes, at most 60 characters and 180 bytes, close to the text."""
    text = unicodedata.normalize("NFC", _line(text))
    text = _INVISIBLE.sub("", re.sub(r'[<>:"/\\|?*`#\x80-\x9f]', " ", text))
    name = " ".join(text.split())[:60]
    name = name.encode()[:180].decode(errors="ignore").strip(" .-_~")
    return fallback if not name or _RESERVED.match(name) else name


def safe_name(name: str) -> str:
    """The last part of a path from outside, as a name that leads nowhere else and that every system can keep."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*').strip(" .")
    stem, dot, suffix = plain.rpartition(".")
    room = MAX_NAME_BYTES - len((dot + suffix).encode("utf-8", "ignore"))
    if not dot or room < 1:
        stem, dot, suffix, room = plain, "", "", MAX_NAME_BYTES
    return (stem.encode("utf-8", "ignore")[:room].decode("utf-8", "ignore").strip(" .") + dot + suffix) or "file"


def safe_path(path: str) -> str:
    """A path from outside, to be shown and never opened, without the parts that lead elsewhere."""
    parts = [p for p in path.replace("\\", "/").split("/") if p not in ("", ".", "..") and not p.endswith(":")]
    return "/".join("".join(c if c.isprintable() else "?" for c in p) for p in parts) or "?"


def unique_name(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken already; it joins `taken`."""
    stem, dot, suffix = name.rpartition(".")
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{stem} ({number}).{suffix}" if dot else f"{name} ({number})"
    taken.add(unique)
    return unique


def _line(text: str) -> str:
    return " ".join(clean(text[:400]).split())
