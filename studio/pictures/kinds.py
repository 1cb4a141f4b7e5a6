"""What a file is, told from its first bytes: names lie, and some files have none that says it."""

from __future__ import annotations

import re

_PICTURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8|BM|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(?:hei|hev|mif|msf|avi)", re.S
)
_OTHERS = {  # what files are that are taken for pictures
    rb"%PDF": "PDF",
    rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|svg|!DOCTYPE svg)": "SVG/XML",
    rb"\s*<": "HTML",
    rb"PK\x03\x04": "ZIP",
    rb"%!PS": "PostScript",
    rb"8BPS": "Photoshop",
    rb"....ftyp(?:mp4|iso|qt|M4V)": "video",
}


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is of a kind that is opened here."""
    return bool(_PICTURES.match(head))


def other_kind(head: bytes) -> str:
    """The name of another well-known kind of file, or an empty string."""
    return next((kind for start, kind in _OTHERS.items() if re.match(start, head, re.S | re.I)), "")
