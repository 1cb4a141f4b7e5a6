"""The prompts XComposer2 was trained on, to the character: those of the original demo
(InternLM-XComposer-2.0/examples/ of InternLM/InternLM-XComposer) and of the model repository's modeling files."""

from __future__ import annotations

from studio.language import language_of
from studio.prompts import chat_protocol
from studio.prompts.chat_protocol import merged as merged  # other dialects take it from here
from studio.prompts.messages import Message
from studio.prompts.part_edits import NOTHING, Around, in_plain_words
from studio.prompts.writing_forms import Part
from studio.protocol import Control, Image, Prompt, Sampling, Segment, Text

USER = Control("[UNUSED_TOKEN_146]")
END = Control("[UNUSED_TOKEN_145]")

SYSTEM = """You are an AI assistant whose name is InternLM-XComposer (浦语·灵笔).
- InternLM-XComposer (浦语·灵笔) is a multi-modality conversational language model that is developed by Shanghai AI \
Laboratory (上海人工智能实验室). It is designed to be helpful, honest, and harmless.
- InternLM-XComposer (浦语·灵笔) can understand and communicate fluently in the language chosen by the user such as \
English and 中文.
- InternLM-XComposer (浦语·灵笔) is capable of comprehending and articulating responses effectively based on the \
provided image.
"""

EDITS = {
    "expand": "扩写以下段落：{paragraph}\n基于以下素材：{instruction}",
    "rewrite": "改写以下段落：{paragraph}\n基于以下素材：{instruction}",
    "shorten": "缩写以下段落：{paragraph}",
    "insert": "在以下两段中插入一段。\n第一段：{paragraph}\n第二段：{after}\n插入段的大纲：{instruction}",
}

MATERIALS_ZH = "以“{title}”为题写一篇文章。\n基于以下素材：{materials}"
MATERIALS_EN = 'Write an article with the title "{title}".\nBased on the following materials: {materials}'


