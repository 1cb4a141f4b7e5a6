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
}
