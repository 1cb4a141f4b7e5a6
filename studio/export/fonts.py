"""Fonts that a PDF carries inside: Noto Serif SC and Noto Sans SC, cut down to the characters it shows.

Chinese and Latin stand in one font, so any machine shows the page as it was made. The fonts' outlines are PostScript's,
which reportlab does not take: they become TrueType's here, slanted too where italics are wanted.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Literal

from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont, newTable
from pylopdf_fonts_zh_cn import sans_path, serif_path

Face = Literal["serif", "sans"]
_SLANT = 0.2  # of the height, about 11 degrees
_ERROR = 1.0  # of 1000 units: no eye sees it


def truetype(face: Face, characters: set[str], slanted: bool = False) -> bytes:
    """The font's file with these characters; one that the font does not have shows as a box."""
    font = TTFont(_path(face), recalcTimestamp=False)
    options = Options()
    options.layout_features = []
    options.notdef_outline = True
    options.name_IDs = [1, 2, 4, 6]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes={ord(c) for c in characters})
    subsetter.subset(font)
    _convert(font, slanted)
    out = BytesIO()
    font.save(out)
    return out.getvalue()


def _path(face: Face) -> Path:
    found: Path = serif_path() if face == "serif" else sans_path()
    return found


def _convert(font: TTFont, slanted: bool) -> None:
    """PostScript outlines → TrueType outlines."""
    order, shapes = font.getGlyphOrder(), font.getGlyphSet()
    glyphs = {}
    for name in order:
        pen = TTGlyphPen(shapes)
        quadratic = Cu2QuPen(pen, _ERROR, reverse_direction=True)
        shapes[name].draw(TransformPen(quadratic, (1, 0, _SLANT, 1, 0, 0)) if slanted else quadratic)
        glyphs[name] = pen.glyph()
    font["loca"] = newTable("loca")
    font["glyf"] = glyf = newTable("glyf")
    glyf.glyphOrder, glyf.glyphs = order, glyphs
    for name, glyph in glyphs.items():
        glyph.recalcBounds(glyf)
        advance, _ = font["hmtx"][name]
        font["hmtx"][name] = (advance, getattr(glyph, "xMin", 0))
    maxp = font["maxp"]
    maxp.tableVersion = 0x00010000
    for name in ("maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs", "maxStackElements"):
        setattr(maxp, name, 0)
    maxp.maxZones, maxp.maxSizeOfInstructions, maxp.maxComponentElements = 1, 0, 0
    font["post"].formatType = 3.0
    for tag in ("CFF ", "VORG", "DSIG", "BASE", "vhea", "vmtx"):
        if tag in font:
            del font[tag]
    font.sfntVersion = "\000\001\000\000"
