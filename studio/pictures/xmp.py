"""What XMP says of a picture, be it inside the file or in a sidecar: captions, title, keywords, authors, rights.

Adobe's XMP specification part 1: RDF/XML, of which a property is an element, or, where it is one text, an attribute of
`rdf:Description`. Texts in several languages stand in an `rdf:Alt`, the one for everybody as `x-default`. The XML comes
from strangers: document types, and so entities, are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

MAX_XMP_BYTES = 1 << 20
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_CAPTIONS = (  # the first that is there counts
    f"{_DC}description",
    "{http://ns.adobe.com/tiff/1.0/}ImageDescription",
    "{http://ns.adobe.com/exif/1.0/}UserComment",
    "{http://ns.acdsee.com/iptc/1.0/}caption",
    "{http://ns.adobe.com/photoshop/1.0/}Headline",
)
_DEFAULT = "x-default"


@dataclass(frozen=True)
class Xmp:
    """What was found; `captions` and `titles` by language, `x-default` first where there is one."""

    captions: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    rights: str = ""


def parse_xmp(data: bytes | str) -> Xmp:
    """The words in a packet or a sidecar. Nothing for what is too large, no XMP, or tries to be more than data."""
    if len(data) > MAX_XMP_BYTES:
        return Xmp()
    if isinstance(data, str):
        data = data.encode()
    packet = data if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data.removeprefix(b"\xef\xbb\xbf").strip(b"\0 \t\r\n")
    try:
        root = fromstring(packet, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):  # LookupError: an encoding that is none
        return Xmp()
    properties = _properties(root)
    captions = next((found for name in _CAPTIONS if (found := _by_language(properties.get(name)))), {})
    rights = _by_language(properties.get(f"{_DC}rights"))
    return Xmp(
        captions,
        _by_language(properties.get(f"{_DC}title")),
        tuple(_texts(properties.get(f"{_DC}subject"))),
        tuple(_texts(properties.get(f"{_DC}creator"))),
        next(iter(rights.values()), ""),
    )


def _properties(root: Element) -> dict[str, Element | str]:
    """Each property of the descriptions, as its element or its text."""
    found: dict[str, Element | str] = {}
    for description in root.iter(f"{_RDF}Description"):
        for name, value in description.attrib.items():
            found.setdefault(name, value)
        for element in description:
            found.setdefault(element.tag, element)
    return found


def _by_language(value: Element | str | None) -> dict[str, str]:
    if value is None or isinstance(value, str):
        return {_DEFAULT: value.strip()} if value and value.strip() else {}
    items = [(item.get(_LANGUAGE, _DEFAULT).lower(), text) for item in value.iter(f"{_RDF}li") if (text := _text(item))]
    if not items and (text := _text(value)):
        items = [(value.get(_LANGUAGE, _DEFAULT).lower(), text)]
    items.sort(key=lambda item: item[0] != _DEFAULT)
    return dict(reversed(items[::-1]))


def _texts(value: Element | str | None) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif value is not None:
        items = list(value.iter(f"{_RDF}li"))
        yield from filter(None, map(_text, items or [value]))


def _text(element: Element) -> str:
    return (element.text or "").strip()
