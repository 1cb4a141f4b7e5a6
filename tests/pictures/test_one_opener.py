"""Picture bytes are opened in studio/pictures and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

STUDIO = Path(__file__).parents[2] / "studio"


def opens_pictures(source: str) -> list[int]:
    """Lines that call `open` of Pillow's Image, under whatever name it was imported, or pillow_heif's."""
    tree = ast.parse(source)
    names = {"pillow_heif"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "PIL":
            names |= {alias.asname or alias.name for alias in node.names if alias.name == "Image"}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("open", "open_heif", "read_heif", "from_bytes")
        and isinstance(node.value, ast.Name)
        and node.value.id in names
    ]


@pytest.mark.parametrize(
    "file",
    [f for f in sorted(STUDIO.rglob("*.py")) if f.parent.name != "pictures" and "PIL" in f.read_text()],
    ids=lambda file: str(file.relative_to(STUDIO)),
)
def test_no_other_module_opens_pictures(file: Path) -> None:
    assert opens_pictures(file.read_text()) == []


def test_the_check_finds_what_it_must() -> None:
    assert opens_pictures("from PIL import Image as P\nwith P.open(x) as y: pass") == [2]
