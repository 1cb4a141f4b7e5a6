"""Nothing names a document that whoever clones this repository does not have."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = re.compile(
    r"(?<![\w.-])[A-Z][A-Z0-9_-]+\.md\b"
)  # as such documents are called; `article.md` is what exports make
EXAMPLES = {"FILE.md", "NAME.md"}


def test_every_document_that_is_named_is_here() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    files = [ROOT / name for name in listed if name.endswith((".py", ".md", ".js", ".css", ".toml", ".ts"))]
    here = {Path(name).name for name in listed}
    missing = {
        f"{file.relative_to(ROOT)} names {name}"
        for file in files
        if file.is_file()
        for name in DOCUMENT.findall(file.read_text(encoding="utf-8"))
        if name not in here | EXAMPLES
    }
    assert not missing
