"""A web page that a model wrote, as one file that may be opened: nothing in it reaches another host.

What holds it is the Content-Security-Policy, which stands before everything else in the file; whoever shows it puts it
into a frame with `sandbox` besides. Tags and attributes that the policy would only make useless are left out, so that
the file says what it does. Pictures are put in as data.

A browser may read a page otherwise than a parser here does: what is text to one (in `<svg><style>`, in a `<title>`) can
be tags to the other. So the file is written anew from what was read, and no `<` in it begins a tag that was not looked
at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; form-action 'none'"
)
_HOLLOW = frozenset(  # left out with what is in them
    "script iframe object applet noscript frameset portal".split()
)
_UNWRAPPED = frozenset(  # text to some readers, tags to others; and those in which some readers see what follows them
    "plaintext xmp noembed noframes listing base link embed frame param source track".split()
)
_ANIMATES = frozenset("animate set animatemotion animatetransform".split())
_LOADS = frozenset(
    "src srcset srcdoc poster background manifest data ping action formaction longdesc codebase classid target".split()
)
# pictures have other sizes than the model thought of
_FIT = "<style>img { max-width: 100%; object-fit: cover }</style>"
_END = re.compile(r"</(?:html|body)\s*>", re.IGNORECASE)  # libxml2 reads nothing behind it, browsers do
_SIZE = re.compile(r"/(\d{2,4})[x/](\d{2,4})\b")  # in the address of a picture that a service was to make up
_TAG = re.compile(r"[a-z][a-z0-9:-]*")
_ATTRIBUTE = re.compile(r"[a-z_:@][\w:.@-]*")
_OPENS = re.compile(r"<(?=[a-zA-Z/!?])")  # what a browser may read as the begin of a tag
_CSS_LESS = r"\\3c "  # "<" in a style sheet
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


def page_policy(scripts: bool) -> str:
    """The Content-Security-Policy of such a page."""
    return _POLICY + "; script-src 'unsafe-inline'" * scripts


def title_of(source: str) -> str:
    """What the page calls itself, in one line; "" where it does not."""
    title = _parse(source).find(".//title")
    return " ".join((title.text or "").split())[:200] if title is not None else ""


def wanted_pictures(source: str) -> tuple[str, ...]:
    """For each `<img>` of a page, in order, what it should show: its `alt`, or the words in its address. Those that the
    page brings along as data want none."""
    return tuple(_wish(image.attrib) for image in _images(_parse(source)))


def safe_page(source: str, pictures: Sequence[str] = (), scripts: bool = False) -> str:
    """The page as one file. `pictures` are data addresses for those that it wants, in order ("" for none); `scripts`
    inside it may run, those of other hosts never."""
    from lxml.html import tostring

    tree = _parse(source)
    for image, data in zip(_images(tree), pictures, strict=False):  # first: those in what is left out count, too
        if size := _SIZE.search(image.get("src", "")):
            for name, pixels in zip(("width", "height"), size.groups(), strict=True):
                image.set(name, image.get(name, pixels))
        image.set("src", data)
    for element in list(tree.iter()):
        _make_safe(element, scripts)
    head = '<!doctype html>\n<meta charset="utf-8">\n'
    head += f'<meta http-equiv="Content-Security-Policy" content="{page_policy(scripts)}">\n{_FIT}\n'
    return f"{head}{tostring(tree, encoding='unicode').strip()}\n"


def _parse(source: str) -> Any:
    """The tree of a page; libxml2 reads anything in time that grows as its length does."""
    from lxml.etree import ParserError
    from lxml.html import Element, HTMLParser, document_fromstring

    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        return document_fromstring(_END.sub("", source).encode("utf-8", "replace"), parser=parser)
    except ParserError:  # nothing in it
        return Element("html")


def _images(tree: Any) -> Iterator[Any]:
    return (image for image in list(tree.iter("img")) if not _is_data(image.get("src", "")))


def _is_data(address: str) -> bool:
    return address.startswith("data:image/")


def _wish(given: Any) -> str:
    address = " ".join(word for word in _WORDS.findall(given.get("src", "")) if word.lower() not in _NOISE)
    return str(given.get("alt", "").strip() or address)


def _make_safe(element: Any, scripts: bool) -> None:
    """Take an element out of the page, or what it must not have out of it."""
    tag = element.tag
    if tag in _UNWRAPPED:
        element.drop_tag()
    elif not isinstance(tag, str) or not _TAG.fullmatch(tag) or _is_left_out(element, scripts):
        element.drop_tree()
    else:
        for name, value in list(element.attrib.items()):
            if name == "href":
                element.set("href", value if value.startswith(("#", "mailto:")) else "#")
            elif not _keeps(tag, name, value, scripts):
                del element.attrib[name]
        if tag == "style" and element.text:
            element.text = _OPENS.sub(_CSS_LESS, element.text)


def _is_left_out(element: Any, scripts: bool) -> bool:
    tag, given = element.tag, element.attrib
    if tag == "script" and scripts and not given.get("src"):
        return next(element.iterancestors("svg", "math"), None) is not None
    if tag in _ANIMATES and given.get("attributename", "").lower().endswith("href"):
        return True  # it would give a link its address later
    return tag in _HOLLOW or (tag == "meta" and "http-equiv" in given)


def _keeps(tag: str, name: str, value: str, scripts: bool) -> bool:
    if tag == "img" and name == "src":
        return _is_data(value)
    if not _ATTRIBUTE.fullmatch(name) or name in _LOADS or name.endswith("href"):
        return False
    return scripts or not name.startswith("on")
