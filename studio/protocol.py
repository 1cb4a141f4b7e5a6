"""What page and worker say to each other: prompts and sampling in, events out.

Plain frozen data without behaviour: it is pickled through a pipe today and could travel to another machine tomorrow. A
prompt is a sequence of segments and not a string, so that text a person typed can never turn into a control token
or an image: only `Control` becomes one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from studio.errors import StudioError

Role = str  # which job a model does: the name of an entry of `studio.roles`
Reason = Literal["stop", "length", "cancelled"]
MIN_NEW_TOKENS = 128  # tokens that a prompt must leave free in the context for new ones, or max_tokens if that is fewer


@dataclass(frozen=True)
class Text:
    """Ordinary text. Encoded so that nothing in it becomes a control token."""

    text: str


@dataclass(frozen=True)
class Control:
    """One control token of the model's vocabulary by its piece, for example `[UNUSED_TOKEN_146]` or `<|im_start|>`."""

    piece: str


@dataclass(frozen=True)
class Image:
    """A picture, as the bytes of an image file that Pillow opens. `key` is their sha256 in hex: caches go by it."""

    key: str
    data: bytes = field(repr=False)
    tiles: int = 0  # the most tiles that a model of tiles cuts it into; 0: as many as suit the model

    @property
    def cache_key(self) -> str:
        """The same for the same embeddings."""
        return f"{self.key}/{self.tiles}" if self.tiles else self.key


@dataclass(frozen=True)
class Adapter:
    """A prompt that has one is read, and continued, with the model's LoRA matrices of this name; with its own weights
    alone where it has none of the name. It takes no room in the context."""

    name: str


Segment = Text | Control | Image | Adapter
Prompt = tuple[Segment, ...]  # without the leading BOS, which the engine adds where the model has one


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens. temperature 0 is greedy; beams > 1 is beam search and ignores the sampling fields."""

    temperature: float = 1.0
    top_p: float = 0.8
    top_k: int = 40
    repetition_penalty: float = 1.005
    seed: int = 8909
    max_tokens: int = 1024
    beams: int = 1
    tiles: int = 0  # the most tiles of each picture that is asked about, see `Image`; 0: the model's choice
    stop: tuple[str, ...] = ()  # generation ends before the first of these, which is not part of the text
    grammar: str = ""  # GBNF that the text follows; an engine without grammars writes freely, so replies are parsed


@dataclass(frozen=True)
class Generate:
    """Continue `prompt`. Its last text segment may be a forced beginning of the answer; only what is new comes back.

    `repeats`: the answer will likely repeat parts of the prompt. An engine may guess ahead; the text does not change.
    `keep_controls`: control tokens that come as text, by these names, where the model writes them; others have no text.
    """

    role: Role
    prompt: Prompt
    sampling: Sampling = Sampling()
    repeats: bool = False
    keep_controls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choose:
    """Score each of `options` as the continuation of `prompt`, in one forward pass."""

    role: Role
    prompt: Prompt
    options: tuple[str, ...]


@dataclass(frozen=True)
class Describe:
    """Say what is in a picture."""

    image: Image


TEXT_EMBEDDER = "use-multilingual-3"
"""The model behind Embed. Stored vectors of another cannot be compared with its."""


@dataclass(frozen=True)
class Embed:
    """Turn texts into unit vectors whose dot product says how near in meaning they are."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Count:
    """Count the tokens of `prompts` with the model's own tokenizer. Answered at once: it waits for no other call."""

    role: Role
    prompts: tuple[Prompt, ...]


@dataclass(frozen=True)
class Encode:
    """Turn a prompt into token ids, as they would be sent. Answered at once, as Count is."""

    role: Role
    prompt: Prompt


Call = Generate | Choose | Describe | Embed | Count | Encode


@dataclass(frozen=True)
class Piece:
    """Newly written text; never half a character."""

    text: str


