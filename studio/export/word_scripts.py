"""What Word must be told of a text in scripts other than Latin and Chinese: its direction, its language, its fonts.

Word takes a letter's font and whether it is bold from one of three sets of properties, and must know which: that of
Latin, that of East Asia, or that of complex scripts (`cs`). Source: ECMA-376 part 1, chapter 17.3.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.text.run import Run as WordRun


@dataclass(frozen=True)
class Script:
    """A script of the set of complex ones."""

    letters: re.Pattern[str]
    language: str
    font: str
    right_to_left: bool = False


_RANGES = r"[{0}](?:[{0}\s\d\W]*[{0}])?"  # from the first letter to the last, with what is between them
_COMPLEX = (
    Script(re.compile(_RANGES.format("\u0590-\u05ff\ufb1d-\ufb4f")), "he-IL", "Arial", True),
    Script(re.compile(_RANGES.format("\u0600-\u08ff\ufb50-\ufdff\ufe70-\ufeff")), "ar-SA", "Arial", True),
    Script(re.compile(_RANGES.format("\u0900-\u0dff")), "hi-IN", "Nirmala UI"),
    Script(re.compile(_RANGES.format("\u0e00-\u0eff")), "th-TH", "Leelawadee UI"),
    Script(re.compile(_RANGES.format("\u1000-\u109f\u1780-\u17ff")), "km-KH", "Leelawadee UI"),
)
_AFTER_BIDI = (  # elements of a paragraph's properties that follow `w:bidi`, in the schema's order
    *("adjustRightInd", "snapToGrid", "spacing", "ind", "contextualSpacing", "mirrorIndents", "suppressOverlap", "jc"),
    *("textDirection", "textAlignment", "textboxTightWrap", "outlineLvl", "divId", "cnfStyle", "rPr", "sectPr"),
    "pPrChange",
)
_KANA, _HANGUL = re.compile("[\u3040-\u30ff]"), re.compile("[\u1100-\u11ff\uac00-\ud7af]")


def split_scripts(text: str) -> Iterator[tuple[str, Script | None]]:
    """The text in parts, each in one complex script or in none."""
    at = 0
    found = ((match, script) for script in _COMPLEX for match in script.letters.finditer(text))
    for match, script in sorted(found, key=lambda pair: pair[0].start()):
        if match.start() < at:
            continue
        if match.start() > at:
            yield text[at : match.start()], None
        yield match[0], script
        at = match.end()
    if at < len(text):
        yield text[at:], None


def east_asian(text: str) -> tuple[str, str]:
    """The language that the Chinese characters of a paragraph are in, and a font for it; both empty for Chinese."""
    if _KANA.search(text):
        return "ja-JP", "MS Mincho"
    return ("ko-KR", "Batang") if _HANGUL.search(text) else ("", "")


def set_script(run: WordRun, script: Script) -> None:
    """Tell Word that a run is in this script."""
    font = run.font
    font.rtl = script.right_to_left or None
    font.complex_script = True
    font.cs_bold, font.cs_italic = font.bold, font.italic
    _fonts(run).set(qn("w:cs"), script.font)
    _language(run, "bidi", script.language)


def set_east_asian(run: WordRun, language: str, font: str) -> None:
    """Tell Word that the Chinese characters of a run are Japanese or Korean."""
    _fonts(run).set(qn("w:eastAsia"), font)
    _language(run, "eastAsia", language)


def _fonts(run: WordRun) -> Any:
    return run._r.get_or_add_rPr().get_or_add_rFonts()


def _language(run: WordRun, kind: str, language: str) -> None:
    element = OxmlElement("w:lang")
    element.set(qn(f"w:{kind}"), language)
    run._r.get_or_add_rPr().insert_element_before(element, "w:eastAsianLayout", "w:specVanish", "w:oMath")


def set_right_to_left(properties: Any) -> None:
    """A paragraph that begins at the right; `properties` are its `w:pPr`."""
    properties.insert_element_before(OxmlElement("w:bidi"), *(f"w:{name}" for name in _AFTER_BIDI))
