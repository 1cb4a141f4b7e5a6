"""What people and programs see when a request is refused before the studio does anything with it."""

from __future__ import annotations

# key: (English, Chinese)
SENTENCES: dict[str, tuple[str, str]] = {
    "not_uploaded": (
        "This file was not uploaded to the studio from here. Choose it again, then repeat what you did.",
        "这个文件不是从这里上传到本程序的，请重新选择文件后再试。",
    ),
    "argument_wrong": (
        "{name} cannot be used: {cause}.",
        "参数 {name} 不能用：{cause}。",
    ),
    "argument_missing": ("{name} is missing.", "缺少参数 {name}。"),
    "argument_unknown": ("There is no argument called {name}.", "没有名为 {name} 的参数。"),
    "arguments_too_many": (
        "{count} values were given; at most {limit} are taken.",
        "一共给了 {count} 个值，最多 {limit} 个。",
    ),
    "json_broken": (
        "The body of this call is no valid JSON, or is nested too deeply.",
        "请求内容不是有效的 JSON，或嵌套太深。",
    ),
    "number_too_large": (
        "A number of this call is too large: whole numbers go up to 2^53.",
        "请求里有数字太大：整数最大为 2^53。",
    ),
    "half_character": (
        "A text of this call holds half a character (a lone surrogate). Please type that place again.",
        "请求的文字里有半个字符（孤立代理项），请重新输入该处。",
    ),
    "session_foreign": (
        "This session or call is not here, or it is another's. Please reload the page.",
        "没有这个会话或调用，或者它属于别人，请刷新页面。",
    ),
    "endpoint_unknown": (
        "There is nothing at this address. Programs find the endpoints at /gradio_api/info.",
        "这个地址没有内容。程序可在 /gradio_api/info 查看全部接口。",
    ),
    "login_needed": ("Please log in first.", "请先登录。"),
    "host_unknown": (
        "The studio does not answer to the name {host}. If it is the right one, start it with --allow-host {host}.",
        "本程序不响应主机名 {host}。如果名称无误，请用 --allow-host {host} 启动。",
    ),
    "other_site": (
        "This request came from another site. Open the studio in a window of its own.",
        "该请求来自其他网站，请在单独的窗口中打开本程序。",
    ),
    "body_too_large": (
        "This is more than the {limit} MB that one request may bring. Please send less at once.",
        "超过了单次请求的上限 {limit} MB，请减少每次发送的内容。",
    ),
    "body_too_slow": (
        "The request came in too slowly and was ended. Please check the connection, then try again.",
        "请求传输太慢，已中断，请检查网络连接后再试。",
    ),
    "body_not_json": (
        "The body of this call must be JSON (Content-Type: application/json).",
        "请求内容必须是 JSON（Content-Type: application/json）。",
    ),
    "body_unasked": ("A request of this kind has no body.", "这种请求不能带内容。"),
    "upload_broken": (
        "The upload is no form with files (multipart/form-data), or it broke off. Please choose the file again.",
        "上传的内容不是带文件的表单（multipart/form-data），或传输中断，请重新选择文件。",
    ),
    "uploads_too_many": (
        "{count} uploads are under way already. Wait until one is done, then try again.",
        "已有 {count} 个上传正在进行，请等其中一个完成后再试。",
    ),
    "open_needed": (
        "Anybody who reaches {host} could use the studio without a login."
        " Give a login with --login FILE, or say --open yes.",
        "任何能访问 {host} 的人都可以不登录就使用本程序。请用 --login 指定登录文件，或明确加上 --open yes。",
    ),
}
