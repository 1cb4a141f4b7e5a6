"""An article and the edits one can make to it. Pure data: every edit returns a new article.

An article is a title and a list of sections. A section is one block of Markdown (a paragraph, a heading, a list) with
at most one illustration after it. Sections keep their `id` through edits, so that a page can hold a selection or an
unsaved draft while the article changes around it.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from studio import sampling
from studio.errors import InputError, NotFoundError
from studio.markdown import is_heading

MAX_IMAGES = 15
MAX_INSTRUCTION = 20_000  # characters
MAX_TITLE = 200
MAX_MATERIALS = 100_000  # every version of an article keeps them
Status = Literal["writing", "illustrating", "done", "stopped", "cut", "failed"]


@dataclass(frozen=True)
class Picture:
    """A stored picture as an article shows it: `key` is the sha256 of its file."""

    key: str
    title: str = ""
    credit: str = ""  # where it comes from: "Starter set", a file name


@dataclass(frozen=True)
class Illustration:
    """A picture in its place, with its caption and the other pictures that were candidates for it."""

    picture: Picture
    caption: str
    candidates: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Section:
    """One block of Markdown, perhaps illustrated. `note` says why a chosen place stays without a picture."""

    text: str
    illustration: Illustration | None = None
    note: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def is_heading(self) -> bool:
        """True for a Markdown heading, which can have no picture after it."""
        return is_heading(self.text)

    @property
    def has_room(self) -> bool:
        """True where a picture can be put after words."""
        return bool(self.text) and not self.illustration and not self.is_heading


@dataclass(frozen=True)
class Brief:
    """What a person asked for: an instruction, or a title (not None) and perhaps materials to write from. `images` None
    leaves the number to the model; `pictures` are own ones, used first. An indented line of the outline is a heading of
    the second level."""

    instruction: str = ""
    outline: tuple[str, ...] = ()
    images: int | None = None
    pictures: tuple[Picture, ...] = ()
    seed: int = sampling.SEED  # from here to `beams`: the fields of `studio.sampling` that writing offers
    max_tokens: int | None = None
    temperature: float | None = None  # None: what suits the model
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    beams: int | None = None
    title: str | None = None
    materials: str = ""
    own_text: bool = False  # nothing is written: the words are a person's own, and `title` is what they are known by

    @property
    def subject(self) -> str:
        """What the article is about: the title where one is given, else the instruction."""
        return self.instruction if self.title is None else self.title

    def check(self) -> Brief:
        """This brief with surrounding blanks removed. Raises InputError with the reason when it cannot be written."""
        brief = self if self.own_text else self._check_subject()
        if self.images is not None and not 0 <= self.images <= MAX_IMAGES:
            raise InputError("images_out_of_range", count=self.images, limit=MAX_IMAGES)
        if len(self.pictures) > MAX_IMAGES:
            raise InputError("too_many_pictures", count=len(self.pictures), limit=MAX_IMAGES)
        headings = tuple(line for line in map(_heading, self.outline) if line.strip())
        if self.outline and not headings:
            raise InputError("outline_blank")
        if (size := sum(map(len, headings))) > MAX_INSTRUCTION:
            raise InputError("outline_too_long", length=size, limit=MAX_INSTRUCTION)
        sampling.check("writing", vars(self))
        return replace(brief, outline=headings)

    def _check_subject(self) -> Brief:
        instruction, materials = self.instruction.strip(), self.materials.strip()
        title = None if self.title is None else " ".join(_printable(self.title).split())
        if title is None and not materials:
            if not instruction:
                raise InputError("instruction_empty")
            if len(instruction) > MAX_INSTRUCTION:
                raise InputError("instruction_too_long", length=len(instruction), limit=MAX_INSTRUCTION)
        elif not title:
            raise InputError("article_title_empty")
        elif instruction:
            raise InputError("instruction_and_title")
        elif len(title) > MAX_TITLE:
            raise InputError("article_title_too_long", length=len(title), limit=MAX_TITLE)
        elif len(materials) > MAX_MATERIALS:
            raise InputError("materials_too_long", length=len(materials), limit=MAX_MATERIALS)
        return replace(self, instruction=instruction, title=title, materials=materials)


@dataclass(frozen=True)
class Article:
    """An article. `id` is its number in the store, 0 until it is saved; `model` the name of the model that wrote it;
    `interrupted` that not a person but the end of the studio stopped it."""

    brief: Brief
    title: str = ""
    sections: tuple[Section, ...] = ()
    status: Status = "writing"
    model: str = ""
    error: str = ""  # the sentence people saw, when status is "failed"
    notes: tuple[str, ...] = ()  # sentences: what was left out or done otherwise than asked for
    id: int = 0
    interrupted: bool = False

    @property
    def markdown(self) -> str:
        """The words alone as Markdown: title, then the sections, a blank line between."""
        return "\n\n".join(([f"# {self.title}"] if self.title else []) + [s.text for s in self.sections])

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures shown, in order."""
        return tuple(s.illustration.picture for s in self.sections if s.illustration)

    def section(self, id: str) -> Section:
        """The section of that id. Raises NotFoundError."""
        return self.sections[self.index(id)]

    def index(self, id: str) -> int:
        """The place of the section of that id. Raises NotFoundError."""
        for i, section in enumerate(self.sections):
            if section.id == id:
                return i
        raise NotFoundError("section_missing")

    def edit(self, id: str, **changes: Any) -> Article:
        """With fields of one section changed (`text`, `illustration`, `note`)."""
        i = self.index(id)
        return self._with(i, i + 1, (replace(self.sections[i], **changes),))

    def insert(self, at: int, *sections: Section) -> Article:
        """With sections put in before position `at`."""
        return self._with(at, at, sections)

    def remove(self, id: str) -> Article:
        """Without that section."""
        i = self.index(id)
        return self._with(i, i + 1, ())

    def move(self, id: str, to: int) -> Article:
        """With that section at position `to` of the result; beyond the ends means the end."""
        i = self.index(id)
        rest = self.sections[:i] + self.sections[i + 1 :]
        to = max(0, min(to, len(rest)))
        return replace(self, sections=rest[:to] + (self.sections[i],) + rest[to:])

    def with_note(self, note: str) -> Article:
        """With a sentence among its notes, once."""
        return self if not note or note in self.notes else replace(self, notes=(*self.notes, note))

    @property
    def empty_places(self) -> tuple[int, ...]:
        """The places that were chosen for a picture and have none; their notes say why."""
        return tuple(i for i, s in enumerate(self.sections) if s.note and not s.illustration)

    def _with(self, start: int, stop: int, sections: tuple[Section, ...]) -> Article:
        return replace(self, sections=self.sections[:start] + sections + self.sections[stop:])


