"""The words of About, in English and Chinese."""

from __future__ import annotations

ABOUT_WORDS: dict[str, tuple[str, str]] = {
    "about_models": ("Models", "模型"),
    "tokens_of_context": ("{n} tokens of context", "上下文 {n} 个 token"),
    "about_state": ("State", "状态"),
    "state_starting": ("loading", "正在加载"),
    "state_ready": ("ready", "就绪"),
    "state_failed": ("failed to start", "启动失败"),
    "state_closed": ("closed", "已关闭"),
    "about_restarts": ("Restarts after a failure", "故障后重启次数"),
    "about_waiting": ("Requests waiting", "排队请求"),
    "about_memory": ("Memory", "内存与显存"),
    "about_get": ("Getting XComposer2", "获取 XComposer2"),
    "about_get_how": (
        "XComposer2 writes Chinese and English and sees pictures. It needs an NVIDIA GPU with about 20 GB for one "
        "model, 40 GB for both. Run this on the machine with the GPU, then start the studio again:",
        "XComposer2 能用中英文写作，也能看图。一个模型约需 20 GB 显存，两个约需 40 GB。"
        "请在有显卡的机器上运行下面的命令，然后重新启动：",
    ),
    "memory_weights": ("weights", "权重"),
    "memory_cache": ("KV cache", "KV 缓存"),
    "memory_pictures": ("image embeddings", "图像特征"),
    "memory_process": ("worker process", "模型进程"),
    "memory_main_memory": ("main memory", "内存"),
    "about_keys": ("Keys in an article", "编辑文章的快捷键"),
    "key_select": (
        "at a paragraph, picture or title: select it (Tab goes from one to the next)",
        "选中当前的段落、图片或标题（Tab 键逐个移动）",
    ),
    "key_words": ("at a paragraph: select the next word, several words", "在段落上：选中下一个词、多个词"),
    "key_paragraphs": ("several paragraphs; also by a click with Shift", "选中多个段落，也可按住 Shift 点击"),
    "key_ask": ("say what should change in the selection", "输入对所选内容的修改要求"),
    "key_send": ("write, ask for the change, save what was typed", "开始写作、提交修改要求、保存输入"),
    "key_leave": ("leave the selection, discard what was typed", "取消选择、放弃输入"),
    "key_undo": ("undo, redo", "撤销、重做"),
    "about_far": ("The studio on another machine", "程序在另一台机器上"),
    "about_far_how": (
        "Open a tunnel, leave it running, and open the same address here:",
        "先打开隧道并保持运行，再在本机打开同样的网址：",
    ),
    "about_kept": ("What is kept, and where", "保存的内容"),
    "about_folder": ("Data folder", "数据文件夹"),
    "copy": ("Copy", "复制"),
}
