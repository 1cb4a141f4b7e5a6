"""Every word of the page, in both languages. `t(key)` in Python for what is computed, `i18n()` for what the page shows.

The page follows the browser's language; its switch stores a choice (see `language.js`).
"""

from __future__ import annotations

import gradio as gr

from studio.errors import Language

WORDS: dict[str, tuple[str, str]] = {
    "write": ("Write", "写作"),
    "chat": ("Chat", "看图问答"),
    "library": ("Library", "图库"),
    "history": ("History", "历史"),
    "about": ("About", "关于"),
    "instruction": ("What should it be about?", "想写什么？"),
    "instruction_hint": ("The tea road in autumn", "秋天的茶马古道"),
    "outline": ("Outline (optional, one heading a line)", "大纲（可选，每行一个标题）"),
    "pictures": ("Your own pictures (optional)", "自己的图片（可选）"),
    "images": ("How many pictures", "配图数量"),
    "auto": ("automatic", "自动"),
    "more": ("More", "更多设置"),
    "seed": ("Seed", "随机种子"),
    "length": ("Longest text (tokens)", "最长长度（token）"),
    "temperature": ("Temperature", "温度"),
    "start": ("Write", "开始写作"),
    "stop": ("Stop", "停止"),
    "export": ("Export", "导出"),
    "format_zip": ("Markdown (zip)", "Markdown（zip）"),
    "format_xlsx": ("Excel", "Excel 表格"),
    "format_html": ("Web page", "网页"),
    "question_hint": ("Add pictures and ask about them", "添加图片，然后提问"),
    "clear": ("Clear", "清空"),
    "open": ("Open", "打开"),
    "number": ("Number", "编号"),
    "title": ("Title", "标题"),
    "changed": ("Changed", "修改时间"),
    "state": ("State", "状态"),
    "search": ("Search", "搜索"),
    "search_hint": ("What should the picture show?", "想找什么图片？"),
    "empty": (
        "Your article grows here: the text first, then pictures where they belong.",
        "文章会在这里展开：先写文字，再在合适的地方配图。",
    ),
    "starter_banner": (
        "The small starter model is answering: it writes English only and gets facts wrong. For XComposer2 you need "
        "a CUDA GPU and its files; `studio doctor` says how.",
        "现在由小型入门模型回答：只会写英文，事实常有错误。使用 XComposer2 需要 CUDA 显卡和模型文件，"
        "运行 `studio doctor` 查看方法。",
    ),
    "random_banner": (
        "Random weights: the text means nothing. This is for trying the GPU only.",
        "随机权重：文字没有意义，仅用于测试显卡。",
    ),
    "loading": ("The model is being loaded …", "正在加载模型……"),
    "step_writing": ("writing", "写作"),
    "step_placing": ("placing", "选位置"),
    "step_captioning": ("captions", "写图题"),
    "step_finding": ("finding", "找图"),
    "step_choosing": ("choosing", "选图"),
    "step_done": ("done", "完成"),
    "queue": ("{n} ahead of you", "前面还有 {n} 个"),
    "status_stopped": ("Stopped. What was written is kept.", "已停止，写好的内容已保存。"),
    "status_cut": ("Stopped at the length limit.", "达到长度上限，已停止。"),
    "status_failed": ("Failed", "失败"),
    "status_done": ("Done", "完成"),
    "status_writing": ("Writing", "写作中"),
    "status_illustrating": ("Adding pictures", "配图中"),
}


def t(key: str, language: Language) -> str:
    """A word in one language."""
    return WORDS[key][language == "zh"]


def i18n() -> gr.I18n:
    """The table Gradio uses to follow the browser's language."""
    return gr.I18n(
        en={key: english for key, (english, _) in WORDS.items()},
        **{code: {key: chinese for key, (_, chinese) in WORDS.items()} for code in ("zh", "zh-CN", "zh-TW")},
    )
