"""An article as one HTML file: pictures inside, no script, no request to anywhere.

The words come from a model or a person and are not trusted. Two walls stand one behind the other: every `<` that is
not a harmless plain tag becomes a visible character before markdown2 sees it (so `Vec<T>` and `<script>` stay
readable as words), and nh3 keeps only the tags listed here of what markdown2 made. A Content-Security-Policy in
the file forbids the rest.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files

import markdown2
import nh3

from studio.documents.article import Article, Illustration
from studio.export.clean_text import Language, clean, label, language_of, line, unmarked
from studio.export.images import ReadPicture, for_page, load

# markdown2 takes seconds for tens of thousands of signs on one line and fails on deep nesting: such text is
# shown as plain paragraphs. No paragraph of an article comes near.
_LONGEST = 4000
_EXTRAS = {
    "fenced-code-blocks": None,
    "highlightjs-lang": None,  # no Pygments: a class name instead of coloured spans
    "tables": None,
    "strike": None,
    "cuddled-lists": None,
    "middle-word-em": False,
}
_PLAIN_TAGS = "b|i|u|s|em|strong|sub|sup|del|ins|mark|kbd|small|br|hr|code"
_NOT_A_TAG = re.compile(rf"<(?!/?(?:{_PLAIN_TAGS})\s*/?>|https?://[^\s<>]+>|[\w.+-]+@[\w.-]+>)", re.I)
# Two signs for the time inside markdown2; `clean` leaves none of their kind in a text.
_LESS = "\ufdd0"  # a `<` that is no tag
_EDGE = "\ufdd1"  # lets `**` open or close beside Chinese punctuation, where CommonMark sees no edge of a word
_TIGHT = re.compile("(?<=[“”‘’《》「」『』（）【】：，。！？；、…])\\*\\*(?=\\w)|(?<=\\w)\\*\\*(?=[“‘《「『（【])")
_TAGS = set(_PLAIN_TAGS.split("|")) | set(
    "a p blockquote pre ul ol li h1 h2 h3 h4 h5 h6 table thead tbody tr th td".split()
)
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "th": {"style"}, "td": {"style"}}
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def article_page(article: Article, read_picture: ReadPicture, about: Mapping[str, object]) -> bytes:
    """The page. `about["model"]` and `about["created"]`, when given, stand in small print at the end."""
    language = language_of(article)
    title = line(article.title)
    body = [f"<h1>{_inline(title)}</h1>"] if title else []
    for section in article.sections:
        body.append(to_html(section.text))
        if section.illustration:
            body.append(_figure(section.illustration, read_picture, language))
    return _page(
        language=language,
        title=unmarked(title) or label("article", language),
        body="\n".join(filter(None, body)),
        foot=_foot(article, about, language),
    ).encode()


def to_html(text: str) -> str:
    """Markdown as safe HTML: no tag, attribute or address outside the lists above."""
    text = clean(text).strip("\n")
    if len(text) > _LONGEST:
        return "\n".join(_long(text))
    try:
        source = _TIGHT.sub(f"{_EDGE}**{_EDGE}", _NOT_A_TAG.sub(_LESS, text))
        made: str = markdown2.markdown(source, extras=_EXTRAS).replace(_EDGE, "")
    except RecursionError:  # thousands of nested quotes or lists
        return _plain(text)
    made = re.sub(r"<img [^>]*?alt=\"([^\"]*)\"[^>]*>", r"\1", made)  # a picture elsewhere: its words stay
    return nh3.clean(
        made.replace(_LESS, "&lt;"),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        filter_style_properties={"text-align"},
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        clean_content_tags=set(),
    ).strip()


def _long(text: str) -> Iterator[str]:
    """Its paragraphs one by one, those that are too long as plain words."""
    for part in re.split(r"\n\s*\n", text):
        yield to_html(part) if len(part) <= _LONGEST else _plain(part)


def _plain(text: str) -> str:
    return f"<p>{escape(text, quote=False)}</p>".replace("\n", "<br>\n")


def _inline(text: str) -> str:
    """A title, which may have emphasis in it, without the paragraph around it."""
    made = to_html(text)
    inner = made.removeprefix("<p>").removesuffix("</p>")
    return inner if made == f"<p>{inner}</p>" and "<p>" not in inner else escape(text, quote=False)


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