def _printable(text: str) -> str:
    """Without control characters; what joins an emoji stays."""
    return "".join(c for c in text if c.isspace() or unicodedata.category(c) != "Cc")


def _heading(line: str) -> str:
    """A line of an outline without its signs; two blanks in front where it was indented or had more than two #."""
    deep = line.startswith(("  ", "\t", "###"))
    words = " ".join(line.split()).lstrip("# ")
    return f"  {words}" if deep and words else words


def to_dict(article: Article) -> dict[str, Any]:
    """As plain JSON data."""
    return asdict(article)


def from_dict(data: Mapping[str, Any]) -> Article:
    """Back from `to_dict`. Fields that are missing take their defaults, so that old versions stay readable."""

    def picture(d: Mapping[str, Any]) -> Picture:
        return Picture(**d)

    def section(d: Mapping[str, Any]) -> Section:
        shown = d.get("illustration")
        illustration = shown and Illustration(
            picture(shown["picture"]), shown["caption"], tuple(map(picture, shown.get("candidates", ())))
        )
        return Section(**{**d, "illustration": illustration})

    brief = data["brief"]
    return Article(
        **{
            **data,
            "brief": Brief(
                **{
                    **brief,
                    "outline": tuple(brief.get("outline", ())),
                    "pictures": tuple(map(picture, brief.get("pictures", ()))),
                }
            ),
            "sections": tuple(map(section, data.get("sections", ()))),
            "notes": tuple(data.get("notes", ())),
        }
    )
