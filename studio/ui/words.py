"""Every word of the page, in both languages. `t(key)` in Python for what is computed, `i18n()` for what the page shows.

The page follows the browser's language; its switch stores a choice (see `language.js`).
"""

from __future__ import annotations

from typing import get_args

import gradio as gr

from studio.errors import Language
from studio.export import Kind, formats_for
from studio.roles import ROLES
from studio.sampling import field_words
from studio.ui.about_words import ABOUT_WORDS
from studio.ui.table_words import TABLE_WORDS
from studio.ui.talk_words import TALK_WORDS
from studio.ui.web_page_words import WEB_PAGE_WORDS

WORDS: dict[str, tuple[str, str]] = {
    **TABLE_WORDS,
    **ABOUT_WORDS,
    **TALK_WORDS,
    **WEB_PAGE_WORDS,
    # tabs and form
    "write": ("Write", "写作"),
    "chat": ("Chat", "看图问答"),
    "library": ("Library", "图库"),
    "history": ("History", "历史"),
    "about": ("About", "关于"),
    "ask_instruction": ("Instruction", "写作要求"),
    "ask_title": ("Title + materials", "标题和素材"),
    "ask_text": ("My text", "我的文章"),
    "own_text": ("Your text (Markdown is welcome)", "正文（可用 Markdown）"),
    "own_text_hint": (
        "Paste a text you have: it gets pictures with captions, and its words stay as they are.",
        "粘贴已有的文章：会配上图片和图题，文字一字不改。",
    ),
    "drop_text": (
        "Choose a Word, Markdown or text file, or a zip that was exported here",
        "选择 Word、Markdown 或文本文件，或从这里导出的 zip",
    ),
    "remove_file": ("Remove the file", "去掉文件"),
    "no_text_file": (
        "{name} is not a text that can be opened here. Word (.docx), Markdown, plain text and exported zips are.",
        "{name} 不是这里能打开的文章。支持 Word（.docx）、Markdown、纯文本和导出的 zip。",
    ),
    "start_own": ("Illustrate", "配图"),
    "reason_own_text": ("own text", "自己的文章"),
    "reason_open": ("opened", "打开文件"),
    "ask_by": ("What to start from", "写作依据"),
    "article_title": ("Title of the article", "文章标题"),
    "article_title_hint": ("The last ferry", "最后一班渡船"),
    "materials": ("Materials", "素材"),
    "materials_hint": (
        "Paste notes, facts, an interview: the article is written from them.",
        "粘贴笔记、事实或采访记录，文章会据此来写。",
    ),
    "instruction": ("What should it be about?", "想写什么？"),
    "instruction_hint": ("The tea road in autumn", "秋天的茶马古道"),
    "outline": ("Outline (optional)", "大纲（可选）"),
    "heading": ("Heading {n}", "标题 {n}"),
    "add_heading": ("Add heading", "加标题"),
    "indent": ("Indent", "缩进"),
    "drag": ("Drag to move (or Alt+↑ ↓)", "拖动排序（或 Alt+↑ ↓）"),
    "drop_pictures": ("Drop, paste or choose", "拖入、粘贴或选择"),
    "drag_picture": ("Drag to move (or Alt+← →)", "拖动排序（或 Alt+← →）"),
    "not_uploaded": (
        "The studio did not take {name}. It may be too large for the way to it: try a smaller picture.",
        "{name} 上传失败，可能是文件过大，请换一张较小的图片。",
    ),
    "not_reached": (
        "{name} was not uploaded: the studio does not answer. Is it still running?",
        "{name} 没有上传：连接不上程序，它还在运行吗？",
    ),
    "no_picture": (
        "{name} is not a picture. JPEG, PNG, WebP, GIF, BMP, TIFF and HEIC are.",
        "{name} 不是图片。支持 JPEG、PNG、WebP、GIF、BMP、TIFF 和 HEIC。",
    ),
    "empty_file": ("{name} is an empty file.", "{name} 是空文件。"),
    "too_large": (
        "{name} has {size} MiB; at most {limit} MiB are taken.",
        "{name} 有 {size} MiB，最多 {limit} MiB。",
    ),
    "most_pictures": ("{n} pictures at most; {left} were left out.", "最多 {n} 张图片，有 {left} 张没有添加。"),
    "upload_type": (
        "{name} cannot be added: choose JPEG, PNG, WebP, GIF, BMP, TIFF or HEIC pictures; in Table also a zip.",
        "{name} 不能添加：请选择 JPEG、PNG、WebP、GIF、BMP、TIFF 或 HEIC 图片，批量表格还可以用 zip。",
    ),
    "upload_large": (
        "More than {size} MB cannot be sent at once. Make the files smaller, or add them in parts.",
        "一次最多发送 {size} MB，请缩小文件或分批添加。",
    ),
    "upload_failed": (
        "The file did not arrive. See whether the studio is still running, then add it again.",
        "文件没有传到。请确认程序仍在运行，然后重新添加。",
    ),
    "upload_unkept": (
        "The studio could not keep the file, perhaps because its disk is full. Free some space, then add it again.",
        "程序无法保存这个文件，磁盘可能已满。请清理空间后重新添加。",
    ),
    "range": ("between {low} and {high}", "应在 {low} 到 {high} 之间"),
    "draft_outline": ("Draft outline", "拟个大纲"),
    "pictures": ("Your own pictures (optional)", "自己的图片（可选）"),
    "images": ("How many pictures", "配图数量"),
    "auto": ("automatic", "自动"),
    "more": ("More settings", "更多设置"),
    "roll": ("Roll a new seed", "换一个随机种子"),
    "own_hint": ("Empty: what suits the model", "留空则使用模型的默认值"),
    "start": ("Write", "开始写作"),
    "stop": ("Stop", "停止"),
    "question_hint": ("Add pictures and ask about them", "添加图片，然后提问"),
    "chat_empty": (
        "Add one or several pictures and ask about them. They are numbered, and stay known in later questions.",
        "添加一张或几张图片，然后提问。图片会编号，后面的问题也能继续用。",
    ),
    "write_about": ("Write an article about this", "据此写一篇图文"),
    "picture_room": ("{n} pictures, {used} of {context} tokens", "{n} 张图片，占 {context} 个 token 中的 {used} 个"),
    "picture_room_one": ("1 picture, {used} of {context} tokens", "1 张图片，占 {context} 个 token 中的 {used} 个"),
    "unseen": ("Pictures 1–{n} are no longer seen", "图片 1–{n} 已看不到"),
    "unseen_one": ("Picture 1 is no longer seen", "图片 1 已看不到"),
    "unread": ("the first {n} questions are no longer read", "前 {n} 个问题已读不到"),
    "unread_one": ("the first question is no longer read", "第 1 个问题已读不到"),
    "left_out": (
        "{what}: the conversation is longer than the model's context.",
        "{what}：对话超出了模型的上下文。",
    ),
    "thinking": ("Thinking …", "正在思考……"),
    "looking": ("Looking at the picture …", "正在看图……"),
    "ask_what": ("What is in this picture?", "图片里有什么？"),
    "edit_question": ("Edit the question", "修改问题"),
    "edit_question_hint": ("The answers from here on are written anew.", "从这里开始的回答会重新生成。"),
    "ask_again": ("Ask", "提问"),
    "clear": ("New conversation", "新对话"),
    "search": ("Search", "搜索"),
    "search_hint": ("What should the picture show?", "想找什么图片？"),
    # the document and what can be done with it
    "document": ("Article", "文章"),
    "empty": (
        "Your article grows here: the text first, then pictures where they belong.",
        "文章会在这里展开：先写文字，再在合适的地方配图。",
    ),
    "export": ("Export", "导出"),
    "undo": ("Undo", "撤销"),
    "redo": ("Redo", "重做"),
    "copy_markdown": ("Copy as Markdown", "复制为 Markdown"),
    "copied": ("Copied.", "已复制。"),
    "not_copied": (
        "The browser did not let this be copied. Select the text and press Ctrl+C.",
        "浏览器不允许复制，请选中文字后按 Ctrl+C。",
    ),
    "new_article": ("New article", "新文章"),
    "words": ("{n} words", "{n} 字"),
    "continue": ("Continue", "继续写"),
    "fill": ("Fill the empty places", "补上空缺的配图"),
    "inspector": ("What can be done with the selection", "对所选内容的操作"),
    "idle": (
        "Click a paragraph, a picture or the title to change it, or select words in the text.",
        "点一下段落、图片或标题，或者选中几个字，就可以修改。",
    ),
    "paragraph": ("Paragraph {n}", "第 {n} 段"),
    "picture": ("Picture", "图片"),
    "title": ("Title", "标题"),
    "caption": ("Caption", "图题"),
    "unreachable": (
        "The studio does not answer. Is it still running? What you typed is kept here.",
        "连接不上程序，它还在运行吗？你输入的内容还保留在这里。",
    ),
    "wish": ("Instruction", "要求"),
    "wish_hint": ("What should change? (optional)", "想怎么改？（可选）"),
    "ask": ("Change as asked", "按要求修改"),
    "translate": ("Translate", "翻译"),
    "chosen_words": ("Selected words", "选中的文字"),
    "chosen_paragraphs": ("{n} paragraphs", "选中 {n} 段"),
    "rewrite": ("Rewrite", "改写"),
    "expand": ("Expand", "扩写"),
    "shorten": ("Shorten", "缩写"),
    "insert_before": ("Insert before", "前插一段"),
    "insert_after": ("Insert after", "后插一段"),
    "illustrate": ("Illustrate", "配图"),
    "edit": ("Edit by hand", "手动修改"),
    "editing_hint": (
        "Markdown is welcome. Ctrl+Enter saves, Esc discards.",
        "可以使用 Markdown。Ctrl+Enter 保存，Esc 放弃。",
    ),
    "move_up": ("Move up", "上移"),
    "move_down": ("Move down", "下移"),
    "delete": ("Delete", "删除"),
    "deleted": ("Deleted.", "已删除。"),
    "save": ("Save", "保存"),
    "accept": ("Accept", "采用"),
    "discard": ("Discard", "放弃"),
    "close": ("Close", "关闭"),
    "proposal_writing": ("{what}: writing …", "{what}：正在写……"),
    "proposal_done": ("{what}: the change", "{what}：修改对照"),
    "candidates": ("Other candidates", "其他候选"),
    "save_caption": ("Save caption", "保存图题"),
    "search_again": ("Search again", "按图题再找"),
    "upload_own": ("Upload own", "上传图片"),
    "remove_picture": ("Remove", "去掉图片"),
    "nothing_found": ("Nothing found.", "没有找到。"),
    # library and history
    "filter": ("Filter", "筛选"),
    "show_more": ("Show more", "显示更多"),
    "articles": ("Articles", "文章"),
    "conversations": ("Conversations", "对话"),
    "deleted_ones": ("Deleted", "已删除"),
    "history_empty": ("What you write and ask is kept here.", "写过的文章和问过的问题都会保存在这里。"),
    "library_empty": ("No pictures yet: add some of your own.", "还没有图片，可以添加自己的图片。"),
    "all_pictures": ("All pictures", "全部图片"),
    "own_pictures": ("Added by people", "自己添加的"),
    "starter_set": ("Starter set", "自带图片"),
    "starter_pictures": ("Starter set", "自带图片"),
    "add_pictures": ("Add pictures", "添加图片"),
    "not_added": ("{count} of {of} files were not added", "{of} 个文件中有 {count} 个没有添加"),
    "adding": ("Adding {name} …", "正在添加 {name}……"),
    "describe": ("Describe", "修改说明"),
    "rename": ("Rename", "重命名"),
    "duplicate": ("Duplicate", "创建副本"),
    "versions": ("Versions", "历史版本"),
    "restore": ("Restore this version", "恢复这一版"),
    "undelete": ("Bring back", "恢复"),
    "liked": ("{n} liked", "{n} 个赞"),
    "reason_write": ("written", "写成"),
    "reason_continue": ("continued", "续写"),
    "reason_illustrate": ("illustrated", "配图"),
    "reason_text": ("text changed", "修改文字"),
    "reason_words": ("words changed", "修改文字"),
    "reason_title": ("title changed", "修改标题"),
    "reason_insert_before": ("paragraph added", "插入段落"),
    "reason_insert_after": ("paragraph added", "插入段落"),
    "reason_delete": ("paragraph deleted", "删除段落"),
    "reason_move": ("paragraph moved", "移动段落"),
    "reason_caption": ("caption changed", "修改图题"),
    "reason_remove_picture": ("picture removed", "去掉图片"),
    "reason_place": ("picture exchanged", "更换图片"),
    "reason_own": ("own picture", "上传图片"),
    "reason_rename": ("renamed", "重命名"),
    "reason_duplicate": ("copied", "创建副本"),
    "reason_restore": ("old version restored", "恢复旧版"),
    # the model that answers
    "starter_banner": (
        "Small starter model: English only, often wrong. Choose a better one",
        "小型入门模型：只会英文，常有错误。换一个更好的模型",
    ),
    "random_banner": (
        "Random weights: the text means nothing. This is for trying the GPU only.",
        "随机权重：文字没有意义，仅用于测试显卡。",
    ),
    "language": ("中文", "English"),
    "theme": ("Light or dark", "明暗主题"),
    # what is going on
    "problem": ("This did not work", "没有成功"),
    "loading": ("The model is being loaded …", "正在加载模型……"),
    "step_writing": ("writing", "写作"),
    "step_placing": ("placing", "选位置"),
    "step_captioning": ("captions", "写图题"),
    "step_finding": ("finding", "找图"),
    "step_choosing": ("choosing", "选图"),
    "queue": ("{n} ahead of you", "前面还有 {n} 个"),
    "queue_time": ("{n} ahead of you, about {seconds} s", "前面还有 {n} 个，约 {seconds} 秒"),
    "speed": ("{n} tokens/s", "每秒 {n} 个 token"),
    "status_stopped": ("Stopped. What was written is kept.", "已停止，写好的内容已保存。"),
    "status_interrupted": (
        "The studio was closed while this was written. What was written is kept; Continue goes on.",
        "写作时程序被关闭。写好的内容已保存，可点“继续”接着写。",
    ),
    "status_cut": ("Stopped at the length limit.", "达到长度上限，已停止。"),
    "status_failed": ("Failed", "失败"),
    "status_done": ("Done", "完成"),
    "status_writing": ("Writing", "写作中"),
    "status_illustrating": ("Adding pictures", "配图中"),
}


def page_words() -> dict[str, tuple[str, str]]:
    """WORDS, and those of the registries: sampling fields by the ids of their elements, roles as `role_`, formats as
    `format_` in a menu and `save_` on a button of its own."""
    formats = {name: format for kind in get_args(Kind) for name, format in formats_for(kind).items()}
    menu = {f"format_{name}": format.words for name, format in formats.items()}
    buttons = {
        f"save_{name}": (f"Save as {english}", f"存为 {chinese}")
        for name, (english, chinese) in ((name, format.button) for name, format in formats.items())
    }
    roles = {f"role_{role.name}": role.label for role in ROLES.values()}
    return WORDS | field_words() | menu | buttons | roles


def t(key: str, language: Language) -> str:
    """A word in one language."""
    return WORDS[key][language == "zh"]


def i18n() -> gr.I18n:
    """The table Gradio uses to follow the browser's language."""
    words = page_words()
    return gr.I18n(
        en={key: english for key, (english, _) in words.items()},
        **{code: {key: chinese for key, (_, chinese) in words.items()} for code in ("zh", "zh-CN", "zh-TW")},
    )
