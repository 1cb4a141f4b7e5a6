"""What Python hands to the page's scripts, as types. `studio/ui/static/types.d.ts` has an interface of the same name
for each, with the same fields; a test compares them."""

from __future__ import annotations

from typing import NotRequired, TypedDict, final

from studio.documents.passages import WordChange


class Failure(TypedDict):
    """A server function's answer in place of what was asked for: one sentence for the person."""

    error: str


class Example(TypedDict):
    """A card of an empty Write, Chat or Table; `pictures` are URLs."""

    en: str
    zh: str
    pictures: list[str]


class PageFacts(TypedDict):
    """`window.studio`: words in English and Chinese, icons as SVG, the bytes an upload may have, export formats."""

    words: dict[str, tuple[str, str]]
    icons: dict[str, str]
    upload: int
    formats: list[str]


class Banner(TypedDict):
    """What people must know of the model: a word's key, and "wrong" where it is a warning."""

    banner: str
    kind: str


class NumberField(TypedDict):
    """A number that may be set; `digits` after the point, 0 for whole ones."""

    id: str
    name: str
    digits: int
    low: float
    high: float
    initial: float | None


class PictureFile(TypedDict):
    """A picture that the browser has uploaded for an article."""

    path: str
    name: str


class QuestionEdit(TypedDict):
    """A sent question that is to be edited; `asked` (seconds) makes the same one a new value."""

    turn: int
    question: str
    asked: float


class SentForm(TypedDict):
    """A form whose drafts are sent; `at` (seconds) makes the same one a new value."""

    form: str
    at: float


class ChatLine(TypedDict):
    """The number of the conversation that is shown, 0 as long as it has none; `begun` (seconds) tells answers apart."""

    conversation: int
    begun: float


class Room(TypedDict):
    """Tokens: of one picture, of the model's context. Empty as long as no model that sees is loaded."""

    image: NotRequired[int]
    context: NotRequired[int]


# The article


class Candidate(TypedDict):
    """A picture that could be shown at a section."""

    key: str
    url: str
    title: str


class Section(TypedDict):
    """A paragraph or heading and its picture; `picture` is a URL, "" where there is none."""

    id: str
    html: str
    markdown: str
    note: str
    picture: str
    width: int
    height: int
    caption: str
    credit: str
    candidates: list[Candidate]


@final
class UnchangedSection(TypedDict):
    """A section that the page has already."""

    id: str


class Step(TypedDict):
    """A step of writing; `state` is "done", "current" or "waiting"."""

    state: str
    name: str


class Proposal(TypedDict):
    """What a model suggests, as it grows: `text` beside a section, or `changes` from that section on."""

    section: str
    edit: str
    text: str
    changes: list[WordChange]
    ended: bool


class ArticleDocument(TypedDict):
    """An article as the page shows it; id 0 is no article yet. One that is to be opened has an `opening`, another each
    time: Gradio sends the last document of an event twice, and what was closed in between is not opened again."""

    id: int
    opening: str
    title: str
    titleHtml: str
    sections: list[Section | UnchangedSection]
    steps: list[Step]
    said: str
    warns: bool
    busy: bool
    more: bool
    empty: int
    notes: list[str]
    undo: bool
    redo: bool
    proposal: Proposal | None


class Edited(TypedDict):
    """An edit's answer: the article afterwards."""

    doc: ArticleDocument


class Found(TypedDict):
    """Pictures for some words."""

    found: list[Candidate]


class Exported(TypedDict):
    """A file that can be fetched."""

    url: str
    name: str


# The table


class TableCell(TypedDict):
    """An answer; `state` is how it ended, "open" or "current"."""

    text: str
    remark: str
    state: str


class TableRow(TypedDict):
    """A picture and its answers; `picture` and `small` are URLs."""

    number: int
    picture: str
    small: str
    name: str
    cells: list[TableCell]


@final
class UnchangedRow(TypedDict):
    """A row that the page has already."""

    number: int


class TableView(TypedDict):
    """A table as the page shows it: `number` of `of` answers are there; id 0 is no table yet."""

    id: int
    running: bool
    number: int
    of: int
    said: str
    wrong: bool
    questions: list[str]
    rows: list[TableRow | UnchangedRow]
    skipped: list[str]
    notes: list[str]


# The shelves


class HistoryCard(TypedDict):
    """An article, with its status, or a conversation, with likes; `changed` is ISO 8601, `small` a URL."""

    type: str
    id: int
    title: str
    changed: str
    small: str
    deleted: bool
    status: NotRequired[str]
    liked: NotRequired[int]


class LibraryCard(TypedDict):
    """A picture of the library; `own` where this person may change it."""

    key: str
    title: str
    caption: str
    picture: str
    small: str
    own: bool


class Cards(TypedDict):
    """A page of a shelf: HistoryCards or LibraryCards, and whether there are more."""

    items: list[HistoryCard] | list[LibraryCard]
    more: bool


class Version(TypedDict):
    """A version of an article; `created` is ISO 8601."""

    number: int
    created: str
    reason: str
    current: bool


class Versions(TypedDict):
    """All versions, the newest first."""

    versions: list[Version]


