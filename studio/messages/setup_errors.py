"""What people see when the data folder, the file of users or the machine is not ready."""

from __future__ import annotations

# key: (English, Chinese)
SENTENCES: dict[str, tuple[str, str]] = {
    "data_gone": (
        "The data folder {path} is gone (moved, deleted, or its disk was taken out), so nothing is kept. "
        "Put it back and work goes on, or start the studio again to begin with an empty one.",
        "数据文件夹 {path} 不见了（被移动、删除，或磁盘已断开），现在无法保存任何内容。"
        "放回后即可继续；如需从空文件夹开始，请重新启动程序。",
    ),
    "folder_in_use": (
        "Another studio works on the data folder {path}: {address}. Use that one, or choose another folder with "
        "--data FOLDER.",
        "数据文件夹 {path} 正由另一个程序使用：{address}。请使用那一个，或用 --data 指定另一个文件夹。",
    ),
    "migration_waits": (
        "{path} is from an older studio, which is still running. End that one, then start this one: it brings the data "
        "up to date and keeps a copy of what was.",
        "{path} 来自旧版程序，而旧版仍在运行。请先结束它，再启动本程序：数据会先备份再升级。",
    ),
    "login_file_missing": (
        "There is no file of users {path}. Make one with: studio users add NAME --login {path}",
        "没有用户文件 {path}。请运行：studio users add NAME --login {path}",
    ),
    "login_file_unreadable": (
        "The file of users {path} cannot be read ({cause}). Let the person who starts the studio read it.",
        "无法读取用户文件 {path}（{cause}）。请让启动程序的用户有权读取它。",
    ),
    "login_file_plain": (
        "The file of users {path} has passwords in plain text (line {line}). Hash them with: "
        "studio users convert --login {path}",
        "用户文件 {path} 含有明文密码（第 {line} 行）。请运行以下命令加密：studio users convert --login {path}",
    ),
    "login_file_bad": (
        "Line {line} of the file of users {path} is not NAME:PASSWORD. Mend it or remove it.",
        "用户文件 {path} 的第 {line} 行不是 NAME:PASSWORD 的形式，请修改或删除。",
    ),
    "login_file_empty": (
        "The file of users {path} has nobody in it, so nobody could log in. Add a user with: "
        "studio users add NAME --login {path}",
        "用户文件 {path} 里没有用户，谁也无法登录。请运行：studio users add NAME --login {path}",
    ),
    "login_file_open": (
        "The file of users {path} can be read or changed by other users of this machine. Close it with: "
        "chmod 600 {path}",
        "本机的其他用户可以读取或修改用户文件 {path}。请运行：chmod 600 {path}",
    ),
    "login_file_not_given": (
        "Say which file of users is meant: --login FILE, or the environment variable STUDIO_LOGIN.",
        "请指定用户文件：--login FILE，或环境变量 STUDIO_LOGIN。",
    ),
    "user_name_bad": (
        "{name!r} cannot be a user's name: 1 to 64 characters, without a colon or control characters, no # or blank "
        "at the beginning, no blank at the end.",
        "{name!r} 不能作为用户名：需为 1 到 64 个字符，不含冒号和控制字符，不能以 # 开头，首尾不能有空格。",
    ),
    "user_missing": (
        "There is no user {name} in {path}.",
        "{path} 中没有用户 {name}。",
    ),
    "password_short": (
        "The password has {length} characters; it needs at least {least}.",
        "密码只有 {length} 个字符，至少需要 {least} 个。",
    ),
    "password_long": (
        "The password has {length:,} characters; at most {most:,} are taken.",
        "密码有 {length:,} 个字符，最多 {most:,} 个。",
    ),
    "login_wrong": (
        "The name or the password is wrong.",
        "用户名或密码错误。",
    ),
    "login_slow": (
        "There were too many wrong passwords from here. Try again in {seconds} seconds.",
        "错误密码次数过多，请在 {seconds} 秒后重试。",
    ),
    "package_missing": (
        "Not installed: {names}. Run: uv sync (or: pip install .)",
        "未安装：{names}。请运行：uv sync（或 pip install .）",
    ),
    "package_wrong": (
        "{name} {found} is installed, and the studio was made for {needed}. Run: uv sync (or: pip install .)",
        "已安装 {name} {found}，而本程序需要 {needed}。请运行：uv sync（或 pip install .）",
    ),
    "folder_parent_missing": (
        "There is no folder {parent} yet: it will be made for the data. Is a disk not connected, or the path misspelt?",
        "文件夹 {parent} 还不存在，将为数据新建。是磁盘没有连接，还是路径写错了？",
    ),
    "disk_low": (
        "The disk of {path} has {free} free. Pictures, exports and models need room: free some space soon.",
        "{path} 所在磁盘只剩 {free}。图片、导出和模型都需要空间，请尽快清理。",
    ),
    "port_forbidden": (
        "Port {port} may only be opened by the system's administrator. Choose one from 1024 up with --port NUMBER.",
        "端口 {port} 只有系统管理员才能使用，请用 --port 选择 1024 以上的端口。",
    ),
    "address_unusable": (
        "{host} is not an address of this machine ({cause}). Use --host 127.0.0.1, or 0.0.0.0 for all addresses.",
        "{host} 不是本机的地址（{cause}）。请使用 --host 127.0.0.1，或用 0.0.0.0 监听所有地址。",
    ),
    "database_older": (
        "{path} is from an older studio (version {found} of {known}): it is copied and brought up to date at the "
        "start.",
        "{path} 来自旧版程序（版本 {found}，当前 {known}）：启动时会先备份再升级。",
    ),
    "gguf_other_kind": (
        "{path} cannot be used with {flag}: it is made for {found}. A model goes with --gguf, and what lets it see "
        "(mmproj) with --mmproj.",
        "{path} 不能用于 {flag}：它的类型是 {found}。模型用 --gguf 指定，视觉部分（mmproj）用 --mmproj 指定。",
    ),
    "mmproj_alone": (
        "--mmproj {path} has no effect without --gguf: it lets a GGUF model see.",
        "没有 --gguf 时 --mmproj {path} 不起作用：它让 GGUF 模型能看图。",
    ),
    "driver_broken": (
        "The NVIDIA driver is installed, and nvidia-smi finds no GPU. Run nvidia-smi to see why; after an update of "
        "the driver a restart helps.",
        "已安装 NVIDIA 驱动，但 nvidia-smi 找不到显卡。请运行 nvidia-smi 查看原因；更新驱动后需要重启。",
    ),
    "torch_without_cuda": (
        "This machine has a GPU, and the installed torch {found} is made for computers without one. "
        "Install torch again from https://pytorch.org for your CUDA.",
        "本机有显卡，但安装的 torch {found} 不支持显卡。请从 https://pytorch.org 重新安装支持 CUDA 的版本。",
    ),
    "memory_low": (
        "{model} takes about {needed} of memory, and {free} are free. Close other programs, or take a smaller model.",
        "{model} 大约需要 {needed} 内存，现有 {free} 可用。请关闭其他程序，或改用更小的模型。",
    ),
}
