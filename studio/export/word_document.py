"""An article as a Word file, with Word's own styles: headings, lists and captions stay what they are when edited."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import docx
from docx.document import Document
from docx.enum.table import WD_TABLE_DIRECTION
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Length, Pt, RGBColor
from docx.text.paragraph import Paragraph as WordParagraph
from docx.text.run import Run as WordRun

from studio.documents.article import Article, Illustration
from studio.errors import Language
from studio.export.clean_text import document_language, label, line, plain_title
from studio.export.images import PAGE_SIDE, ReadPicture, for_sheet, load
from studio.export.word_formulas import word_formula
from studio.export.word_scripts import east_asian, set_east_asian, set_right_to_left, set_script, split_scripts
from studio.language import is_right_to_left
from studio.markdown import (
    Block,
    Blocks,
    Code,
    Heading,
    List,
    Paragraph,
    Quote,
    Rule,
    Run,
    Runs,
    Table,
    parse,
    parse_inline,
    plain,
)

_INK, _SOFT, _JADE = RGBColor(0x1F, 0x1E, 0x1B), RGBColor(0x6B, 0x67, 0x5F), RGBColor(0x3F, 0x73, 0x65)
_WIDTH, _HIGHEST = Cm(16), Cm(9)  # of a picture
_QUOTE_STEP, _LIST_STEP = Cm(0.7), Cm(0.63)  # indents; a list's is that of Word's own styles
_MAX_COLUMNS = 63  # Word's limit
_ALIGNMENTS = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
}
_TEXT, _HEAD = ("Georgia", "宋体"), ("Georgia", "黑体")  # Latin and Chinese; every Word has them or knows a likeness


def article_docx(article: Article, read_picture: ReadPicture, about: Mapping[str, object]) -> bytes:
    """The file. `about["model"]` and `about["created"]`, when given, stand in small print at the end."""
    language = document_language(article)
    writer = _Writer(language)
    title = line(article.title)
    if title:
        writer.paragraph(parse_inline(title), "Title")
    for section in article.sections:
        writer.blocks(parse(section.text))
        if section.illustration:
            writer.figure(section.illustration, read_picture)
    model = line(str(about.get("model") or article.model))
    if model:
        parts = [label("written", language, model=model), line(str(about.get("created") or ""))[:10]]
        writer.small(" · ".join(filter(None, parts)))
    return writer.finish(plain_title(title) or label("article", language))


@dataclass(frozen=True)
class _Place:
    """Inside how many quotes and lists a block lies."""

    quotes: int = 0
    lists: int = 0

    @property
    def depth(self) -> int:
        """The level of a list: Word's styles have three."""
        return min(self.lists, 3)

    @property
    def style(self) -> str:
        """A paragraph's."""
        if self.quotes:
            return "Quote"
        return "Normal" if not self.lists else "List Continue" if self.depth == 1 else f"List Continue {self.depth}"

    @property
    def left(self) -> Length:
        """How far in."""
        return Length(min(self.quotes, 6) * _QUOTE_STEP + min(self.lists, 6) * _LIST_STEP)

    def indent(self, paragraph: WordParagraph, more: int = 0) -> None:
        """Move a paragraph in."""
        if left := self.left + more:
            paragraph.paragraph_format.left_indent = Length(left)


