"""Grammars (GBNF) for what a small model writes: whole sentences of its own language, paragraphs of about the length
that is asked for, headings where they belong.

A small model forgets headings, goes on until it is cut, and slips into another language; what a grammar lets through
it does as well as without (measured, see benchmarks/RESULTS.md). Lengths are in Chinese characters or English words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from studio.errors import Language
from studio.language import language_of

Part = Literal["article", "section", "words"]  # with headings; the text under one; any text

# Letters of other scripts, and Chinese ones with their punctuation: as Python's and as llama.cpp's grammars write them.
FOREIGN_ESCAPED = r"\u0370-\u03ff\u0400-\u06ff\u0900-\u0eff\u3040-\u30ff\uac00-\ud7af"
HAN_ESCAPED = r"\u3000-\u303f\u3400-\u9fff\uff00-\uffef"
FOREIGN, HAN = (escaped.encode().decode("unicode_escape") for escaped in (FOREIGN_ESCAPED, HAN_ESCAPED))
LISTING = (
    r":：\u2190-\u27bf\ufe00-\ufe0f\U0001f000-\U0001faff"  # what lists begin with: after a colon come emoji, in heaps
)
OTHER_LANGUAGE = re.compile(
    r"\b(?:chinese|mandarin|cantonese|japanese|korean|russian|greek|arabic|hebrew|hindi|thai|translat\w+)\b"
    "|[英日韩俄法德][文语]|翻译",
    re.IGNORECASE,
)
OTHER_FORM = re.compile(  # what is not made of paragraphs
    r"\b(?:poem|haiku|verse|lyrics|song|letter|e-?mail|list|recipe|steps?|table|dialogue|script|slogan|code|json)\b"
    "|诗|歌词|歌曲|对联|信|邮件|列表|清单|菜谱|食谱|做法|步骤|表格|对话|剧本|口号|代码",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Lengths:
    """What is usual in a language, in its characters or words: of a section, a paragraph and a sentence."""

    section: int
    paragraph: int
    sentence: int


LENGTHS: dict[Language, Lengths] = {"zh": Lengths(130, 200, 35), "en": Lengths(85, 120, 17)}


def asked_length(instruction: str) -> int:
    """The length that an instruction asks for, in Chinese characters or English words; 0 where it asks for none."""
    found = re.search(r"(\d{2,5})\s*(?:多|余|来)?\s*(?:个?字|words?\b)|(\d{2,5})-word", instruction, re.IGNORECASE)
    return int(found[1] or found[2]) if found else 0


def section_count(instruction: str, usual: int) -> int:
    """How many sections the length that is asked for has room for."""
    length = asked_length(instruction)
    return min(6, max(2, round(length / LENGTHS[language_of(instruction)].section))) if length else usual


def form_of(request: str, part: Part, sections: int) -> str:
    """The grammar of an article with so many sections, or of the text of one of them; empty where the text is free.
    `request` is all that was said, the instruction first: letters that stand in it may stand in the text."""
    if OTHER_LANGUAGE.search(request):
        return ""
    language = language_of(request)
    chinese = language == "zh"
    mixed = bool(re.search("[a-z]" if chinese else f"[{FOREIGN}{HAN}]", request))
    kept_out = "" if mixed else FOREIGN_ESCAPED + ("a-z" if chinese else HAN_ESCAPED)
    if part == "words" or OTHER_FORM.search(request):
        return f"root ::= [^{kept_out}]*" if kept_out else ""
    length = (asked_length(request) or LENGTHS[language].section * sections) / sections
    paragraphs = max(1, round(length / LENGTHS[language].paragraph))
    sentences = max(1, round(length / paragraphs / LENGTHS[language].sentence))
    rules = [
        f"text ::= {_repeated('paragraph', paragraphs, paragraphs, _BREAK)}",
        f"paragraph ::= {_repeated('sentence', sentences, sentences, '' if chinese else _BLANK)}",
        *(_chinese(kept_out) if chinese else _english(kept_out)),
    ]
    if part == "section":
        return "\n".join(("root ::= text", *rules))
    section = f'section ::= "## " heading {_BREAK} text'
    return "\n".join((f"root ::= {_repeated('section', sections, sections, _BREAK)}", section, *rules))


_BREAK, _BLANK = r'"\n\n"', '" "'


def _repeated(name: str, least: int, most: int, between: str) -> str:
    return f"{name} ({between} {name}){{{least - 1},{most - 1}}}" if most > 1 else name


def _chinese(kept_out: str) -> tuple[str, ...]:
    """A quotation mark is opened before it is closed: what wants to end takes any way to go on."""
    return (
        "sentence ::= letter{6,110} [。！？]",
        rf'letter ::= [^\n#*。！？…“”「」『』"{LISTING}{kept_out}] | [0-9] ":" [0-9] | quoted',
        rf'quoted ::= "“" [^\n#*“”"{LISTING}{kept_out}]{{1,60}} "”"',
        rf"heading ::= [^\n#*。！？：…“”《》 {kept_out}]{{2,14}}",
    )


def _english(kept_out: str) -> tuple[str, ...]:
    """A point inside of a number ends nothing. No other letter may follow one: a text that should end goes on there."""
    return (
        "sentence ::= ([A-Z0-9] | quoted) letter{12,300} [.!?]",
        rf'letter ::= [^\n#*.!?…"“”{LISTING}{kept_out}] | [0-9] [.:] [0-9] | quoted',
        rf'quoted ::= ["“] [^\n#*"“”{LISTING}{kept_out}]{{1,120}} ["”]',
        rf'heading ::= [A-Z0-9] [^\n#*.!?:…"“”{kept_out}]{{2,46}}',
    )
