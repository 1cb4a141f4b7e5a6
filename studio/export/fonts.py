"""Fonts that a PDF carries inside: Noto Serif SC and Noto Sans SC, and for what they lack one for each script.

All come in packages, so that any machine shows the page as it was made. A letter that none of them has is looked for in
the system's fonts, through fontconfig. The fonts have no italics: what stands in them is slanted here.
"""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from bisect import bisect_left, bisect_right
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

_SCRIPTS = ("KR", "JP", "Hebrew", "Devanagari", "Thai")  # with a serif and a sans face
_OTHERS = (
    *("Armenian", "Georgian", "Ethiopic", "Bengali", "Gujarati", "Gurmukhi", "Oriya", "Tamil", "Telugu", "Kannada"),
    *("Malayalam", "Sinhala", "Lao", "Khmer", "Myanmar", "Symbols"),
)
_LAST = ("Amiri", "Noto Sans", *(f"Noto Sans {name}" for name in _OTHERS), "Noto Emoji", "New Computer Modern Math")
SERIF = ("Noto Serif SC", *(f"Noto Serif {name}" for name in _SCRIPTS), "Libertinus Serif", *_LAST)
SANS = ("Noto Sans SC", *(f"Noto Sans {name}" for name in _SCRIPTS), *_LAST)
CODE = ("DejaVu Sans Mono", *SANS)
MATH = ("New Computer Modern Math", *SERIF)
SLANTED = "Studio Slanted"

_PACKAGES = (
    *(f"pylopdf_fonts_{name}" for name in ("zh_cn", "ko", "jp", "he", "hi", "th")),
    *("manimgx_fonts", "fontpkg_amiri.files"),
)
_UPRIGHT = ("NotoSerifSC-Regular.otf", "NotoSerifKR-Regular.otf", "NotoSerifJP-Regular.otf")  # of one size of em
_SLANT = 0.2  # of the height, about 11 degrees
_ERROR = 1.0  # of 1000 units: no eye sees it
_MISSING = ".notdef"
_QUERY, _OUTLINES = "%{family[0]}\\t%{fontformat}\\t%{charset}\\n", ("TrueType", "CFF")
_PATIENCE = 5.0  # seconds for fontconfig, which builds its cache when it runs for the first time


@dataclass(frozen=True)
class Coverage:
    """What is needed beside the packages' fonts: families of the system, and which characters no font has."""

    families: tuple[str, ...]
    missing: str


def folders() -> list[str]:
    """Where the packages' fonts lie."""
    specs = (find_spec(name.partition(".")[0]) for name in _PACKAGES)
    found = zip(_PACKAGES, (Path(spec.origin or "").parent for spec in specs if spec), strict=True)
    return [str(folder.joinpath(*name.split(".")[1:])) for name, folder in found]


def cover(characters: set[str]) -> Coverage:
    """Which fonts of the system are needed for these characters, and which of them no font has."""
    rest = {ord(c) for c in characters if not _shows_nothing(c)} - _main()
    lacking = sorted(rest - _others()) if rest else []
    families = []
    for family, ranges in _system() if lacking else ():
        found = {
            code
            for first, last in ranges
            for code in lacking[bisect_left(lacking, first) : bisect_right(lacking, last)]
        }
        if found:
            families.append(family)
            lacking = [code for code in lacking if code not in found]
    return Coverage(tuple(families), "".join(map(chr, lacking)))


def _shows_nothing(char: str) -> bool:
    """Blanks, controls and joiners, which no font needs to have."""
    return unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp") or "\ufe00" <= char <= "\ufe0f"


@lru_cache(maxsize=1)
def _main() -> frozenset[int]:
    """The characters of the font that most pages need alone."""
    with TTFont(_path("NotoSerifSC-Regular.otf"), lazy=True) as font:
        return frozenset(font.getBestCmap())


@lru_cache(maxsize=1)
def _others() -> frozenset[int]:
    """The characters of all fonts of the packages."""
    covered: set[int] = set()
    for path in (path for folder in folders() for path in Path(folder).iterdir()):
        if path.suffix in (".ttf", ".otf"):
            with TTFont(path, lazy=True) as font:
                covered |= font.getBestCmap().keys()
    return frozenset(covered)


def _path(name: str) -> Path:
    return next(path for folder in folders() if (path := Path(folder, name)).exists())


@lru_cache(maxsize=1)
def _system() -> tuple[tuple[str, tuple[tuple[int, int], ...]], ...]:
    """The families of the system's fonts and their characters, as fontconfig knows them; none where there is none."""
    if not (program := shutil.which("fc-list")):
        return ()
    try:
        asked = subprocess.run([program, "--format", _QUERY], capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    lines = (line.split("\t") for line in asked.stdout.decode(errors="replace").splitlines())
    return tuple(sorted((family, _ranges(charset)) for family, format, charset in lines if format in _OUTLINES))


def _ranges(charset: str) -> tuple[tuple[int, int], ...]:
    """`20-7e a0` as pairs of numbers, the first and the last."""
    pairs = (part.split("-") for part in charset.split())
    return tuple((int(pair[0], 16), int(pair[-1], 16)) for pair in pairs)


def slanted(characters: set[str]) -> bytes:
    """A font file with these characters of the serif faces of Chinese, Korean and Japanese, slanted; other scripts need
    more than the shapes of their letters. Outlines of PostScript become TrueType's."""
    with ExitStack() as opened:
        names = _UPRIGHT if any(ord(c) not in _main() for c in characters) else _UPRIGHT[:1]
        sources = [opened.enter_context(TTFont(_path(name), lazy=True)) for name in names]
        cmaps = [source.getBestCmap() for source in sources]
        known = {ord(c): at for c in sorted(characters) for at in [_first(cmaps, ord(c))] if at is not None}
        glyphs, widths = {_MISSING: TTGlyphPen(None).glyph()}, {_MISSING: 500}
        for code, at in known.items():
            pen, name = TTGlyphPen(None), cmaps[at][code]
            quadratic = Cu2QuPen(pen, _ERROR, reverse_direction=True)
            sources[at].getGlyphSet()[name].draw(TransformPen(quadratic, (1, 0, _SLANT, 1, 0, 0)))
            glyphs[f"u{code:x}"], widths[f"u{code:x}"] = pen.glyph(), sources[at]["hmtx"][name][0]
        head = sources[0]["hhea"]
        builder = FontBuilder(sources[0]["head"].unitsPerEm, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({code: f"u{code:x}" for code in known})
    builder.setupGlyf(glyphs)
    table = builder.font["glyf"]
    builder.setupHorizontalMetrics({name: (widths[name], getattr(table[name], "xMin", 0)) for name in glyphs})
    builder.setupHorizontalHeader(ascent=head.ascent, descent=head.descent)
    builder.setupNameTable({"familyName": SLANTED, "styleName": "Italic", "psName": SLANTED.replace(" ", "")})
    builder.setupOS2(sTypoAscender=head.ascent, sTypoDescender=head.descent, sCapHeight=733, fsSelection=1)
    builder.setupPost(keepGlyphNames=False)
    builder.updateHead(created=0, modified=0, macStyle=2)
    builder.font.recalcTimestamp = False
    out = BytesIO()
    builder.save(out)
    return out.getvalue()


def _first(cmaps: list[dict[int, str]], code: int) -> int | None:
    """The first font that has a character."""
    return next((at for at, cmap in enumerate(cmaps) if code in cmap), None)