class XComposer2:
    """See `Dialect`."""

    writing = Sampling(temperature=1.0, top_p=0.8, top_k=40, repetition_penalty=1.005, seed=8909, max_tokens=4096)
    answering = Sampling(temperature=1.0, top_p=0.8, top_k=50, repetition_penalty=1.005, max_tokens=512)

    def title(self, instruction: str) -> Prompt | None:
        """The article brings its own."""
        return None

    def article(self, instruction: str, images: tuple[Image, ...], begin: str = "", materials: str = "") -> Prompt:
        """The reference pictures, then the instruction."""
        return _ask((*images, Text(_request(instruction, materials))), begin)

    def section(
        self,
        instruction: str,
        outline: tuple[str, ...],
        heading: str,
        before: str,
        images: tuple[Image, ...],
        materials: str = "",
    ) -> Prompt:
        """The article so far is the forced beginning of the answer; the model continues under the heading."""
        plan = "\n".join(f"{i}. {line}" for i, line in enumerate(outline, 1))
        return _ask((*images, Text(f"{_request(instruction, materials)}\n{plan}")), begin=f"{before}\n\n")

    def outline(self, instruction: str, materials: str = "") -> Prompt:
        """Not one of the trained prompts: plain words, with the first number forced."""
        return _ask((Text(f"{_request(instruction, materials)}\n请先列出这篇文章的大纲，每行一个标题。"),), begin="1.")

    def places(
        self, paragraphs: tuple[str, ...], count: int | None, images: tuple[Image, ...], first: int = 0
    ) -> Prompt:
        """The answer names `<Seg{i}>`; parse it with `replies.places`."""
        number = "" if count is None else str(count)
        question = f'给定文章"{_numbered(paragraphs, first)}" 根据上述文章，选择适合插入图像的{number}行'
        return _ask((*images, Text(question)), begin="适合插入图像的行是")

    def writing_form(self, request: str, part: Part = "words", sections: int = 0) -> str:
        """Free."""
        return ""

    def places_form(self, paragraphs: tuple[str, ...], count: int | None, first: int = 0) -> str:
        """Free."""
        return ""

    def caption(
        self, paragraphs: tuple[str, ...], place: int, past: tuple[tuple[int, str], ...], first: int = 0
    ) -> Prompt:
        """The answer ends at the next quotation mark."""
        earlier = "".join(
            f'{"现在" if i == 0 else ""}<Seg{at}>后插入图像对应的标题是"{text}"， ' for i, (at, text) in enumerate(past)
        )
        earlier = earlier[: -len("， ")] + "。" if earlier else ""
        known = _numbered(paragraphs[first : place + 2], first)
        return _ask(
            (Text(f'给定文章"{known}" {earlier}给出适合在<Seg{place}>后插入的图像对应的标题。'),), begin='标题是"'
        )

    def choice(
        self, paragraphs: tuple[str, ...], chosen: tuple[tuple[int, Image], ...], candidates: tuple[Image, ...]
    ) -> tuple[Prompt, tuple[str, ...]] | None:
        """The letter follows a colon and a space, which belongs to the letter's token."""
        shown = dict(chosen)
        segments: list[Segment] = [Text("根据给定上下文和候选图像，选择合适的配图：")]
        for i, paragraph in enumerate(paragraphs):
            segments.append(Text(paragraph + "\n"))
            if i in shown:
                segments.append(shown[i])
        segments.append(Text("候选图像包括: "))
        letters = "ABCDEFGHIJ"[: len(candidates)]
        for letter, candidate in zip(letters, candidates, strict=True):
            segments += [Text(f"{letter}."), candidate, Text("\n")]
        segments.pop()  # no line end after the last candidate
        return _ask(tuple(segments), begin="最合适的图是:"), tuple(f" {letter}" for letter in letters)

    def choice_by_captions(self, paragraphs: tuple[str, ...], captions: tuple[str, ...]) -> None:
        """By retrieval."""
        return None

    def edit(self, kind: str, paragraph: str, instruction: str, after: str = "", around: Around = NOTHING) -> Prompt:
        """One of the four trained edits, which are of whole paragraphs; all others in plain words."""
        if kind not in EDITS or any(around):
            return _ask((Text(in_plain_words(kind, paragraph, instruction, around)),))
        return _ask((Text(EDITS[kind].format(paragraph=paragraph, instruction=instruction, after=after)),))

    def chat(self, turns: tuple[tuple[str, tuple[Image, ...], str], ...], begin: str = "") -> Prompt:
        """Pictures stand right before their user turn."""
        segments: list[Segment] = [USER, Text(f"system\n{SYSTEM}"), END, Text("\n")]
        for question, images, answer in turns:
            segments += [*images, USER, Text(f"user\n{question}"), END, Text("\n"), USER, Text(f"assistant\n{answer}")]
            segments += [END, Text("\n")]
        return (*segments[:-3], Text(f"assistant\n{begin}"))

    def talk(self, messages: tuple[Message, ...], begin: str = "") -> Prompt:
        """The protocol that its language model was trained with."""
        return chat_protocol.internlm2(messages, begin)


def _ask(content: tuple[Segment, ...], begin: str = "") -> Prompt:
    """One user turn and the beginning of the answer."""
    return merged((USER, Text("user\n"), *content, END, Text("\n"), USER, Text(f"assistant\n{begin}")))


def _request(instruction: str, materials: str) -> str:
    """The instruction, or a title and materials as one. The original has no prompt for those: this is worded like its
    edits ("基于以下素材"), and in English where the title is, so that the article is, too."""
    if not materials:
        return instruction
    return (MATERIALS_ZH if language_of(instruction) == "zh" else MATERIALS_EN).format(
        title=instruction, materials=materials
    )


def _numbered(paragraphs: tuple[str, ...], first: int) -> str:
    return "".join(f"<Seg{i}> {paragraph}\n" for i, paragraph in enumerate(paragraphs, first))
