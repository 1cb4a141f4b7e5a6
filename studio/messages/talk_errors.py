"""What people see when a persona, or messages for a model, cannot be used."""

from __future__ import annotations

# key: (English, Chinese)
SENTENCES: dict[str, tuple[str, str]] = {
    "persona_nameless": ("A persona needs a name.", "角色需要一个名字。"),
    "persona_too_long": (
        "The persona's {part} has {length:,} characters or entries; at most {limit:,} fit. Please shorten it.",
        "角色的 {part} 有 {length:,} 个字符或条目，最多 {limit:,} 个，请缩短后再试。",
    ),
    "persona_file_wrong": (
        "{name} is no persona file ({cause}). A persona exported here, or a character card (JSON or PNG), can be read.",
        "{name} 不是角色文件（{cause}）。可以读取本程序导出的角色，或角色卡（JSON 或 PNG）。",
    ),
    "personas_too_many": (
        "There are {limit} personas already; delete one that is not needed.",
        "已有 {limit} 个角色，请先删除不需要的。",
    ),
    "talk_blind": (
        "{model} cannot see pictures: ask without them, or in the Chat tab.",
        "{model} 不能看图：请去掉图片再问，或到“看图聊天”标签页提问。",
    ),
    "messages_wrong": (
        "Message {number} cannot be used: {cause}. Correct the file, then do it again.",
        "第 {number} 条消息无法使用：{cause}。请修改文件后重试。",
    ),
    "persona_missing": (
        "There is no persona {id}: it was deleted, or it is somebody else's.",
        "没有角色 {id}：可能已被删除，或属于别人。",
    ),
    "persona_unknown": (
        "There is no persona called {name}; there are: {known}.",
        "没有名为 {name} 的角色，现有：{known}。",
    ),
    "prompt_missing": (
        "The prompt {id} is not kept, or not any more: the newest 2,000 of a person are.",
        "没有保存提示词 {id}，或已不再保存：每人只保留最近的 2,000 条。",
    ),
    "article_prompts_missing": (
        "No prompt of this article is kept: no model has worked on it here, or it was long ago.",
        "没有保存这篇文章的提示词：没有模型在这里处理过它，或者已经过了很久。",
    ),
}
