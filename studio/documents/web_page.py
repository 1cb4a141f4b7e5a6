"""A web page that is kept: what it was made from, and its source as it is in one version. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from studio.documents.article import Picture
from studio.errors import InputError

MAX_REQUEST = 100_000  # characters of an instruction or a résumé
MAX_WISH = 4_000
MAX_SOURCE = 500_000
MAX_OWN = 24  # pictures

Kind = Literal["instruction", "resume", "screenshot"]
Status = Literal["writing", "done", "stopped", "failed"]
KINDS: tuple[Kind, ...] = ("instruction", "resume", "screenshot")


@dataclass(frozen=True)
class WebPage:
    """One version of a page. `pictures` has for each picture that the source wants the key of the one that is shown, ""
    for none; `wish` is the change that made this version, "" for a whole page and for what was typed; `cut`: the model
    ended at its limit; `error` is the sentence of a failure. `id` and `version` are the store's numbers, 0 until it is
    saved."""

    kind: Kind = "instruction"
    text: str = ""
    screenshot: str = ""  # the key of its picture
    own: tuple[Picture, ...] = ()  # pictures that the person wants in it
    source: str = ""
    pictures: tuple[str, ...] = ()
    wish: str = ""
    title: str = ""
    status: Status = "done"
    cut: bool = False
    error: str = ""
    id: int = field(default=0, compare=False)
    version: int = field(default=0, compare=False)

    def check(self) -> WebPage:
        """It, if a page can be made from that. Raises InputError."""
        if self.kind == "screenshot" and not self.screenshot:
            raise InputError("page_without_screenshot")
        if self.kind != "screenshot" and not self.text.strip():
            raise InputError("page_empty" if self.kind == "instruction" else "resume_empty")
        if len(self.text) > MAX_REQUEST:
            raise InputError("page_request_too_long", length=len(self.text), limit=MAX_REQUEST)
        if len(self.own) > MAX_OWN:
            raise InputError("too_many_pictures", count=len(self.own), limit=MAX_OWN)
        return self


def check_source(source: str) -> str:
    """A source that a person typed. Raises InputError."""
    if not source.strip():
        raise InputError("page_source_empty")
    if len(source) > MAX_SOURCE:
        raise InputError("page_source_too_long", length=len(source), limit=MAX_SOURCE)
    return source


def check_wish(wish: str) -> str:
    """A change that a person asks for. Raises InputError."""
    if not wish.strip():
        raise InputError("page_wish_empty")
    if len(wish) > MAX_WISH:
        raise InputError("page_request_too_long", length=len(wish), limit=MAX_WISH)
    return wish.strip()


def to_dict(page: WebPage) -> dict[str, Any]:
    """As plain data, without the store's numbers."""
    return {name: value for name, value in asdict(page).items() if name not in ("id", "version")}


def from_dict(data: Mapping[str, Any], id: int, version: int) -> WebPage:
    """Back from plain data."""
    own = tuple(Picture(**picture) for picture in data["own"])
    return WebPage(**{**data, "own": own, "pictures": tuple(data["pictures"])}, id=id, version=version)
