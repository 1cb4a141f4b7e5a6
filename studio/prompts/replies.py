"""Parsers of what models reply. Each has a fixed fallback: a reply that makes no sense is an empty answer."""

from __future__ import annotations

import re

from studio.errors import Language
from studio.protocol import Description

_OPEN = {
    "",
    *"a an the and or but of in on at to for from with by as into about over its their his her our my &".split(),
}
CERTAIN = 0.3  # under this score, a label of the image tagger is worded as a guess


def places(reply: str, paragraphs: tuple[str, ...], count: int | None) -> tuple[int, ...]:
    """The paragraphs a reply like `<Seg0>,<Seg3>` or `[0, 3]` names: in range, each once, sorted, at most `count`.

    A place after a heading moves on to the text under it, since a picture stands after words.
    """
    found: list[int] = []
    listed = re.search(r"\[[\d,\s]*\]?", reply)
    for number in re.findall(r"<Seg(\d+)>", reply) or re.findall(r"\d+", listed[0] if listed else ""):
        at = int(number[:6])
        while at < len(paragraphs) and paragraphs[at].startswith("#"):
            at += 1
        if at < len(paragraphs) and at not in found:
            found.append(at)
    return tuple(sorted(found if count is None else found[:count]))


def caption(reply: str) -> str:
    """The words up to the closing quotation mark, on one line."""
    return " ".join(re.split(r'["“”\n]', reply, maxsplit=1)[0].split())[:200]


def title(reply: str, instruction: str, cut: bool = False) -> str:
    """A title from a reply; the beginning of the instruction where the reply has none. One that was `cut` loses its
    last word, which may be half of one, and those that cannot end a title."""
    first = reply.strip().splitlines()[0] if reply.strip() else ""
    text = re.sub(r"\s+", " ", first.strip(' "“”*#')).removeprefix("Title:").strip(' "“”*#')
    if cut:
        text = _closed(text.rpartition(" ")[0])
    if not 2 <= len(text) <= 120:
        words = " ".join(instruction.split())
        text = (words if len(words) <= 60 else _closed(words[:60].rpartition(" ")[0]) or words[:60]).rstrip(".!。！")
        text = text[:1].upper() + text[1:]
    return text


def _closed(words: str) -> str:
    """Words without those at their end that something must follow."""
    while words and words.rpartition(" ")[2].strip(",:;-–—").lower() in _OPEN:
        words = words.rpartition(" ")[0]
    return words.rstrip(" ,:;-–—")


def headings(reply: str, limit: int = 8) -> tuple[str, ...]:
    """Headings from lines: numbers, bullets and marks removed, each once, without lines too long for a heading."""
    found: list[str] = []
    for line in reply.splitlines():
        text = re.sub(r"^[\s\-*#•]*(?:\d+[.、)．]|[一二三四五六七八九十]+、)?\s*", "", line).strip(" *:：\"'")
        text = re.split(r"[:：]\s", text)[0].rstrip(".。")
        if 2 <= len(text) <= 80 and text.lower() not in (f.lower() for f in found):
            found.append(text)
    return tuple(found[:limit])


def describe_known(number: int, of: int, known: str, language: Language = "en") -> str:
    """What people wrote of picture `number` of `of`, as a sentence."""
    if language == "zh":
        return f"{'这张图片' if of == 1 else f'图{number}'}的说明：{known.strip().rstrip('。')}。"
    return f"{'The picture' if of == 1 else f'Picture {number}'} shows this: {known.strip().rstrip('.')}."


def describe_in_words(number: int, of: int, description: Description, language: Language = "en") -> str:
    """What the image tagger found in picture `number` of `of`, as sentences: a label below CERTAIN is said to be a
    guess. Labels are English words in either language."""
    if language == "zh":
        return _describe_in_chinese(number, of, description)
    which = "The picture" if of == 1 else f"Picture {number}"
    best = description.labels[0] if description.labels else None
    if best is None:
        sentence = f"I cannot tell what {which[0].lower() + which[1:]} shows."
    elif best.score >= CERTAIN:
        sentence = f"{which} shows {_with_article(best.name)}."
    else:
        sentence = f"I am not sure what {which[0].lower() + which[1:]} shows; it might be {_with_article(best.name)}."
    if description.text:
        written = " ".join(description.text.split())
        sentence += f" The text in it reads: “{written[:300]}{'…' if len(written) > 300 else ''}”"
    return sentence


def _describe_in_chinese(number: int, of: int, description: Description) -> str:
    which = "这张图片" if of == 1 else f"图{number}"
    best = description.labels[0] if description.labels else None
    if best is None:
        sentence = f"看不出{which}里是什么。"
    elif best.score >= CERTAIN:
        sentence = f"{which}里是：{best.name}。"
    else:
        sentence = f"不能确定{which}里是什么，可能是：{best.name}。"
    if description.text:
        written = " ".join(description.text.split())
        sentence += f"图中的文字：“{written[:300]}{'…' if len(written) > 300 else ''}”"
    return sentence


def _with_article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
