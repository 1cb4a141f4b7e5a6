"""Fonts that a PDF carries inside: Noto Serif SC and Noto Sans SC, cut down to the characters it shows.

Chinese and Latin stand in one font, so any machine shows the page as it was made. The fonts' outlines are PostScript's,
which reportlab does not take: those that are needed become TrueType's here, slanted too where italics are wanted.
"""

from __future__ import annotations

from io import BytesIO
from typing import Literal

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from pylopdf_fonts_zh_cn import sans_path, serif_path

Face = Literal["serif", "sans"]
_SLANT = 0.2  # of the height, about 11 degrees
_ERROR = 1.0  # of 1000 units: no eye sees it
_MISSING = ".notdef"


def truetype(face: Face, characters: set[str], slanted: bool = False) -> bytes:
    """The font's file with these characters; one that the font does not have shows as a box."""
    with TTFont(serif_path() if face == "serif" else sans_path(), lazy=True) as font:
        cmap = font.getBestCmap()
        known = {ord(c): cmap[ord(c)] for c in sorted(characters) if ord(c) in cmap}
        order = [_MISSING, *dict.fromkeys(name for name in known.values() if name != _MISSING)]
        shapes, head = font.getGlyphSet(), font["hhea"]
        glyphs = {}
        for name in order:
            pen = TTGlyphPen(None)
            quadratic = Cu2QuPen(pen, _ERROR, reverse_direction=True)
            shapes[name].draw(TransformPen(quadratic, (1, 0, _SLANT, 1, 0, 0)) if slanted else quadratic)
            glyphs[name] = pen.glyph()
        made = FontBuilder(font["head"].unitsPerEm, isTTF=True)
        made.setupGlyphOrder(order)
        made.setupCharacterMap(known)
        made.setupGlyf(glyphs)
        table = made.font["glyf"]
        made.setupHorizontalMetrics({n: (font["hmtx"][n][0], getattr(table[n], "xMin", 0)) for n in order})
        made.setupHorizontalHeader(ascent=head.ascent, descent=head.descent)
        name = f"{font['name'].getDebugName(6)}{'-Italic' * slanted}"  # reportlab tells fonts apart by it
    made.setupNameTable({"familyName": name, "styleName": "Regular", "psName": name})
    made.setupOS2(sTypoAscender=head.ascent, sTypoDescender=head.descent, sCapHeight=733)
    made.setupPost(keepGlyphNames=False)
    made.updateHead(created=0, modified=0)
    made.font.recalcTimestamp = False
    out = BytesIO()
    made.save(out)
    return out.getvalue()