class Comparison(TypedDict):
    """The Markdown of two versions."""

    before: str
    after: str


# Talk


class PersonaCard(TypedDict):
    """A persona: the key that it is named by, URLs of its picture, its first line. `missing` is the command that gets
    its own model, "" where that is here or it has none."""

    key: str
    name: str
    picture: str
    about: str
    greeting: str
    openers: list[str]
    own: bool
    model: str
    missing: str


class PersonaForm(TypedDict):
    """A persona as it is edited; an example a line, `examples` joined."""

    key: str
    name: str
    system: str
    greeting: str
    examples: str
    model: str
    sampling: dict[str, float]
    picture: str


class TalkTool(TypedDict):
    """A tool that may be switched on; `why` says why it cannot be, "" where it can. `about` is what it does."""

    name: str
    label: str
    about: str
    why: str


class TalkTable(TypedDict):
    """A table that a tool made, as text."""

    columns: list[str]
    rows: list[list[str]]
    left: int


class TalkStep(TypedDict):
    """A call of a tool: what was asked of it and what came of it; `pictures` are URLs, `files` names."""

    tool: str
    thought: str
    asked: str
    status: str
    result: str
    pictures: list[str]
    tables: list[TalkTable]
    files: list[str]
    seconds: float


class TalkTurn(TypedDict):
    """A question and its answer: `html` to be shown, `answer` to be copied, version `place` of `of`, `seen` the number
    of the prompt that it was written from."""

    number: int
    question: str
    pictures: list[str]
    html: str
    answer: str
    finish: str
    place: int
    of: int
    liked: bool | None
    model: str
    seen: int
    unread: int
    files: list[str]
    steps: list[TalkStep]


class UnchangedTurn(TypedDict):
    """A turn that the page has already."""

    number: int


class TalkView(TypedDict):
    """A conversation as it stands; `said` is how it goes on, `more`: the last answer can be continued."""

    id: int
    title: str
    persona: PersonaCard | None
    turns: list[TalkTurn | UnchangedTurn]
    running: bool
    said: str
    more: bool
    sees: bool
    tools: list[str]
    confirm: list[str]
    asked: float


class TalkRow(TypedDict):
    """A conversation in the list."""

    id: int
    title: str
    changed: str


class TalkLists(TypedDict):
    """What stands beside a conversation."""

    rows: list[TalkRow]
    personas: list[PersonaCard]
    tools: list[TalkTool]


class PromptStep(TypedDict):
    """One prompt of an article: its number, and what it was for."""

    number: int
    name: str


class ArticlePrompts(TypedDict):
    """The prompts of an article, in the order in which they were sent."""

    steps: list[PromptStep]


class SeenPrompt(TypedDict):
    """What a model saw: the whole text, and its token ids, null for each picture; null where no model is loaded."""

    model: str
    text: str
    ids: list[int | None] | None


# Web page


class WebPageView(TypedDict):
    """A web page as it stands. The source is what the page has already up to `at`, then `source`; `frame` is the URL
    that shows it, "" as long as there is nothing; `said` is how it goes on or ended."""

    id: int
    version: int
    title: str
    kind: str
    text: str
    wish: str
    at: int
    source: str
    running: bool
    said: str
    wrong: bool
    undo: bool
    redo: bool
    frame: str
    shown: float


class WebPageRow(TypedDict):
    """A web page in the list."""

    id: int
    title: str
    changed: str


class WebPageList(TypedDict):
    """A person's pages, and the name of the model where it cannot make any, else ""."""

    rows: list[WebPageRow]
    cannot: str


class ReadText(TypedDict):
    """The text of a file."""

    text: str


# About


class ModelFacts(TypedDict):
    """A model that is loaded; `context` in tokens."""

    role: str
    name: str
    context: int
    languages: list[str]


class Amount(TypedDict):
    """Memory of something, ready to be read."""

    name: str
    size: str


class PublishedModel(TypedDict):
    """A published model, and its folder on this machine, "" where it is not. Of one that is not whole, `present` of
    `wanted` files are there; else both are 0."""

    name: str
    folder: str
    present: int
    wanted: int


class DownloadData(TypedDict):
    """A download: `state` running, done, stopped or failed; bytes, bytes a second, seconds left (None: not known)."""

    state: str
    done: int
    total: int
    speed: float
    left: float | None
    error: str


class ManagedModelData(TypedDict):
    """A model of the catalogue, see `studio.tasks.model_manager.ManagedModel`."""

    name: str
    roles: list[str]
    size: int
    memory: int
    licence: str
    presence: str
    removable: bool
    running: bool
    suggested: bool
    sources: list[str]
    download: DownloadData | None


class ModelList(TypedDict):
    """The models, whether the reader may change anything, how the worker stands, and the line at the top."""

    models: list[ManagedModelData]
    manages: bool
    state: str
    error: str
    banner: Banner


class Report(TypedDict):
    """What About shows."""

    models: list[ModelFacts]
    state: str
    waiting: int
    restarts: int
    memory: list[Amount]
    gpus: list[Amount]
    found: list[PublishedModel]
    pictures: int
    data: str
    port: int
    version: str
