"""Parsers of what models reply. Each has a fixed fallback: a reply that makes no sense is an empty answer."""

from __future__ import annotations

import re

from studio.errors import Language
from studio.protocol import Description

_OPEN = frozenset(  # words that something must follow
    "a an the and or but nor of in on at to for from with by as into onto about over under between through"
    " during without within than that which who whose where when while because if is are was were be how why"
    " not no very its their his her our my your this these those & de la le les des du el los las der die das"
    " und et y".split()
)
MAX_TITLE, MAX_CAPTION = 120, 200  # characters
_PAUSE = re.compile(r"[：:，,、；;。！？—–|｜·]")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
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


def caption(reply: str, cut: bool = False) -> str:
    """The words up to the closing quotation mark, on one line. One that was `cut`, or is too long, ends at a word."""
    found = re.split(r'["“”\n]', reply, maxsplit=1)
    words = " ".join(found[0].split())
    return _shorten(words, MAX_CAPTION, cut and len(found) == 1) or words[:MAX_CAPTION]


def title(reply: str, instruction: str, cut: bool = False) -> str:
    """A title from a reply; the beginning of the instruction where the reply has none. One that was `cut` loses its
    last word, which may be half of one, and those that cannot end a title; one that is too long ends at a word."""
    first = reply.strip().splitlines()[0] if reply.strip() else ""
    text = re.sub(r"\s+", " ", first.strip(' "“”*#')).removeprefix("Title:").strip(' "“”*#')
    text = _shorten(text, MAX_TITLE, cut)
    if len(text) < 2:
        words = " ".join(instruction.split())
        text = (_shorten(words, 60) or words[:60]).rstrip(".!。！")
        text = text[:1].upper() + text[1:]
    return text


def _shorten(words: str, limit: int, cut: bool = False) -> str:
    """Words up to the last one that is whole and can stand at an end: of those that were `cut`, or are longer than
    `limit` characters. Chinese and Japanese, which have no blanks, end at a pause; empty where there is none."""
    if len(words) <= limit and not cut:
        return words
    words = words[:limit]
    if len(_CJK.findall(words.rpartition(" ")[2])) > 1:
        pauses = [found.start() for found in _PAUSE.finditer(words)]
        return words[: pauses[-1]].strip() if pauses else ""
    return _closed(words.rpartition(" ")[0])


def _closed(words: str) -> str:
    """Words without those at their end that something must follow."""
    while words and words.rpartition(" ")[2].strip(",:;-–—").lower() in ("", *_OPEN):
        words = words.rpartition(" ")[0]
    return words.rstrip(" ,:;-–—")


def headings(reply: str, limit: int = 8, cut: bool = False) -> tuple[str, ...]:
    """Headings from lines: numbers, bullets and marks removed, each once, without lines too long for a heading. Of a
    reply that was `cut` the last line may be half of one, and is left out."""
    found: list[str] = []
    lines = reply.splitlines()
    for line in lines[:-1] if cut and len(lines) > 1 else lines:
        text = re.sub(r"^[\s\-*#•]*(?:\d+[.、)．]|[一二三四五六七八九十]+、)?\s*", "", line).strip(" *:：\"'")
        text = re.split(r"[:：]\s", text)[0].rstrip(".。")
        if 2 <= len(text) <= 80 and text.lower() not in (f.lower() for f in found):
            found.append(text)
    return tuple(found[:limit])


def describe_known(number: int, of: int, known: str, language: Language = "en") -> str:
    """What people wrote of picture `number` of `of`: a caption, and perhaps tags on a second line."""
    caption, _, tags = known.partition("\n")
    if language == "zh":
        sentence = f"{'这张图片' if of == 1 else f'图{number}'}的说明：{caption.strip().rstrip('。')}。"
        return f"{sentence}（标签：{tags.strip()}）" if tags else sentence
    sentence = f"{'The picture' if of == 1 else f'Picture {number}'} shows this: {caption.strip().rstrip('.')}."
    return f"{sentence} (Tags: {tags.strip()})" if tags else sentence


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
