"""What people see when an agent or one of its tools cannot do what it should. Models read these sentences, too."""

from __future__ import annotations

# key: (English, Chinese)
SENTENCES: dict[str, tuple[str, str]] = {
    "agent_too_many_calls": (
        "The model called tools {limit} times without an answer. Ask for less at once, or switch tools off.",
        "模型调用了 {limit} 次工具仍没有回答。请缩小问题范围，或关闭部分工具。",
    ),
    "calculation_wrong": (
        "The expression {expression} cannot be calculated: {cause}. Use numbers, + - * / // % ** ( ) and functions such"
        " as sqrt, sin, log, round.",
        "无法计算 {expression}：{cause}。请使用数字、+ - * / // % ** ( ) 以及 sqrt、sin、log、round 等函数。",
    ),
    "date_wrong": (
        "{value} is no date. Write it as YYYY-MM-DD, for example 2026-07-31.",
        "{value} 不是日期，请写成 YYYY-MM-DD，例如 2026-07-31。",
    ),
    "time_zone_unknown": (
        "There is no time zone {name}. Use a name such as Asia/Shanghai, Europe/Berlin or UTC.",
        "没有时区 {name}，请使用 Asia/Shanghai、Europe/Berlin 或 UTC 这样的名称。",
    ),
    "sandbox_no_linux": (
        "The python tool is off: code can be kept apart from the machine on Linux (x86-64, arm64) only.",
        "Python 工具已关闭：只有在 Linux（x86-64、arm64）上才能隔离代码。",
    ),
    "sandbox_nothing_offered": (
        "The python tool is off: this machine has neither bubblewrap nor Landlock to keep code from other files."
        " Install bubblewrap, or use Linux 5.13 or newer.",
        "Python 工具已关闭：本机既没有 bubblewrap 也没有 Landlock，无法把代码与其他文件隔离。"
        "请安装 bubblewrap，或使用 5.13 及以上的 Linux 内核。",
    ),
    "sandbox_data_readable": (
        "The python tool is off: the data folder {data} lies in {path}, which code must read."
        " Choose another with --data.",
        "Python 工具已关闭：数据文件夹 {data} 位于代码必须能读取的 {path} 中。请用 --data 换一个位置。",
    ),
    "sandbox_not_started": (
        "The python tool is off: code cannot be kept apart on this machine ({cause})."
        " Install bubblewrap, or use Linux 5.13 or newer.",
        "Python 工具已关闭：本机无法隔离代码（{cause}）。请安装 bubblewrap，或使用 5.13 及以上的 Linux 内核。",
    ),
    "code_timeout": (
        "The code ran for {seconds} seconds and was ended; its variables are gone. Do less at once.",
        "代码运行了 {seconds} 秒，已被终止，变量已丢失。请分成更小的步骤。",
    ),
    "code_stopped": ("The code was stopped before it began.", "代码在开始之前已停止。"),
    "code_stopped_hard": (
        "The code was stopped; it did not end by itself, so its variables are gone.",
        "代码已停止；由于它没有自行结束，变量已丢失。",
    ),
    "code_process_died": (
        "The code ended its own process (it may have used too much memory or processor time); its variables are gone.",
        "代码使自己的进程结束了（可能占用了过多内存或处理器时间），变量已丢失。",
    ),
    "code_wrote_too_much": (
        "The code wrote more than {limit} MB, {files} files or {depth} folders in each other,"
        " and was ended. Remove some.",
        "代码写入超过 {limit} MB、{files} 个文件或 {depth} 层文件夹，已被终止；请先删除一些再继续。",
    ),
    "code_too_many_threads": (
        "The code started more than {limit} threads and was ended; its variables are gone.",
        "代码启动了超过 {limit} 个线程，已被终止，变量已丢失。",
    ),
    "code_disk_full": (
        "The disk has hardly any room left, so the code was ended. Free some space, then try again.",
        "磁盘空间所剩无几，代码已被终止。请清理空间后再试。",
    ),
    "code_busy": (
        "Too much code is running for other people already. Try again in a minute.",
        "已有太多其他人的代码在运行，请一分钟后再试。",
    ),
    "code_too_long": (
        "The code has {length:,} characters; at most {limit:,} fit. Write shorter code.",
        "代码有 {length:,} 个字符，最多 {limit:,} 个，请写短一些。",
    ),
    "arxiv_off": (
        "The arxiv tool is off: the studio was started with --arxiv ''.",
        "arxiv 工具已关闭：启动时设置了 --arxiv ''。",
    ),
    "arxiv_slow": (
        "arXiv has not answered for {seconds} seconds. Try again later.",
        "arXiv 在 {seconds} 秒内没有回应，请稍后再试。",
    ),
    "arxiv_gone": (
        "arXiv cannot be reached ({cause}). Check the network, or try again later.",
        "无法连接 arXiv（{cause}）。请检查网络，或稍后再试。",
    ),
    "arxiv_unreadable": (
        "arXiv answered with something that is no list of papers ({cause}). Try again later.",
        "arXiv 的回答不是论文列表（{cause}），请稍后再试。",
    ),
    "tool_stopped": ("The tool was stopped.", "工具已停止。"),
    "mcp_file_wrong": (
        "The file of MCP servers {path} cannot be used: {cause}. It must look like"
        ' {{"mcpServers": {{"name": {{"command": "…", "args": []}}}}}} or have a "url".',
        "MCP 服务器文件 {path} 不能用：{cause}。"
        '格式应为 {{"mcpServers": {{"名称": {{"command": "…", "args": []}}}}}}，或给出 "url"。',
    ),
    "mcp_connecting": (
        "The MCP server {name} has not answered yet. Wait a moment.",
        "MCP 服务器 {name} 还没有回应，请稍候。",
    ),
    "mcp_failed": (
        "The MCP server {name} does not work ({cause}). Check its entry in the file given with --mcp.",
        "MCP 服务器 {name} 无法使用（{cause}）。请检查 --mcp 文件中的这一项。",
    ),
    "mcp_slow": (
        "The MCP server {name} has not answered for {seconds} seconds.",
        "MCP 服务器 {name} 在 {seconds} 秒内没有回应。",
    ),
}