@dataclass(frozen=True)
class Usage:
    """What a generation cost. Times in seconds; `prompt_cached` of the `prompt_tokens` came from the prefix cache."""

    prompt_tokens: int = 0
    prompt_cached: int = 0
    new_tokens: int = 0
    first_token: float = 0.0
    total: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Decoding speed after the first token; 0 when there was too little to tell."""
        spent = self.total - self.first_token
        return (self.new_tokens - 1) / spent if self.new_tokens > 1 and spent > 0 else 0.0


@dataclass(frozen=True)
class Queued:
    """The call waits: `position` calls go first, and about `seconds` will pass (None: nothing known yet)."""

    position: int
    seconds: float | None


@dataclass(frozen=True)
class Started:
    """The call has the device now."""


@dataclass(frozen=True)
class Done:
    """A generation ended. `reason` says why; `length` means that it was cut at max_tokens."""

    reason: Reason
    usage: Usage = Usage()


@dataclass(frozen=True)
class Scores:
    """Log-probabilities of the options of a Choose, in their order."""

    values: tuple[float, ...]


@dataclass(frozen=True)
class Label:
    """A label of the image tagger and its probability, 0..1. Under 0.3 it must be worded as a guess."""

    name: str
    score: float


@dataclass(frozen=True)
class Description:
    """What the image tagger found: labels, best first, and the text that can be read in the picture."""

    labels: tuple[Label, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Vectors:
    """One unit vector per text of an Embed."""

    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Counts:
    """Tokens of each prompt of a Count, pictures and BOS included: the number that must fit into the context."""

    values: tuple[int, ...]


@dataclass(frozen=True)
class TokenIds:
    """A prompt's token ids, None for each picture, and the name of the token that begins every text ("": none)."""

    values: tuple[int | None, ...]
    bos: str = ""


@dataclass(frozen=True)
class Failed:
    """The call ended in an error."""

    error: StudioError


Event = Queued | Started | Piece | Done | Scores | Description | Vectors | Counts | TokenIds | Failed
Result = Done | Scores | Description | Vectors | Counts | TokenIds | Failed  # the events that end a call


Slot = Literal["system", "tools", "question"]


@dataclass(frozen=True)
class ToolFormat:
    """How tools stand in a conversation, as the model's own chat template has it.

    A conversation begins with `opening`, in which a slot stands for what is to be filled in, or with a system message
    with `system_opening`, None where the model takes none. The tools are listed as JSON, with `indent` and `between`
    each other, `wrapped` as {"type": "function", "function": …} or not. Then stands between

    - a question and a call `called`; a result and the next call `again`; the calls of one reply `next_call`
    - a call and its result `resulted`; the results of one reply `next_result`
    - a result and the answer `concluded`, or `ask` where it is still to be written
    - what the model says before it calls, and the call `thought`

    None: the model makes one call at a time, or says nothing before it. `mark` is what the model writes before a call,
    `call_id` the id that calls have where they need one; results are `quoted`, or stand as they are.
    """

    opening: tuple[Segment | Slot, ...]
    system_opening: tuple[Segment | Slot, ...] | None
    wrapped: bool
    indent: int | None
    between: str
    called: Prompt
    again: Prompt
    resulted: Prompt
    concluded: Prompt
    ask: Prompt
    thought: Prompt | None = None
    next_call: Prompt | None = None
    next_result: Prompt | None = None
    mark: str = ""
    call_id: str = ""
    quoted: bool = False


@dataclass(frozen=True)
class ChatFormat:
    """What stands around the messages of a conversation, as the model's own chat template has it.

    A conversation is `begin` question (`answered` answer `following` question …) `ask`; with a system message it begins
    with its two halves of `system` around that, and `system` is empty where the model takes none.
    """

    begin: Prompt
    answered: Prompt
    following: Prompt
    ask: Prompt
    system: tuple[Prompt, Prompt] | None = None
    tools: ToolFormat | None = None  # where the template knows tools, in a form that can be read from it


_START, _END = Control("<|im_start|>"), Control("<|im_end|>")
CHATML = ChatFormat(  # what most instruction models know
    begin=(_START, Text("user\n")),
    answered=(_END, Text("\n"), _START, Text("assistant\n")),
    following=(_END, Text("\n"), _START, Text("user\n")),
    ask=(_END, Text("\n"), _START, Text("assistant\n")),
    system=((_START, Text("system\n")), (_END, Text("\n"), _START, Text("user\n"))),
)


@dataclass(frozen=True)
class ModelCard:
    """What the page may know of a loaded model."""

    name: str  # "XComposer2-7B", "starter model"
    dialect: str  # which prompts it understands: xcomposer2, internlm2, instruct or starter, see studio.prompts
    languages: tuple[str, ...]  # languages it writes
    sees: bool  # takes Image segments
    context: int  # tokens
    beams: int = 1  # the most beams it offers
    note: str = ""  # a warning people must see, e.g. random weights
    image_tokens: int = 0  # tokens that a picture takes in the context; where it depends on the picture, the most
    parameters: int = 0  # weights; 0 where it is not known
    chat: ChatFormat | None = None  # how it is talked to, where its file says it
    tile_tokens: int = 0  # the most tokens of a tile, where pictures are cut into tiles
    adapters: tuple[str, ...] = ()  # the names that an `Adapter` may have

    def tokens_of(self, image: Image) -> int:
        """Tokens that a picture takes at the most: its tiles, the whole picture and a separator."""
        if not (self.tile_tokens and image.tiles):
            return self.image_tokens
        return (image.tiles + 1) * self.tile_tokens + 1
