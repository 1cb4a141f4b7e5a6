"""The words of the Table tab, in the form of `text.WORDS`."""

TABLE_WORDS: dict[str, tuple[str, str]] = {
    "table": ("Table", "批量表格"),
    "table_pictures": ("Pictures, or a zip of them", "图片，或装着图片的 zip"),
    "table_questions": ("Questions, one a line", "问题，每行一个"),
    "table_questions_hint": ("What is in this picture?\nWhere was it taken?", "图里有什么？\n在哪里拍的？"),
    "table_start": ("Fill the table", "开始填表"),
    "table_continue": ("Ask what is open", "补问未答的"),
    "table_earlier": ("Earlier tables", "以前的表格"),
    "table_delete": ("Delete", "删除"),
    "table_undelete": ("Undo delete", "撤销删除"),
    "table_empty": (
        "Every picture gets a row, every question a column. Answers come in one by one and are kept; you may close the "
        "page and find the table again under “Earlier tables”.",
        "每张图片一行，每个问题一列。回答会逐个填入并保存；关掉页面也没关系，可以在“以前的表格”里再打开。",
    ),
    "table_picture": ("Picture", "图片"),
    "table_label": ("{pictures} pictures, {answers} of {of} answers", "{pictures} 张图片，{answers}/{of} 个回答"),
    "table_running": ("being filled", "正在填写"),
    "table_reading": ("Reading pictures: {n} of {of}", "正在读取图片：{n}/{of}"),
    "table_asking": ("{n} of {of} answered", "已回答 {n}/{of}"),
    "table_left": ("about {time} left", "约剩 {time}"),
    "table_seconds": ("{n} s", "{n} 秒"),
    "table_minutes": ("{n} min", "{n} 分钟"),
    "table_hours": ("{n} h", "{n} 小时"),
    "table_done": ("Done: {of} answers.", "完成：共 {of} 个回答。"),
    "table_stopped": ("Stopped: {n} of {of} answers are kept.", "已停止：保存了 {n}/{of} 个回答。"),
    "table_failed": (
        "{n} of {of} answered, {failed} failed: the cells say why, and can be asked again.",
        "已回答 {n}/{of}，{failed} 个失败：原因写在格子里，可以重新提问。",
    ),
    "table_unread": (
        "{n} files were not read before the stop; start again to have them in.",
        "停止前有 {n} 个文件没有读取；要加入它们请重新开始。",
    ),
    "table_skipped": ("{n} files left out", "{n} 个文件未使用"),
    "table_window": (
        "Rows {first}–{last} of {of} are shown; the files have all.",
        "显示第 {first}–{last} 行，共 {of} 行；导出的文件包含全部。",
    ),
    "table_cut": ("stopped at the length limit", "达到长度上限"),
}
