"""The words of the Web page tab."""

from __future__ import annotations

WEB_PAGE_WORDS: dict[str, tuple[str, str]] = {
    "web": ("Web page", "网页"),
    "web_from": ("Make a page from", "网页来自"),
    "web_instruction": ("Instruction", "文字要求"),
    "web_resume": ("Résumé", "简历"),
    "web_screenshot": ("Screenshot", "截图"),
    "web_instruction_label": ("What should the page be?", "想做什么样的网页？"),
    "web_instruction_hint": (
        "A page for a small tea house: a large picture, the menu, opening hours, how to get there",
        "一家小茶馆的网页：大图、菜单、营业时间和到店路线",
    ),
    "web_resume_label": ("Your résumé (Markdown is welcome)", "简历（可用 Markdown）"),
    "web_resume_hint": ("Paste it here, or choose its file below.", "在这里粘贴，或在下面选择文件。"),
    "web_resume_file": ("Choose a Word, Markdown or text file", "选择 Word、Markdown 或文本文件"),
    "web_screenshot_file": ("Choose a picture of a page", "选择网页截图"),
    "web_own": ("Add pictures of your own", "添加自己的图片"),
    "web_own_hint": (
        "Pictures come from these first, then from the library.",
        "配图优先用这些图片，其次用图库里的。",
    ),
    "web_start": ("Make the page", "生成网页"),
    "web_list": ("Your pages", "我的网页"),
    "web_new": ("New page", "新网页"),
    "web_empty": (
        "Describe a page, paste a résumé or choose a screenshot: you get one HTML file, with pictures from the "
        "library. Then say what should change.",
        "描述一个网页、粘贴简历，或选择截图：会得到一个 HTML 文件，配图来自图库。之后可以说出要改的地方。",
    ),
    "web_cannot": (
        "{model} cannot make new pages. Those you have can be seen, edited by hand and downloaded.",
        "{model} 不能生成新网页。已有的网页可以查看、手动修改和下载。",
    ),
    "web_writing": ("Writing the page …", "正在生成网页……"),
    "web_finding": ("Finding pictures …", "正在查找配图……"),
    "web_stopped": ("Stopped. What was written is kept.", "已停止，写好的内容已保存。"),
    "web_cut": ("The page ends at the limit of its length.", "网页达到长度上限，结尾可能不完整。"),
    "web_ready": ("Done", "完成"),
    "web_source": ("Source", "源代码"),
    "web_source_of": ("Source of the page (HTML)", "网页源代码（HTML）"),
    "web_apply": ("Apply", "应用"),
    "web_reset": ("Discard my edits", "放弃修改"),
    "web_scripts": ("Run its scripts", "运行脚本"),
    "web_scripts_hint": (
        "Scripts of the page run in its frame only. They reach neither the studio nor the web.",
        "网页的脚本只在框内运行，接触不到本程序，也连不上网络。",
    ),
    "web_download": ("Download", "下载"),
    "web_again": ("Make it again", "重新生成"),
    "web_undo": ("Undo", "撤销"),
    "web_redo": ("Redo", "重做"),
    "web_wish": ("What should change? For example: make the heading blue", "要改什么？例如：把标题改成蓝色"),
    "web_change": ("Change", "修改"),
    "web_shown": ("The page", "网页预览"),
    "web_unshown": ("There is nothing to show yet.", "还没有可以显示的内容。"),
    "web_remove_picture": ("Remove the picture", "去掉图片"),
}
