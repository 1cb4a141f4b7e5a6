"""Words on their way into files: made clean, in the right language, cut to what a place can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from studio.documents.article import Article
from studio.documents.conversation import Conversation
from studio.documents.table import Table
from studio.errors import Language
from studio.language import language_of
from studio.markdown import clean, parse_inline, plain
from studio.sampling import FIELDS

LABELS: Mapping[str, tuple[str, str]] = {
    "article": ("Article", "文章"),
    "about": ("About", "关于"),
    "conversation": ("Conversation", "对话"),
    "table": ("Table", "表格"),
    "name": ("Name", "名称"),
    "number": ("No.", "序号"),
    "text": ("Text", "正文"),
    "caption": ("Caption", "图注"),
    "picture": ("Picture", "图片"),
    "source": ("Source", "来源"),
    "question": ("Question", "问题"),
    "answer": ("Answer", "回答"),
    "ended": ("How it ended", "结束方式"),
    "rating": ("Rating", "评价"),
    "liked": ("liked", "赞"),
    "disliked": ("disliked", "踩"),
    "length": ("stopped at the length limit", "到达长度上限而停止"),
    "cancelled": ("stopped by the reader", "由用户停止"),
    "failed": ("failed", "出错"),
    "missing": ("Picture missing: {name}", "图片缺失：{name}"),
    "numbered": ("Picture {number}", "图片 {number}"),
    "asked": ("Question {number}", "问题 {number}"),
    "written": ("Written by {model} with XComposer Studio", "由 {model} 在 XComposer Studio 中写成"),
    "no_font": (
        "Shown as boxes, because no font on this computer has them: {names}.",
        "以下字符在本机没有可用的字体，显示为方框：{names}。",
    ),
    "and_more": ("{names} and {count} more", "{names} 等，另有 {count} 个"),
    "item": ("Item", "项目"),
    "value": ("Value", "内容"),
    # Items of the About sheet.
    "title": ("Title", "标题"),
    "instruction": ("Instruction", "写作要求"),
    "materials": ("Materials", "素材"),
    "outline": ("Outline", "大纲"),
    "settings": ("Settings", "设置"),
    "model": ("Model", "模型"),
    "dates": ("Dates", "日期"),
    "created": ("Created", "创建时间"),
    "updated": ("Updated", "更新时间"),
    "exported": ("Exported", "导出时间"),
    "studio": ("Studio version", "程序版本"),
    "questions": ("Questions", "问题"),
    "pictures": ("Pictures", "图片"),
    "origin": ("From", "来源"),
    "skipped": ("Left out", "未使用的文件"),
    "unread": ("Not read before the stop", "停止前未读取的文件"),
    "open": ("Cells without an answer", "没有回答的单元格"),
    "images": ("Number of pictures", "配图数量"),
    "auto": ("automatic", "自动"),
    "own_pictures": ("Own pictures", "自己的图片"),
    **{field.name: field.label for field in FIELDS},
}


def label(key: str, language: Language, **facts: object) -> str:
    """A word of the export's own, in the language of what is exported. An unknown key is its own label."""
    return LABELS[key][language == "zh"].format(**facts) if key in LABELS else key


def document_language(document: Article | Conversation | Table) -> Language:
    """The language most of it is in."""
    if isinstance(document, Article):
        words = [document.title, *(section.text for section in document.sections)]
        words = words if any(words) else [document.brief.subject]
    elif isinstance(document, Table):
        words = [*document.questions, *(cell.answer for row in document.rows[:100] for cell in row.cells)]
    else:
        words = [part for turn in document.turns for part in (turn.question, turn.answer)]
    return language_of(" ".join(words))


def line(text: str) -> str:
    """Clean and on one line."""
    return " ".join(clean(text).split())


def plain_title(title: str) -> str:
    """A title on one line without marks of emphasis, where Markdown is not shown."""
    return plain(parse_inline(title))


def pieces(text: str, limit: int) -> Iterator[str]:
    """The text in parts of at most `limit` UTF-16 units, which is how spreadsheets count. Joined they are the text."""
    while len(text) > limit or _units(text) > limit:
        end = _fitting(text, limit)
        gap = max(text.rfind("\n", end - 400, end), text.rfind(" ", end - 400, end)) if end > 400 else -1
        end = gap + 1 if gap > 0 else end
        yield text[:end]
        text = text[end:]
    yield text


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _fitting(text: str, limit: int) -> int:
    """The most characters, at least one, that stay within `limit` UTF-16 units."""
    head = text[:limit]
    wide = _units(head) - len(head)
    while wide > 0 and len(head) > 1 and _units(head) > limit:
        head = head[: -max(1, (_units(head) - limit) // 2)]
    return len(head)
