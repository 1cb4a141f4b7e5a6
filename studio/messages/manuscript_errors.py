"""What people see when a text that they bring, or a picture in it, cannot be used."""

from __future__ import annotations

# key: (English, Chinese)
SENTENCES: dict[str, tuple[str, str]] = {
    "text_empty": ("There is no text yet: paste one, or choose a file.", "还没有正文：请粘贴文字，或选择一个文件。"),
    "own_text_too_long": (
        "The text has {length:,} characters; at most {limit:,} fit. Make several articles of it.",
        "正文有 {length:,} 个字符，最多 {limit:,} 个，请分成几篇。",
    ),
    "picture_elsewhere": (
        "The picture {name} lies on another site and was not fetched: put its file into the folder of the text.",
        "图片 {name} 在别的网站上，没有下载：请把文件放到正文所在的文件夹里。",
    ),
    "picture_outside": (
        "The picture {name} lies outside the folder of the text and was not read: copy it into that folder.",
        "图片 {name} 不在正文所在的文件夹里，没有读取：请把它复制到该文件夹。",
    ),
    "picture_not_beside": (
        "The picture {name} was not found beside the text: put it there, then do it again.",
        "正文旁边没有找到图片 {name}：请放好后重试。",
    ),
    "picture_not_along": (
        "The picture {name} did not come with the text: bring both in one zip or Word file, or add it here.",
        "图片 {name} 没有随正文一起提供：请放进同一个 zip 或 Word 文件，或在这里添加。",
    ),
    "word_old": (
        "{name} is a file of old Word (.doc): save it as .docx, then do it again.",
        "{name} 是旧版 Word 文件（.doc），请另存为 .docx 后重试。",
    ),
    "word_broken": (
        "{name} is not a Word file that can be opened: save it again as .docx, or paste its text.",
        "{name} 不是能打开的 Word 文件，请重新另存为 .docx，或直接粘贴文字。",
    ),
    "word_too_large": (
        "{name} decompresses to more than {limit} MiB of text: save it in parts.",
        "{name} 的文字部分解压后超过 {limit} MiB，请分成几个文件。",
    ),
    "zip_no_article": (
        "{name} holds no article: it needs an article.md, or one Markdown file, with its pictures.",
        "{name} 里没有文章：需要 article.md 或一个 Markdown 文件，以及它的图片。",
    ),
}
