"""The stroke icons of the page, from one set (Lucide, ISC licence; in the package python-lucide)."""

from __future__ import annotations

import re

from lucide import lucide_icon

NAMES = (
    "chevron-left", "chevron-right", "git-branch", "thumbs-down", "thumbs-up", "send-horizontal", "user-plus",
    "arrow-down", "arrow-down-to-line", "arrow-up", "arrow-up-to-line", "check", "circle", "copy", "dices", "download",
    "file-plus", "file-text", "fold-vertical", "grip-vertical", "image-plus", "images", "list-indent-decrease",
    "list-indent-increase", "languages", "list-tree", "loader-circle", "moon", "pencil", "play", "plus", "redo-2",
    "refresh-cw", "rotate-ccw-clock", "search", "square", "sun", "trash", "undo-2", "unfold-vertical", "upload", "x",
)  # fmt: skip


def icons() -> dict[str, str]:
    """Name → SVG, 24 units wide, drawn in the text's colour."""
    return {name: re.sub(r"<!--.*?-->", "", lucide_icon(name), flags=re.DOTALL) for name in NAMES}
