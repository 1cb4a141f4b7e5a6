"""Edits that a model was not trained on, asked for in plain words: of a part of a text, a translation, a wish; and what
of a reply stands in the place of the part."""

from __future__ import annotations

import re

from studio.language import language_of

Around = tuple[str, str]  # what stands before and after words that are a part of a text
NOTHING: Around = ("", "")

_DO = {
    "rewrite": ("Rewrite {this} in other words", "改写{this}"),
    "expand": ("Write {this} with more detail", "扩写{this}"),
    "shorten": ("Shorten {this}", "缩写{this}"),
    "translate": ("Translate {this} into Chinese", "把{this}翻译成英文"),
    "ask": ("Change {this} as asked for", "按要求修改{this}"),
}
_CAPITALISED = frozenset(
    "a an the and or but of in on at to for from with by as into it its their his her our my this that there".split()
)
_PHRASE = 4  # characters
_STOPS = ".。!！?？"
_EN = "{context}{do}:\n{words}\n{wish}Answer with the new words alone."
_ZH = "{context}请{do}：\n{words}\n{wish}只写出修改后的文字，不要写别的。"


def in_plain_words(kind: str, words: str, instruction: str, around: Around = NOTHING) -> str:
    """The request for an edit of `words`, in their language. A translation is into the other one."""
    chinese, whole = language_of(words) == "zh", not any(around)
    before, after = around
    if chinese:
        context = "" if whole else f"文段：\n{before}{words}{after}\n\n"
        this, wish = "下面这段文字" if whole else "其中的这几个字", f"要求：{instruction}\n" if instruction else ""
    else:
        context = "" if whole else f"Here is a passage:\n{before}{words}{after}\n\n"
        this, wish = "this text" if whole else "only these words of it", f"Wish: {instruction}\n" if instruction else ""
    form = _ZH if chinese else _EN
    return form.format(context=context, do=_DO[kind][chinese].format(this=this), words=words, wish=wish)


def words_of(reply: str, old: str, around: Around) -> str:
    """The words for the place of `old`: without what a model repeats of what is around it, the quotation marks that it
    puts there, and in the middle of a sentence without a capital and a full stop."""
    text, (before, after) = reply.strip(), around
    if not (before.strip() or after.strip()):
        return text
    for repeated in (before.strip(), _last_sentence(before)):
        if repeated and text.startswith(repeated) and not _cuts_a_word(repeated, text[len(repeated) :]):
            text = text[len(repeated) :].strip()
    if (repeated := after.strip()) and text.endswith(repeated) and not _cuts_a_word(text[: -len(repeated)], repeated):
        text = text[: -len(repeated)].strip()
    for opening, closing in ('""', "“”", "「」", "**"):
        if text[:1] == opening and text[-1:] == closing and len(text) > 2 and old[:1] != opening:
            text = text[1:-1].strip()
    old = old.strip("*_`~ ")
    goes_on = bool(after.strip()) and old[-1:] not in _STOPS
    if goes_on and text[-1:] in _STOPS and text[-1:]:
        text = text[:-1].rstrip()
    first = text.partition(" ")[0]
    if old[:1].islower() and first.istitle() and first.lower() in _CAPITALISED:  # any other may be a name
        text = text[0].lower() + text[1:]
    return text


def _cuts_a_word(before: str, after: str) -> bool:
    """Whether a text would be cut inside a word; in Chinese, where nothing tells, a few characters may be one."""
    ends, begins = before[-1:], after[:1]
    if ends.isascii() or begins.isascii():
        return ends.isalnum() and begins.isalnum()
    return min(len(before), len(after)) < _PHRASE


def _last_sentence(text: str) -> str:
    return re.split(r"[.!?。！？\n]", text)[-1].strip()
