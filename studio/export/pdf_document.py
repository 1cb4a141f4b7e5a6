"""An article as a PDF: A4, its fonts inside, so that Chinese and English look the same on every machine.

Bold words stand in the sans face, as Chinese typesetting does it; italics are the serif face, slanted.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from io import BytesIO
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import HRFlowable, Image, KeepTogether, Paragraph, SimpleDocTemplate, Table, TableStyle

from studio.documents.article import Article, Illustration
from studio.errors import Language
from studio.export.clean_text import document_language, label, line, plain_title
from studio.export.fonts import Face, truetype
from studio.export.images import PAGE_SIDE, ReadPicture, for_sheet, load
from studio.markdown import Block, Blocks, Code, Heading, List, Quote, Rule, Run, Runs, parse, parse_inline, to_text
from studio.markdown import Paragraph as Words
from studio.markdown import Table as Rows

_INK, _SOFT, _LINE, _SEAL = (HexColor(c) for c in ("#1F1E1B", "#6B675F", "#E6E1D8", "#B5372B"))
_TEXT, _BOLD, _ITALIC = "text", "bold", "italic"  # the names of the fonts
_ONE_AT_A_TIME = threading.Lock()
_MARGIN = 25 * mm
_WIDTH = A4[0] - 2 * _MARGIN - 12  # reportlab keeps 6 points free on either side
_HIGHEST = 90 * mm  # of a picture: a taller one leaves half a page white before it
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_ALWAYS = "".join(map(chr, range(32, 127))) + "\u00a0•…·“”‘’"
_STEP = 20  # points that a list or a quote is further in than what holds it
_NARROWEST = 36  # points of a column: below that rows are lines
_ALIGNMENTS = {"center": TA_CENTER, "right": TA_RIGHT}
_SIZES = {1: 17.0, 2: 14.5, 3: 12.5, 4: 11.5, 5: 11.0, 6: 11.0}


def article_pdf(article: Article, read_picture: ReadPicture, about: Mapping[str, object]) -> bytes:
    """The file. `about["model"]` and `about["created"]`, when given, stand in small print at the end."""
    language = document_language(article)
    title, foot = line(article.title), _foot(article, about, language)
    parts = [(section, parse(section.text)) for section in article.sections]
    shown = [section.illustration for section, _ in parts if section.illustration]
    words = [title, foot, *(to_text(made) for _, made in parts)]
    words += [
        w
        for s in shown
        for w in (s.caption, s.picture.title, s.picture.credit, label("missing", language, name=s.picture.key))
    ]
    out = BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=22 * mm,
        bottomMargin=22 * mm,
        title=plain_title(title) or label("article", language),
        creator="XComposer Studio",
        lang="zh-CN" if language == "zh" else "en",
        invariant=1,  # no time and no random number: the same article gives the same bytes
    )
    with _fonts({c for c in "".join(words) + _ALWAYS if c >= " "}):
        page = _Page()
        story: list[Any] = [page.paragraph(parse_inline(title), "title")] if title else []
        for section, made in parts:
            story += page.blocks(made)
            if section.illustration:
                story.append(page.figure(section.illustration, read_picture, language))
        if foot:
            story += [HRFlowable(width="100%", color=_LINE, spaceBefore=24), page.paragraph((Run(foot),), "foot")]
        empty = page.paragraph((Run(" "),), "text")
        document.build(story or [empty], onFirstPage=page.number, onLaterPages=page.number)
    return out.getvalue()


@contextmanager
def _fonts(characters: set[str]) -> Iterator[None]:
    """The fonts with these characters, known to reportlab for as long as one document is made.

    It has one table of fonts for the whole process, in which the first of a name stays: another document's characters
    would be missing.
    """
    with _ONE_AT_A_TIME:
        faces: tuple[tuple[str, Face, bool], ...] = (
            *((_TEXT, "serif", False), (_BOLD, "sans", False), (_ITALIC, "serif", True)),
        )
        made = [TTFont(name, BytesIO(truetype(face, characters, slanted))) for name, face, slanted in faces]
        try:
            for font in made:
                pdfmetrics.registerFont(font)
            yield
        finally:
            for font in made:
                pdfmetrics._fonts.pop(font.fontName, None)
                pdfmetrics._dynFaceNames.pop(font.face.name, None)


class _Page:
    """The parts of a document as reportlab lays them out."""

    def __init__(self) -> None:
        base = ParagraphStyle("text", fontName=_TEXT, fontSize=11, leading=19, textColor=_INK)
        base.spaceBefore, base.spaceAfter = 5, 8
        heading = {"fontName": _BOLD, "spaceBefore": 16, "keepWithNext": 1}
        self._styles = {
            "text": base,
            "title": ParagraphStyle("title", base, fontName=_BOLD, fontSize=22, leading=30, spaceAfter=18),
            "quote": ParagraphStyle("quote", base, textColor=_SOFT),
            "code": ParagraphStyle(
                "code", base, fontName=_BOLD, fontSize=9.5, leading=14, leftIndent=12, spaceAfter=10
            ),
            "cell": ParagraphStyle("cell", base, fontSize=10, leading=15, spaceBefore=0, spaceAfter=0),
            "caption": ParagraphStyle(
                "caption", base, fontSize=9.5, leading=14, textColor=_SOFT, alignment=TA_CENTER, spaceBefore=5
            ),
            "foot": ParagraphStyle("foot", base, fontSize=8.5, leading=13, textColor=_SOFT, spaceBefore=8),
        }
        for level, size in _SIZES.items():
            name = f"heading {level}"
            self._styles[name] = ParagraphStyle(name, base, fontSize=size, leading=size * 1.4, **heading)

    def number(self, canvas: Any, document: Any) -> None:
        """The page's number at its foot."""
        canvas.setFont(_TEXT, 9)
        canvas.setFillColor(_SOFT)
        canvas.drawCentredString(A4[0] / 2, 12 * mm, str(document.page))

    def paragraph(self, runs: Runs, style: str, left: float = 0, mark: str = "") -> Paragraph:
        """Styled words, `left` points further in than their style has them, behind a mark. Lines of Chinese break
        between any two characters but before a closing sign."""
        chosen = self._styles[style]
        wrap = "CJK" if any(_WIDE.search(run.text) for run in runs) else None
        changes: dict[str, Any] = {"wordWrap": wrap, "leftIndent": chosen.leftIndent + left}
        if mark:
            changes |= {
                "bulletIndent": left - _STEP + 4,
                "bulletFontName": _TEXT if mark[0].isdigit() else _BOLD,
                "bulletFontSize": 11,
            }
        if left and style == "text":
            changes |= {"spaceBefore": 0, "spaceAfter": 3}
        made = ParagraphStyle(f"{style} {wrap} {left} {mark}", chosen, **changes)
        return Paragraph("".join(map(self._markup, runs)), made, bulletText=mark or None)

    def blocks(self, blocks: Blocks, left: float = 0, quoted: bool = False) -> Iterator[Any]:
        """The blocks of a section, or of what lies inside a list or a quote, which is `left` points further in."""
        for block in blocks:
            yield from self._block(block, min(left, _WIDTH / 2), quoted)

    def _block(self, block: Block, left: float, quoted: bool) -> Iterator[Any]:
        match block:
            case Words(runs):
                yield self.paragraph(runs, "quote" if quoted else "text", left)
            case Heading(level, runs):
                yield self.paragraph(runs, f"heading {level}", left)
            case Code(text):
                yield self.paragraph((Run(text.replace(" ", "\u00a0")),), "code", left)
            case Rule():
                yield HRFlowable(width="20%", color=_LINE, spaceBefore=12, spaceAfter=12)
            case Quote(blocks):
                yield from self.blocks(blocks, left + _STEP, True)
            case List(items):
                for number, item in enumerate(items):
                    yield from self._item(item, block.mark(number), left + _STEP, quoted)
            case Rows():
                yield from self._table(block, left)

    def _item(self, blocks: Blocks, mark: str, left: float, quoted: bool) -> Iterator[Any]:
        """An item of a list, its mark before the first of its words."""
        first = blocks[0].runs if blocks and isinstance(blocks[0], Words) else ()
        yield self.paragraph(first, "quote" if quoted else "text", min(left, _WIDTH / 2), mark)
        yield from self.blocks(blocks[1:] if first else blocks, left, quoted)

    def figure(self, shown: Illustration, read_picture: ReadPicture, language: Language) -> KeepTogether:
        """A picture with its caption below, on one page."""
        caption, credit = line(shown.caption), line(shown.picture.credit)
        loaded = load(shown.picture.key, read_picture)
        picture = loaded and for_sheet(loaded, PAGE_SIDE)
        if picture is None:
            name = caption or line(shown.picture.title) or shown.picture.key
            return KeepTogether([self.paragraph((Run(label("missing", language, name=name)),), "caption")])
        # A pixel is shown as a 96th of an inch, as on a page, unless it would not fit.
        scale = min(0.75, _WIDTH / picture.width, _HIGHEST / picture.height)
        image = Image(BytesIO(picture.data), picture.width * scale, picture.height * scale)
        image.spaceBefore = 10
        below = " · ".join(filter(None, (caption, credit)))
        return KeepTogether([image, self.paragraph((Run(below),), "caption")] if below else [image])

    def _table(self, block: Rows, left: float) -> Iterator[Any]:
        count, room = len(block.alignments), _WIDTH - left
        if room / count < _NARROWEST:
            for runs in block.lines():
                yield self.paragraph(runs, "text", left)
            return
        bold = (tuple(replace(run, bold=True) for run in runs) for runs in block.head)
        rows = [[self.paragraph(runs, "cell") for runs in row] for row in (bold, *block.rows)]
        lines = TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.5, _LINE),
                ("LINEBELOW", (0, 0), (-1, 0), 1, _SEAL),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
        for column, alignment in enumerate(block.alignments):
            for row in rows:
                row[column].style.alignment = _ALIGNMENTS.get(alignment, TA_LEFT)
        widths = [room / count] * count
        yield Table(rows, widths, repeatRows=1, splitInRow=1, style=lines, spaceAfter=12)

    def _markup(self, run: Run) -> str:
        """The run in reportlab's own markup, which is no HTML but looks like it."""
        text = escape(run.text, quote=False).replace("\n", "<br/>")
        if run.code:
            text = f'<font name="{_BOLD}" size="9.5">{text}</font>'
        elif run.bold or run.italic:
            text = f'<font name="{_BOLD if run.bold else _ITALIC}">{text}</font>'
        if run.struck:
            text = f"<strike>{text}</strike>"
        if run.link:
            text = f'<a href="{escape(run.link)}" color="#3F7365">{text}</a>'
        return text


def _foot(article: Article, about: Mapping[str, object], language: Language) -> str:
    """Who wrote it: readers of a file passed on should know that a model did."""
    model = line(str(about.get("model") or article.model))
    parts = [label("written", language, model=model) if model else "", line(str(about.get("created") or ""))[:10]]
    return " · ".join(filter(None, parts)) if model else ""
