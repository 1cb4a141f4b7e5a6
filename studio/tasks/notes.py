"""Sentences that an article keeps: why a place stayed empty, what was left out, which step was done in another way."""

from __future__ import annotations

from studio.documents.article import Article
from studio.errors import StudioError
from studio.language import language_of

# key: (English, Chinese)
_NOTES: dict[str, tuple[str, str]] = {
    # at a place
    "none_left": ("No picture here: the library has no other picture left.", "此处没有配图：图库里没有其他图片了。"),
    "not_found": ("No picture here yet. {why}", "此处暂时没有配图。{why}"),
    # of the article
    "materials_cut": (
        "The materials are too long for {model}: it was given the first {kept:,} of {whole:,} characters.",
        "素材太长，{model} 只读了前 {kept:,} 个字符（共 {whole:,} 个）。",
    ),
    "pictures_cut": (
        "{model} was shown the first {kept} of {whole} own pictures while writing; all of them can be placed.",
        "写作时 {model} 只看了前 {kept} 张自己的图片（共 {whole} 张），配图时全部可用。",
    ),
    "room_small": (
        "What the article is written from leaves {model} room for {room:,} tokens of text only. Shorten it for more.",
        "写作依据太长，{model} 只剩 {room:,} 个 token 的篇幅。请缩短写作要求。",
    ),
    "looking_failed": ("Own pictures were matched by their names. {why}", "自己的图片是按文件名匹配的。{why}"),
    "source_failed": (
        "A source of pictures was passed over. {why}",
        "有一个图片来源没有用上。{why}",
    ),
    "placing_failed": (
        "The places for pictures were chosen without the model. {why}",
        "配图位置不是由模型选的。{why}",
    ),
    "captioning_failed": (
        "Captions that the model did not write come from the library. {why}",
        "部分图题没有由模型写成，用的是图库里的说明。{why}",
    ),
    "choosing_failed": (
        "Where the model did not choose, the nearest picture in meaning stands. {why}",
        "部分图片没有由模型选择，用的是含义最接近的图片。{why}",
    ),
}


def note(key: str, article: Article, **facts: object) -> str:
    """A sentence in the article's language. A `why` that is an error is said in it, too."""
    language = language_of(f"{article.brief.subject} {article.markdown}")
    spoken = {name: fact.say(language) if isinstance(fact, StudioError) else fact for name, fact in facts.items()}
    return _NOTES[key][language == "zh"].format(**spoken)


def with_failure(article: Article, key: str, error: StudioError | None) -> Article:
    """The article with a note of what failed, if something did."""
    return article.with_note(note(key, article, why=error)) if error else article
