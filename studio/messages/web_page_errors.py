"""What people see when a web page cannot be made, changed or found."""

from __future__ import annotations

# key: (English, Chinese)
SENTENCES: dict[str, tuple[str, str]] = {
    "page_of_one_thing": (
        "A web page is made from one thing: an instruction, a résumé or a screenshot. Give one of them.",
        "网页只能由一种内容生成：文字要求、简历或截图，请给出其中一种。",
    ),
    "web_page_missing": (
        "That web page is not here (number {id}); open one from the list of pages.",
        "没有这个网页（编号 {id}），请从网页列表里打开。",
    ),
    "web_page_busy": (
        "This web page is being written just now. Wait until it is done, or press Stop.",
        "这个网页正在生成，请等它完成，或先按“停止”。",
    ),
    "page_empty": (
        "There is nothing to make a page of yet: say in a sentence what it should show.",
        "还没有内容：请用一句话说明网页要展示什么。",
    ),
    "resume_empty": (
        "There is no résumé yet: paste it, or choose its file.",
        "还没有简历：请粘贴内容，或选择文件。",
    ),
    "page_without_screenshot": (
        "There is no screenshot yet: choose the picture that the page should look like.",
        "还没有截图：请选择网页要仿照的图片。",
    ),
    "page_request_too_long": (
        "The text has {length:,} characters; at most {limit:,} fit. Please shorten it.",
        "文字有 {length:,} 个字符，最多 {limit:,} 个，请缩短后再试。",
    ),
    "page_wish_empty": (
        "Say in a sentence what should change in the page.",
        "请用一句话说明网页要改什么。",
    ),
    "page_source_empty": (
        "The source of the page is empty: type some HTML, or undo.",
        "网页源代码是空的：请输入 HTML，或撤销。",
    ),
    "page_source_too_long": (
        "The source has {length:,} characters; at most {limit:,} fit. Please shorten it.",
        "源代码有 {length:,} 个字符，最多 {limit:,} 个，请缩短后再试。",
    ),
}
