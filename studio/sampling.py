"""The numbers that a person may set for a text, a field an entry of `FIELDS`.

From an entry come the number in the page's forms with its words, the limits wherever the value comes from, the flag of
the command line and the line in an export's About. The engine reads the field of the same name of `protocol.Sampling`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from studio.errors import InputError

SEED = 8909
Task = Literal["writing", "chat", "talk"]
Words: TypeAlias = tuple[str, str]  # English, Chinese


@dataclass(frozen=True)
class Offer:
    """How one task offers a field: the id of its element, also the key of its words, and its place in the form.
    `low` and `label` where they are not the field's own; `initial`: None leaves the number to the model."""

    id: str
    rank: int
    low: float | None = None
    label: Words | None = None
    initial: float | None = None


@dataclass(frozen=True)
class SamplingField:
    """A number with its limits, both included. `digits` after the point: 0 means an int. A task without an offer does
    not let people set it; one that `writing` offers is also a field of `documents.article.Brief`, which keeps it."""

    name: str
    digits: int
    low: float
    high: float
    label: Words
    help: str  # of the flag
    writing: Offer | None = None
    chat: Offer | None = None
    talk: Offer | None = None
    meaning: Words = ("", "")  # what it does, in one sentence

    def offer(self, task: Task) -> Offer | None:
        """How a task offers it."""
        return {"writing": self.writing, "chat": self.chat, "talk": self.talk}[task]

    def lowest(self, task: Task) -> float:
        """The lower limit in a task."""
        offer = self.offer(task)
        return self.low if offer is None or offer.low is None else offer.low

    def check(self, task: Task, value: Any) -> float | int:
        """The number as an int or a float; what comes in may be anything. Raises InputError with the limits."""
        low = self.lowest(task)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= self.high:
            raise InputError("number_out_of_range", name=self.name, value=value, low=low, high=self.high)
        return float(value) if self.digits else int(value)


FIELDS: tuple[SamplingField, ...] = (
    SamplingField(
        "max_tokens",
        0,
        1,
        4096,
        ("Length limit (tokens)", "长度上限（token）"),
        "Longest text, in tokens",
        writing=Offer("length", 10, low=16, label=("Longest text (tokens)", "最长长度（token）")),
        chat=Offer("answer_length", 10, label=("Longest answer (tokens)", "最长回答（token）")),
        talk=Offer("talk_length", 10, label=("Longest answer (tokens)", "最长回答（token）")),
        meaning=(
            "The answer ends here at the latest; a token is about three quarters of an English word.",
            "回答最长到此为止；一个 token 约等于一到两个汉字。",
        ),
    ),
    SamplingField(
        "temperature",
        2,
        0,
        2,
        ("Temperature", "温度"),
        "Randomness; 0 always takes the likeliest token",
        writing=Offer("temperature", 20),
        chat=Offer("chat_temperature", 20),
        talk=Offer("talk_temperature", 20),
        meaning=(
            "How freely the next word is chosen: 0 always takes the likeliest, higher values surprise more.",
            "选词的自由程度：0 总取最可能的词，数值越高越出人意料。",
        ),
    ),
    SamplingField(
        "top_p",
        2,
        0,
        1,
        ("Top-p", "Top-p"),
        "Choose among the likeliest tokens that make up this probability",
        writing=Offer("top_p", 30),
        chat=Offer("chat_top_p", 30),
        talk=Offer("talk_top_p", 30),
        meaning=(
            "Only the likeliest words are considered, as many as make up this share of the probability.",
            "只在最可能的词里选，它们的概率合计达到这个比例为止。",
        ),
    ),
    SamplingField(
        "top_k",
        0,
        0,
        1000,
        ("Top-k", "Top-k"),
        "Choose among so many of the likeliest tokens; 0 takes all",
        writing=Offer("top_k", 40),
        chat=Offer("chat_top_k", 40),
        talk=Offer("talk_top_k", 40),
        meaning=(
            "Only so many of the likeliest words are considered; 0 considers all.",
            "只在最可能的这么多个词里选；0 表示不限。",
        ),
    ),
    SamplingField(
        "repetition_penalty",
        3,
        0.5,
        2,
        ("Repetition penalty", "重复惩罚"),
        "Above 1 makes tokens that were there less likely",
        writing=Offer("repetition_penalty", 50),
        chat=Offer("chat_penalty", 50),
        talk=Offer("talk_penalty", 50),
        meaning=(
            "Above 1, words that were there already become less likely.",
            "大于 1 时，出现过的词更不容易再次出现。",
        ),
    ),
    SamplingField(
        "seed",
        0,
        0,
        2**32 - 1,
        ("Seed", "随机种子"),
        "Seed of the random numbers: the same seed gives the same text",
        writing=Offer("seed", 0, initial=SEED),
        chat=Offer("chat_seed", 60),
        talk=Offer("talk_seed", 60),
        meaning=(
            "The same seed gives the same answer to the same conversation.",
            "同一段对话用同一个种子，回答也相同。",
        ),
    ),
    SamplingField(
        "beams",
        0,
        1,
        5,
        ("Beams", "束搜索"),
        "Beams of a beam search, where the model offers them; the text then comes all at once",
        writing=Offer(
            "write_beams", 70, label=("Beams (the text then comes all at once)", "束搜索（文字会一次性出现）")
        ),
        chat=Offer("beams", 70, label=("Beams (1 to 5)", "束搜索（1 到 5）")),
    ),
    SamplingField(
        "tiles",
        0,
        0,
        55,  # as `specs.MAX_TILES`
        ("Tiles of a picture (0: as the model likes)", "图片切块数（0：由模型决定）"),
        "The most tiles that a picture is cut into by models that do so (XComposer2.5, 4KHD): more show finer detail "
        "and take more of the context; 0 leaves it to the model",
        chat=Offer("tiles", 80),
        meaning=(
            "More tiles show finer detail of a picture and take more of the context.",
            "切块越多，图片的细节看得越清楚，占用的上下文也越多。",
        ),
    ),
)


def fields_for(task: Task) -> tuple[SamplingField, ...]:
    """The fields that a task offers, in the order of its form."""
    offered = [(offer.rank, field) for field in FIELDS if (offer := field.offer(task))]
    return tuple(field for _, field in sorted(offered, key=lambda pair: pair[0]))


def check(task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are set, checked; names of no field are left out. Raises InputError with the limits."""
    return {f.name: f.check(task, value) for f in fields_for(task) if (value := values.get(f.name)) is not None}


def field_words() -> dict[str, Words]:
    """The words of all forms by their keys."""
    offers = [(field, offer) for field in FIELDS for offer in (field.writing, field.chat, field.talk) if offer]
    meanings = {f"{offer.id}_meaning": field.meaning for field, offer in offers if field.meaning[0]}
    return {offer.id: offer.label or field.label for field, offer in offers} | meanings