class _Writer:
    """A Word document that grows from the top."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._document: Document = docx.Document()
        page = self._document.sections[0]
        page.page_width, page.page_height = Cm(21), Cm(29.7)
        page.left_margin = page.right_margin = Cm(2.5)
        for spoken in self._document.styles.element.iter(qn("w:lang")):  # of what no run says otherwise
            for kind, language_tag in (("val", "en-US"), ("eastAsia", "zh-CN"), ("bidi", "ar-SA")):
                spoken.set(qn(f"w:{kind}"), language_tag)
        self._style("Normal", _TEXT, 11, _INK, after=8)
        self._style("Title", _HEAD, 22, _INK, after=14)
        self._style("Caption", _TEXT, 9.5, _SOFT, after=14)
        self._style("Quote", _TEXT, 11, _SOFT, after=8)
        self._document.styles["Quote"].paragraph_format.left_indent = Cm(0.7)
        for level, size in enumerate((17, 14.5, 12.5, 11.5, 11, 11), 1):
            self._style(f"Heading {level}", _HEAD, size, _INK, after=6)
        border = self._document.styles["Title"].element.get_or_add_pPr().find(qn("w:pBdr"))
        if border is not None:
            border.getparent().remove(border)

    def blocks(self, blocks: Blocks, place: _Place | None = None) -> None:
        """The blocks of a section, or of what lies inside a list or a quote."""
        place = place or _Place()
        for block in blocks:
            self._block(block, place)

    def _block(self, block: Block, place: _Place) -> None:
        match block:
            case Paragraph(runs):
                place.indent(self.paragraph(runs, place.style))
            case Heading(level, runs):
                place.indent(self.paragraph(runs, f"Heading {level}"))
            case Code(text):
                place.indent(self.paragraph((Run(text, code=True),), "Normal"), Cm(0.6))
            case Rule():
                stars = "＊　＊　＊" if self._language == "zh" else "* * *"
                self.paragraph((Run(stars),), "Normal").alignment = WD_ALIGN_PARAGRAPH.CENTER
            case Quote(blocks):
                self.blocks(blocks, replace(place, quotes=place.quotes + 1))
            case List():
                self._list(block, place)
            case Table():
                self._table(block, place)

    def paragraph(self, runs: Runs, style: str) -> WordParagraph:
        """Styled words at the end of the document."""
        paragraph = self._document.add_paragraph(style=style)
        self._fill(paragraph, runs)
        return paragraph

    def figure(self, shown: Illustration, read_picture: ReadPicture) -> None:
        """A picture in the middle, its caption below it on the same page."""
        caption, title, credit = (line(w) for w in (shown.caption, shown.picture.title, shown.picture.credit))
        loaded = load(shown.picture.key, read_picture)
        picture = loaded and for_sheet(loaded, PAGE_SIDE)
        if picture is None:
            missing = label("missing", self._language, name=caption or title or shown.picture.key)
            self.paragraph((Run(missing),), "Caption").alignment = WD_ALIGN_PARAGRAPH.CENTER
            return
        place = self._document.add_paragraph()
        place.alignment = WD_ALIGN_PARAGRAPH.CENTER
        pixel = 9525  # Word's units in a 96th of an inch
        scale = min(1.0, _WIDTH / (picture.width * pixel), _HIGHEST / (picture.height * pixel))
        size = {"width": round(picture.width * pixel * scale), "height": round(picture.height * pixel * scale)}
        inline = place.add_run().add_picture(BytesIO(picture.data), **size)
        inline._inline.docPr.set("descr", title or caption)  # for screen readers
        for side in ("distT", "distB", "distL", "distR"):
            inline._inline.set(side, "0")  # LibreOffice takes 3 mm where nothing is said
        if below := " · ".join(filter(None, (caption, credit))):
            place.paragraph_format.keep_with_next = True
            self.paragraph((Run(below),), "Caption").alignment = WD_ALIGN_PARAGRAPH.CENTER

    def small(self, text: str) -> None:
        """Small print."""
        paragraph = self.paragraph((Run(text),), "Caption")
        paragraph.paragraph_format.space_before = Pt(24)

    def finish(self, title: str) -> bytes:
        """The file's bytes; the same content gives the same."""
        facts = self._document.core_properties
        facts.title, facts.author, facts.comments = title[:255], "XComposer Studio", ""
        facts.language = "zh-CN" if self._language == "zh" else "en"
        facts.created = facts.modified = datetime.datetime(2000, 1, 1)
        saved, out = BytesIO(), BytesIO()
        self._document.save(saved)
        with ZipFile(saved) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), old.read(name), ZIP_DEFLATED)
        return out.getvalue()

    def _fill(self, paragraph: WordParagraph, runs: Runs) -> None:
        words = plain(runs)
        if is_right_to_left(words):
            set_right_to_left(paragraph._p.get_or_add_pPr())
        language, font = east_asian(words)
        for run in runs:
            if run.formula:
                paragraph._p.append(word_formula(run.formula))
                continue
            link = self._link(paragraph, run.link) if run.link else None
            for text, script in split_scripts(run.text):
                added = self._run(paragraph, replace(run, text=text))
                if script:
                    set_script(added, script)
                elif language:
                    set_east_asian(added, language, font)
                if link is not None:
                    link.append(added._r)

    def _run(self, paragraph: WordParagraph, run: Run) -> WordRun:
        added = paragraph.add_run(run.text)
        added.bold, added.italic = run.bold or None, run.italic or None
        added.font.strike = run.struck or None
        if run.code:
            added.font.name, added.font.size = "Consolas", Pt(9.5)
        if run.link:
            added.font.color.rgb, added.font.underline = _JADE, True
        return added

    def _link(self, paragraph: WordParagraph, address: str) -> Any:
        """A hyperlink for runs, which python-docx has no word for."""
        link = OxmlElement("w:hyperlink")
        link.set(qn("r:id"), paragraph.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
        paragraph._p.append(link)
        return link

    def _list(self, block: List, place: _Place) -> None:
        """A list of Word's own. What follows the first paragraph of an item is indented like it."""
        inside = replace(place, lists=place.lists + 1)
        kind = "List Bullet" if block.start is None else "List Number"
        number = None
        for item in block.items:
            first = item[0].runs if item and isinstance(item[0], Paragraph) else ()
            paragraph = self.paragraph(first, kind if inside.depth == 1 else f"{kind} {inside.depth}")
            paragraph.paragraph_format.space_after = Pt(3)
            if place.quotes or inside.lists > inside.depth:
                paragraph.paragraph_format.left_indent = inside.left
                paragraph.paragraph_format.first_line_indent = -_LIST_STEP
            if block.start is not None:
                number = number or self._new_list(paragraph, block.start)
                numbers = paragraph._p.get_or_add_pPr().get_or_add_numPr()
                numbers.get_or_add_numId().val = number
                numbers.get_or_add_ilvl().val = 0
            self.blocks(item[1:] if first else item, inside)

    def _new_list(self, paragraph: WordParagraph, start: int) -> int:
        """A list of Word's that begins to count anew: else every numbered list of the document would be one."""
        numbering = self._document.part.numbering_part.element
        style = paragraph.style
        assert style is not None
        id = style.element.pPr.numPr.numId.val
        abstract = next(n for n in numbering.num_lst if n.numId == id).abstractNumId.val
        number = numbering.add_num(abstract)
        number.add_lvlOverride(ilvl=0).add_startOverride(start)
        return int(number.numId)

    def _table(self, block: Table, place: _Place) -> None:
        count = len(block.alignments)
        if count > _MAX_COLUMNS:
            for runs in block.lines():
                place.indent(self.paragraph(runs, place.style))
            return
        table = self._document.add_table(1 + len(block.rows), count, style="Table Grid")
        if is_right_to_left("".join(map(plain, block.head))):
            table.table_direction = WD_TABLE_DIRECTION.RTL
        for at, (row, cells) in enumerate(zip(table.rows, (block.head, *block.rows), strict=True)):
            row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
            for cell, runs, alignment in zip(row.cells, cells, block.alignments, strict=True):
                paragraph = cell.paragraphs[0]
                paragraph.alignment = _ALIGNMENTS.get(alignment)
                layout = paragraph.paragraph_format
                layout.space_before = layout.space_after = Pt(3)
                layout.line_spacing = 1.15
                self._fill(paragraph, runs if at else tuple(replace(run, bold=True) for run in runs))
        self._document.add_paragraph().paragraph_format.space_after = Pt(4)

    def _style(self, name: str, fonts: tuple[str, str], size: float, colour: RGBColor, after: float) -> None:
        style: Any = self._document.styles[name]
        style.font.name, style.font.size, style.font.color.rgb = fonts[0], Pt(size), colour
        style.font.italic = False
        style.font.bold = name.startswith("Heading")
        style.paragraph_format.space_after = Pt(after)
        style.paragraph_format.line_spacing = 1.4 if name == "Normal" else 1.2
        given = style.element.get_or_add_rPr().get_or_add_rFonts()
        for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):  # a theme's font wins over a named one
            given.attrib.pop(qn(f"w:{theme}"), None)
        given.set(qn("w:eastAsia"), fonts[1])
        given.set(qn("w:cs"), "Arial")
        complex_size = OxmlElement("w:szCs")  # of complex scripts: else they would be as large as Word likes
        complex_size.set(qn("w:val"), str(round(size * 2)))
        properties = style.element.get_or_add_rPr()
        for old in properties.findall(qn("w:szCs")):
            properties.remove(old)
        properties.find(qn("w:sz")).addnext(complex_size)
