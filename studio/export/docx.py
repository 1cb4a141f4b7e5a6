"""An article as a Word file, with Word's own styles: headings, lists and captions stay what they are when edited."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import docx
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.text.paragraph import Paragraph

from studio.documents.article import Article, Illustration
from studio.export.clean_text import Language, label, language_of, line, unmarked
from studio.export.images import PAGE_SIDE, ReadPicture, for_sheet, load
from studio.export.markdown_blocks import Block, Run, Runs, blocks, line_runs

_INK, _SOFT, _JADE = RGBColor(0x1F, 0x1E, 0x1B), RGBColor(0x6B, 0x67, 0x5F), RGBColor(0x3F, 0x73, 0x65)
_WIDTH, _HIGHEST = Cm(16), Cm(9)  # of a picture
_TEXT, _HEAD = ("Georgia", "宋体"), ("Georgia", "黑体")  # Latin and Chinese; every Word has them or knows a likeness


def article_docx(article: Article, read_picture: ReadPicture, about: Mapping[str, object]) -> bytes:
    """The file. `about["model"]` and `about["created"]`, when given, stand in small print at the end."""
    language = language_of(article)
    writer = _Writer(language)
    title = line(article.title)
    if title:
        writer.paragraph(line_runs(title), "Title")
    for section in article.sections:
        writer.blocks(blocks(section.text))
        if section.illustration:
            writer.figure(section.illustration, read_picture)
    model = line(str(about.get("model") or article.model))
    if model:
        parts = [label("written", language, model=model), line(str(about.get("created") or ""))[:10]]
        writer.small(" · ".join(filter(None, parts)))
    return writer.finish(unmarked(title) or label("article", language))


class _Writer:
    """A Word document that grows from the top."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._document: Document = docx.Document()
        self._lists: dict[int, int] = {}  # a list of this section → Word's number for it
        page = self._document.sections[0]
        page.page_width, page.page_height = Cm(21), Cm(29.7)
        page.left_margin = page.right_margin = Cm(2.5)
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

    def blocks(self, made: Sequence[Block]) -> None:
        """The blocks of a section."""
        self._lists.clear()
        for block in made:
            self._block(block)

    def _block(self, block: Block) -> None:
        match block.kind:
            case "heading":
                self.paragraph(block.runs, f"Heading {block.level}")
            case "item":
                self._item(block)
            case "table":
                self._table(block)
            case "rule":
                self.paragraph(
                    (Run("＊　＊　＊" if self._language == "zh" else "* * *"),), "Normal"
                ).alignment = WD_ALIGN_PARAGRAPH.CENTER
            case "code":
                made = self.paragraph(block.runs, "Normal")
                made.paragraph_format.left_indent = Cm(0.6)
            case _:
                self.paragraph(block.runs, "Quote" if block.quoted else "Normal")

    def paragraph(self, runs: Runs, style: str) -> Paragraph:
        """Styled words at the end of the document."""
        made = self._document.add_paragraph(style=style)
        self._fill(made, runs)
        return made

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
        made = self.paragraph((Run(text),), "Caption")
        made.paragraph_format.space_before = Pt(24)

    def finish(self, title: str) -> bytes:
        """The file's bytes; the same content gives the same."""
        facts = self._document.core_properties
        facts.title, facts.author, facts.comments = title[:255], "XComposer Studio", ""
        facts.language = "zh-CN" if self._language == "zh" else "en"
        facts.created = facts.modified = datetime.datetime(2000, 1, 1)
        made, out = BytesIO(), BytesIO()
        self._document.save(made)
        with ZipFile(made) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), old.read(name), ZIP_DEFLATED)
        return out.getvalue()

    def _fill(self, paragraph: Paragraph, runs: Runs) -> None:
        for run in runs:
            made = paragraph.add_run(run.text)
            made.bold, made.italic = run.bold or None, run.italic or None
            made.font.strike = run.struck or None
            if run.sub:
                made.font.subscript = True
            if run.sup:
                made.font.superscript = True
            if run.code:
                made.font.name, made.font.size = "Consolas", Pt(9.5)
            if run.link.startswith(("http:", "https:", "mailto:")):
                made.font.color.rgb, made.font.underline = _JADE, True
                self._link(paragraph, made, run.link)

    def _link(self, paragraph: Paragraph, run: Any, address: str) -> None:
        """Put the run into a hyperlink, which python-docx has no word for."""
        link = OxmlElement("w:hyperlink")
        link.set(qn("r:id"), paragraph.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
        run._r.addprevious(link)
        link.append(run._r)

    def _item(self, block: Block) -> None:
        ordered = block.mark[:1].isdigit()
        depth = min(block.level, 3)
        kind = "List Number" if ordered else "List Bullet" if block.mark else "List Continue"
        made = self.paragraph(block.runs, kind if depth == 1 else f"{kind} {depth}")
        made.paragraph_format.space_after = Pt(3)
        if ordered:
            if block.list not in self._lists:
                self._lists[block.list] = self._new_list(made, int(block.mark[:-1]))
            numbers = made._p.get_or_add_pPr().get_or_add_numPr()
            numbers.get_or_add_numId().val = self._lists[block.list]
            numbers.get_or_add_ilvl().val = 0

    def _new_list(self, paragraph: Paragraph, start: int) -> int:
        """A list of Word's that begins to count anew: else every numbered list of the document would be one."""
        numbering = self._document.part.numbering_part.element
        style = paragraph.style
        assert style is not None
        id = style.element.pPr.numPr.numId.val
        abstract = next(n for n in numbering.num_lst if n.numId == id).abstractNumId.val
        number = numbering.add_num(abstract)
        number.add_lvlOverride(ilvl=0).add_startOverride(start)
        return int(number.numId)

    def _table(self, block: Block) -> None:
        count = max(map(len, block.rows), default=0)
        if not count:
            return
        table = self._document.add_table(len(block.rows), count, style="Table Grid")
        for r, row in enumerate(block.rows):
            table.rows[r]._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
            for c, runs in enumerate(row):
                cell = table.cell(r, c).paragraphs[0]
                cell.paragraph_format.space_before = cell.paragraph_format.space_after = Pt(3)
                cell.paragraph_format.line_spacing = 1.15
                head = r == 0 and block.heads
                self._fill(cell, tuple(Run(**{**vars(run), "bold": True}) for run in runs) if head else runs)
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
