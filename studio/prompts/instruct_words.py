"""The words of the instruct dialect, in the two languages of the studio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studio.errors import Language


@dataclass(frozen=True)
class Words:
    """The requests in one language."""

    writer: str
    assistant: str
    title: str
    article: str
    paragraphs: tuple[str, str]  # one, or one or two
    each: str
    sections: str
    outline: str
    places: str
    some_places: str
    caption: str
    choice: str
    letter: str
    materials: str
    edits: Mapping[str, str]


WORDS: Mapping[Language, Words] = {
    "en": Words(
        writer="You write for an illustrated magazine, in plain and concrete English, in whole paragraphs. You do not "
        "invent figures.",
        assistant="You answer in English, briefly and to the point. What you do not know you do not make up.",
        title="Give a short title for this article: {instruction}\nAnswer with the title only.",
        article="{instruction}\n\nWrite the text in {count} sections. Each begins with a short heading on a line of "
        "its own after two number signs, and has {paragraphs} under it{each}. No lists, no closing remarks.",
        paragraphs=("one paragraph", "one or two paragraphs"),
        each=", about {length} words",
        sections="{instruction}\n\nThe article has these sections:\n{outline}\nWrite them one after another, each one "
        "or two paragraphs, without repeating what was said. No lists.",
        outline="Which {count} headings would this article have: {instruction}\nOne short heading a line, numbered, "
        "nothing else.",
        places="After which {count} paragraphs would a picture help most? Answer with their numbers as a JSON list.",
        some_places="After which paragraphs would a picture help most? Answer with one to four of their numbers as a "
        "JSON list.",
        caption="What should the picture after paragraph {place} show? Answer with one short line: things and places "
        "that a camera can see.",
        choice="These pictures are there:\n{pictures}\nWhich one fits the last paragraph best? Answer with its letter.",
        letter="The best one is ",
        materials="{instruction}\n\nUse these notes, and add no other facts:\n{materials}",
        edits={
            "rewrite": "Rewrite this paragraph in other words{wish}. Answer with the paragraph only.\n\n{paragraph}",
            "expand": "Rewrite this paragraph with more detail{wish}. Answer with the paragraph only.\n\n{paragraph}",
            "shorten": "Say this in one or two sentences{wish}. Answer with them only.\n\n{paragraph}",
            "insert": "Write one paragraph that stands between these two{wish}. Answer with the new paragraph only.\n\n"
            "Before: {paragraph}\n\nAfter: {after}",
        },
    ),
    "zh": Words(
        writer="你为一本图文杂志写稿，用简体中文，语言自然具体，段落完整，不编造数字。",
        assistant="你用简体中文回答，简短、切题，不知道的不要编造。",
        title="给这篇文章起一个简短的标题：{instruction}\n只回答标题。",
        article="{instruction}\n\n正文分成{count}节，每节先用一行“##”写出简短的小标题，下面写{paragraphs}{each}。不要列表，不要结语。",
        paragraphs=("一段完整的文字", "一两段完整的文字"),
        each="（约{length}字）",
        sections="{instruction}\n\n文章分为以下几节：\n{outline}\n请依次写出每一节，每节一两段完整的文字，不要重复前面的内容，"
        "不要列表。",
        outline="这篇文章应该有哪{count}个小标题：{instruction}\n每行一个简短的小标题，加编号，不要其他内容。",
        places="在哪{count}段后面最适合放图片？用 JSON 列表回答段落的编号。",
        some_places="在哪些段落后面最适合放图片？用 JSON 列表回答一到四个段落的编号。",
        caption="第{place}段后面的图片应该拍什么？只用一行短语回答，写相机能拍到的事物和地点。",
        choice="现有这些图片：\n{pictures}\n哪一张最适合最后一段？只回答字母。",
        letter="最合适的是",
        materials="{instruction}\n\n根据以下素材写，不要添加其他事实：\n{materials}",
        edits={
            "rewrite": "换一种说法改写下面的段落{wish}。只回答改写后的段落。\n\n{paragraph}",
            "expand": "扩写下面的段落，增加细节{wish}。只回答扩写后的段落。\n\n{paragraph}",
            "shorten": "用一两句话概括下面的段落{wish}。只回答概括后的文字。\n\n{paragraph}",
            "insert": "在下面两段之间写一段过渡的文字{wish}。只回答新的一段。\n\n"
            "前一段：{paragraph}\n\n后一段：{after}",
        },
    ),
}
