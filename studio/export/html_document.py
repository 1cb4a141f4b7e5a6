"""An article as one HTML file: pictures inside, no script, no request to anywhere.

The words come from a model or a person and are not trusted: `studio.markdown` writes every tag itself and escapes every
word, and a Content-Security-Policy in the file forbids all that could still be made to happen.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from html import escape
from importlib.resources import files

from studio.documents.article import Article, Illustration
from studio.errors import Language
from studio.export.clean_text import document_language, label, line, plain_title
from studio.export.images import ReadPicture, for_page, load
from studio.markdown import inline_html, parse, parse_inline, to_html

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def article_page(article: Article, read_picture: ReadPicture, about: Mapping[str, object]) -> bytes:
    """The page. `about["model"]` and `about["created"]`, when given, stand in small print at the end."""
    language = document_language(article)
    title = parse_inline(article.title)
    body = [f"<h1>{inline_html(title)}</h1>"] if title else []
    for section in article.sections:
        body.append(to_html(parse(section.text)))
        if section.illustration:
            body.append(_figure(section.illustration, read_picture, language))
    return _page(
        language=language,
        title=plain_title(article.title) or label("article", language),
        body="\n".join(filter(None, body)),
        foot=_foot(article, about, language),
    ).encode()


def _figure(shown: Illustration, read_picture: ReadPicture, language: Language) -> str:
    caption, title, credit = (line(words) for words in (shown.caption, shown.picture.title, shown.picture.credit))
    loaded = load(shown.picture.key, read_picture)
    picture = loaded and for_page(loaded)
    if picture:
        uri = f"data:{picture.mime};base64,{b64encode(picture.data).decode()}"
        alt = escape(title or caption)
        inside = f'<img src="{uri}" alt="{alt}" width="{picture.width}" height="{picture.height}">'
    else:
        missing = label("missing", language, name=caption or title or shown.picture.key)
        inside, caption = f'<p class="missing">{escape(missing)}</p>', ""
    small = f'<span class="credit">{escape(credit)}</span>' if credit else ""
    below = " · ".join(filter(None, (escape(caption), small)))
    return f"<figure>\n{inside}\n" + (f"<figcaption>{below}</figcaption>\n" if below else "") + "</figure>"


def _foot(article: Article, about: Mapping[str, object], language: Language) -> str:
    """Who wrote it: readers of a file passed on should know that a model did."""
    model = line(str(about.get("model") or article.model))
    if not model:
        return ""
    parts = [label("written", language, model=model), line(str(about.get("created") or ""))[:10]]
    return f"<footer>{escape(' · '.join(filter(None, parts)))}</footer>"


def _page(language: Language, title: str, body: str, foot: str) -> str:
    style = files("studio.export").joinpath("page.css").read_text("utf-8")
    return f"""<!doctype html>
<html lang="{"zh-CN" if language == "zh" else "en"}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="XComposer Studio">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
<article>
{body}
</article>
{foot}
</main>
</body>
</html>
"""
