"""A web page that a model wrote, as one file that may be opened: nothing in it reaches another host.

What holds it is the Content-Security-Policy, which stands before everything else in the file; whoever shows it puts it
into a frame with `sandbox` besides. Tags and attributes that the policy would only make useless are left out, so that
the file says what it does. Pictures are put in as data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from html.parser import HTMLParser

_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; form-action 'none'"
)
_HOLLOW = frozenset({"script", "iframe", "object", "applet", "noscript", "frameset", "portal"})  # with what is in them
_GONE = frozenset({"base", "link", "embed", "frame", "param", "source", "track"})
_LOADS = frozenset(
    "src srcset srcdoc poster background manifest data ping action formaction longdesc codebase classid".split()
)
_FENCE = re.compile(r"```[a-z]*\n?", re.IGNORECASE)
_WORDS = re.compile(r"[^\W\d_]{2,}")
_NOISE = frozenset(
    {"http", "https", "com", "www", "jpg", "jpeg", "png", "webp", "random", "source", "unsplash", "images"}
)


def extract(reply: str) -> str:
    """The page in a model's reply: without code fences and words around it; as it is where it has no `<html>`."""
    text = _FENCE.sub("", reply).strip()
    found = re.search(r"(<!doctype[^>]*>\s*)?<html.*?(</html>|\Z)", text, re.IGNORECASE | re.DOTALL)
    return found[0] if found else text


def wanted_pictures(source: str) -> tuple[str, ...]:
    """For each `<img>` of a page, in order, what it should show: its `alt`, or the words in its address."""
    parser = _Pictures()
    parser.feed(source)
    parser.close()
    return tuple(parser.found)


def safe_page(source: str, pictures: Sequence[str] = (), scripts: bool = False) -> str:
    """The page as one file. `pictures` are data addresses for its `<img>`, in order ("" for none); `scripts` inside it
    may run, those of other hosts never."""
    parser = _Rewriter(pictures, scripts)
    parser.feed(source)
    parser.close()
    policy = _POLICY + "; script-src 'unsafe-inline'" * scripts
    head = '<!doctype html>\n<meta charset="utf-8">\n'
    return f'{head}<meta http-equiv="Content-Security-Policy" content="{policy}">\n{"".join(parser.parts).strip()}\n'


class _Pictures(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            given = {name: value or "" for name, value in attrs}
            address = " ".join(w for w in _WORDS.findall(given.get("src", "")) if w.lower() not in _NOISE)
            self.found.append(given.get("alt", "").strip() or address)


class _Rewriter(HTMLParser):
    """Writes what it reads, without what loads or runs anything."""

    def __init__(self, pictures: Sequence[str], scripts: bool) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._pictures, self._scripts = list(pictures), scripts
        self._inside: list[str] = []  # elements that are left out with what is in them

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._left_out(tag, given):
            if tag in _HOLLOW:
                self._inside.append(tag)
            return
        if self._inside:
            return
        kept = {name: value for name, value in given.items() if self._keeps(name, value)}
        if tag == "img" and (data := self._pictures.pop(0) if self._pictures else ""):
            kept["src"] = data
        if "href" in given:
            kept["href"] = given["href"] if given["href"].startswith(("#", "mailto:")) else "#"
        attributes = "".join(f' {name}="{escape(value)}"' for name, value in kept.items())
        self.parts.append(f"<{tag}{attributes}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in self._inside:
            self._inside.remove(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            del self._inside[self._inside.index(tag) :]
        elif not self._inside and tag not in _GONE:
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

    def _left_out(self, tag: str, given: dict[str, str]) -> bool:
        if tag == "script" and self._scripts and not given.get("src"):
            return False
        return tag in _HOLLOW or tag in _GONE or (tag == "meta" and "http-equiv" in given)

    def _keeps(self, name: str, value: str) -> bool:
        if not re.fullmatch(r"[a-z_:@][\w:.@-]*", name) or name in _LOADS or name.endswith("href"):
            return False
        return self._scripts or not name.startswith("on")
