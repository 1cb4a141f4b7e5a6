"""An article as a PDF: A4, its fonts inside, so that every script looks the same on every machine.

The typesetter is Typst: it shapes letters, knows right-to-left and where a line of Chinese or Thai may break, and sets
formulas. It gets the words as strings and may read one folder, made for this document, with the pictures in it.
Bold words stand in the sans face, as Chinese typesetting does it; italics are the serif face, slanted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import typst

from studio.documents.article import Article, Illustration
from studio.errors import InputError, Language
from studio.export import fonts
from studio.export.clean_text import document_language, label, line, plain_title
from studio.export.images import PAGE_SIDE, ReadPicture, for_sheet, load
from studio.export.typst_formulas import string
from studio.export.typst_markup import PAGE_WIDTH, Writer, directed
from studio.markdown import Run, parse, parse_inline, runs_of

_HIGHEST = 255.0  # points of a picture: a taller one leaves half a page white before it
_PIXEL = 0.75  # points: a 96th of an inch, as on a page
_BOX = "□"  # in the place of a character without a font: Typst would look through all fonts for each again
_NAMED = 12  # characters without a font that are named


def article_pdf(article: Article, read_picture: ReadPicture, about: Mapping[str, object]) -> bytes:
    """The file; the same article gives the same bytes. `about["model"]` and `about["created"]`, when given, stand in
    small print at the end, and so do the characters that no font has."""
    language = document_language(article)
    title = parse_inline(line(article.title))
    sections = [parse(section.text) for section in article.sections]
    writer = Writer()
    with TemporaryDirectory(prefix="pdf-") as name:
        folder = Path(name)
        parts = [directed(title, f"#title[{writer.line(title, PAGE_WIDTH / 2)}]")] if title else []
        for section, blocks in zip(article.sections, sections, strict=True):
            parts.append(writer.blocks(blocks))
            if section.illustration:
                parts.append(_figure(writer, section.illustration, read_picture, language, folder))
        foot = _foot(article, about, language)
        coverage = fonts.cover(set("".join(parts) + foot))
        small = [foot, _missing_letters(coverage.missing, language)]
        if any(small):
            parts.append("#foot[" + "".join(f"#par[{writer.line((Run(text),))}]" for text in small if text) + "]")
        if italic := {c for part in (title, *map(runs_of, sections)) for run in part if run.italic for c in run.text}:
            (folder / "slanted.ttf").write_bytes(fonts.slanted(italic))
        heading = plain_title(line(article.title)) or label("article", language)
        source = "\n".join([_preamble(coverage.families, heading, language), *parts])
        return _typeset(
            source.translate(dict.fromkeys(map(ord, coverage.missing), _BOX)), folder, system=bool(coverage.families)
        )


def _preamble(families: tuple[str, ...], title: str, language: Language) -> str:
    """The names of the fonts, and how a page looks."""
    faces = {"serif": fonts.SERIF, "sans": fonts.SANS, "code-fonts": fonts.CODE, "math-fonts": fonts.MATH}
    faces["slanted"] = (fonts.SLANTED, *fonts.SERIF)
    lines = [f"#let {name} = ({', '.join(map(string, (*names, *families)))},)" for name, names in faces.items()]
    lines.append(files("studio.export").joinpath("page.typ").read_text("utf-8"))
    lines.append(f"#set document(title: {string(title)}, date: none)")
    lines.append('#set text(lang: "zh", region: "cn")' if language == "zh" else '#set text(lang: "en")')
    return "\n".join(lines)


def _typeset(source: str, folder: Path, system: bool) -> bytes:
    """The PDF of a source that may read the folder and the fonts, and nothing else."""
    known = typst.Fonts(include_system_fonts=system, font_paths=[*fonts.folders(), str(folder)])
    compiler = typst.Compiler(input=source.encode(), root=str(folder), font_paths=known)
    try:
        pdf = compiler.compile(format="pdf", timestamp=0)
    except BaseException as error:  # a panic of Rust is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        raise InputError("pdf_failed") from error
    assert isinstance(pdf, bytes)
    return pdf


def _figure(writer: Writer, shown: Illustration, read_picture: ReadPicture, language: Language, folder: Path) -> str:
    """A picture with its caption below, on one page."""
    caption, credit = line(shown.caption), line(shown.picture.credit)
    loaded = load(shown.picture.key, read_picture)
    picture = loaded and for_sheet(loaded, PAGE_SIDE)
    if picture is None:
        name = caption or line(shown.picture.title) or shown.picture.key
        return f"#figure[{writer.line((Run(label('missing', language, name=name)),))}]"
    file = f"{sum(1 for _ in folder.iterdir()) + 1}.{picture.suffix}"
    (folder / file).write_bytes(picture.data)
    scale = min(_PIXEL, PAGE_WIDTH / picture.width, _HIGHEST / picture.height)
    size = f"width: {picture.width * scale:.2f}pt, height: {picture.height * scale:.2f}pt"
    alt = line(shown.picture.title) or caption
    image = f"image({string(file)}, {size}{f', alt: {string(alt)}' if alt else ''})"
    below = (Run(" · ".join(filter(None, (caption, credit)))),)
    words = f"[{directed(below, writer.line(below))}]" if below[0].text else "none"
    return f"#figure({image}, caption: {words})"


def _foot(article: Article, about: Mapping[str, object], language: Language) -> str:
    """Who wrote it: readers of a file passed on should know that a model did."""
    model = line(str(about.get("model") or article.model))
    parts = [label("written", language, model=model) if model else "", line(str(about.get("created") or ""))[:10]]
    return " · ".join(filter(None, parts)) if model else ""


def _missing_letters(missing: str, language: Language) -> str:
    """A sentence that names them."""
    if not missing:
        return ""
    names = ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, '')}".strip() for c in missing[:_NAMED])
    if len(missing) > _NAMED:
        names = label("and_more", language, names=names, count=len(missing) - _NAMED)
    return label("no_font", language, names=names)
