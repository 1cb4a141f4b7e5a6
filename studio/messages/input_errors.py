"""What people see when something they gave, asked for or keep cannot be used."""

from __future__ import annotations

# key: (English, Chinese)
SENTENCES: dict[str, tuple[str, str]] = {
    "instruction_empty": (
        "There is nothing to write about yet: say in a sentence what the article should be about.",
        "还没有写作要求：请用一句话说明文章写什么。",
    ),
    "instruction_too_long": (
        "The instruction has {length:,} characters; at most {limit:,} fit. Please shorten it.",
        "写作要求有 {length:,} 个字符，最多 {limit:,} 个，请缩短后再试。",
    ),
    "article_title_empty": (
        "The article has no title yet: give it one. The materials can stay empty.",
        "文章还没有标题：请先写标题，素材可以不填。",
    ),
    "article_title_too_long": (
        "The title has {length:,} characters; at most {limit:,} fit. Put the rest into the materials.",
        "标题有 {length:,} 个字符，最多 {limit:,} 个，其余内容请放到素材里。",
    ),
    "materials_too_long": (
        "The materials have {length:,} characters; at most {limit:,} fit. Please keep what matters most.",
        "素材有 {length:,} 个字符，最多 {limit:,} 个，请只保留最重要的内容。",
    ),
    "instruction_and_title": (
        "An instruction and a title were given; only one of them is taken.",
        "同时给出了写作要求和标题，只能二选一。",
    ),
    "outline_too_long": (
        "The outline has {length:,} characters; at most {limit:,} fit. Please shorten it.",
        "大纲有 {length:,} 个字符，最多 {limit:,} 个，请缩短后再试。",
    ),
    "question_too_long": (
        "The question has {length:,} characters; at most {limit:,} fit. Please shorten it.",
        "问题有 {length:,} 个字符，最多 {limit:,} 个，请缩短后再试。",
    ),
    "text_too_long": (
        "The text has {length:,} characters; at most {limit:,} fit. Please shorten it.",
        "文字有 {length:,} 个字符，最多 {limit:,} 个，请缩短后再试。",
    ),
    "title_empty": ("A title needs at least one word.", "标题至少要有一个字。"),
    "caption_empty": ("A caption needs at least one word.", "图题至少要有一个字。"),
    "not_your_picture": (
        "This picture can be changed only by who added it; pictures of the starter set stay as they are.",
        "只有添加者本人可以修改这张图片；自带图片不能修改。",
    ),
    "picture_in_library": (
        "{name} is in the library already: somebody else added it, or it is of the starter set.",
        "图库里已有 {name}：由别人添加，或属于自带图片。",
    ),
    "no_picture_there": ("There is no picture at this place.", "这里没有图片。"),
    "nothing_selected": (
        "No words are selected. Select some in a paragraph first.",
        "没有选中文字，请先在段落里选一些文字。",
    ),
    "passages_too_many": (
        "{count} paragraphs are selected; at most {limit} can be changed at once.",
        "选中了 {count} 段，一次最多修改 {limit} 段。",
    ),
    "passage_changed": (
        "The paragraph was changed meanwhile. Select the words again.",
        "这一段刚刚改动过，请重新选择文字。",
    ),
    "passage_breaks_marks": (
        "These words do not fit between the Markdown signs around them. Select the whole paragraph instead.",
        "新的文字与周围的 Markdown 符号冲突，请改为选择整段。",
    ),
    "edit_needs_both_languages": (
        "{model} does not know both Chinese and English, so it cannot translate. Load XComposer2 for that.",
        "{model} 不同时会中文和英文，无法翻译。请加载 XComposer2。",
    ),
    "edit_without_wish": (
        "Say first what should change.",
        "请先写下想怎么改。",
    ),
    "edit_unknown": ("There is no edit called {name}.", "没有名为 {name} 的编辑操作。"),
    "article_busy": (
        "This article is being written just now. Wait until it is done, or press Stop.",
        "这篇文章正在写作中，请等它完成，或先按“停止”。",
    ),
    "conversation_busy": (
        "This conversation is being answered just now. Wait until the answer is there, or press Stop.",
        "这个对话正在回答中，请等回答完成，或先按“停止”。",
    ),
    "images_out_of_range": (
        "The number of pictures is {count}; choose 0 to {limit}, or automatic.",
        "配图数量为 {count}，请选择 0 到 {limit}，或选“自动”。",
    ),
    "number_out_of_range": (
        "{name} is {value}; it must be between {low} and {high}.",
        "{name} 为 {value}，应在 {low} 到 {high} 之间。",
    ),
    "beams_too_many": (
        "{model} searches with at most {limit} beams; {count} were asked for.",
        "{model} 的束搜索宽度最多为 {limit}，而要求的是 {count}。",
    ),
    "outline_blank": (
        "The outline has no headings, only blank lines: write one heading a line, or leave it out.",
        "大纲里只有空行：请每行写一个标题，或者不填大纲。",
    ),
    "question_empty": ("Ask a question first.", "请先输入问题。"),
    "too_many_pictures": (
        "{count} pictures were given; at most {limit} are taken at once.",
        "一共给了 {count} 张图片，一次最多 {limit} 张。",
    ),
    "picture_empty": ("{name} is an empty file (0 bytes).", "{name} 是空文件（0 字节）。"),
    "picture_unreadable": (
        "{name} is not a picture that can be opened ({cause}). JPEG, PNG, WebP, GIF, BMP, TIFF and HEIC are.",
        "{name} 不是能打开的图片（{cause}）。支持 JPEG、PNG、WebP、GIF、BMP、TIFF 和 HEIC。",
    ),
    "picture_truncated": (
        "{name} is cut off: the file ends before the picture does. Please copy it again.",
        "{name} 不完整：文件在图像结束前就断了，请重新复制。",
    ),
    "picture_too_large": (
        "{name} decompresses to {pixels:,} pixels; at most {limit:,} are opened. Please make it smaller first.",
        "{name} 解压后有 {pixels:,} 像素，最多只打开 {limit:,} 像素的图片，请先缩小。",
    ),
    "picture_too_costly": (
        "{name} takes more than {limit:,} MB of memory to open. Make it smaller or save it as JPEG, then add it again.",
        "打开 {name} 需要超过 {limit:,} MB 内存，请缩小或另存为 JPEG 后重新添加。",
    ),
    "picture_timeout": (
        "{name} takes longer than {seconds} seconds to open. Make it smaller or save it as JPEG, then add it again.",
        "打开 {name} 超过了 {seconds} 秒，请缩小或另存为 JPEG 后重新添加。",
    ),
    "picture_crashed": (
        "{name} is damaged in a way that ends the program that opens it. Save it again with another program.",
        "{name} 已损坏，会使打开它的程序崩溃，请用别的软件重新保存。",
    ),
    "pictures_busy": (
        "{name} was not opened, because too many pictures are being opened just now. Add it again in a minute.",
        "正在打开的图片太多，{name} 没有打开，请一分钟后重新添加。",
    ),
    "decoder_not_started": (
        "{name} was not opened: the process that opens pictures does not start ({cause}). Add it again; if that does "
        "not help, start the studio again.",
        "{name} 没有打开：负责打开图片的进程无法启动（{cause}）。请重新添加；若仍不行，请重启程序。",
    ),
    "folder_missing": ("There is no folder {path}.", "没有找到文件夹 {path}。"),
    "file_missing": ("There is no file {path}.", "没有找到文件 {path}。"),
    "article_missing": (
        "That article is not here (number {id}); open one from History.",
        "没有这篇文章（编号 {id}），请从“历史”里打开。",
    ),
    "conversation_missing": (
        "That conversation is not here (number {id}); open one from History.",
        "没有这段对话（编号 {id}），请从“历史”里打开。",
    ),
    "table_missing": (
        "That table is not here (number {id}); open one from the list of tables.",
        "没有这张表（编号 {id}），请从表格列表里打开。",
    ),
    "section_missing": (
        "That paragraph is no longer in the article; the page shows the newest version after a reload.",
        "文章里已经没有这一段了，刷新页面可看到最新版本。",
    ),
    "stored_picture_missing": (
        "The picture {picture} is not in the data folder any more.",
        "数据文件夹里已经没有图片 {picture}。",
    ),
    "pdf_failed": (
        "The typesetter failed at this text, so that there is no PDF. Export it as Word or as a web page instead.",
        "排版程序无法处理这篇文字，未能生成 PDF。请改为导出 Word 或网页。",
    ),
    "format_unknown": (
        "The format {format} is not known; choose one of {known}.",
        "不认识的格式 {format}，请选择：{known}。",
    ),
    "data_unwritable": (
        "The data folder {path} cannot be written ({cause}). Choose another with --data FOLDER.",
        "数据文件夹 {path} 无法写入（{cause}）。请用 --data 指定另一个文件夹。",
    ),
    "disk_full": (
        "The disk of {path} is full: free some space, then do it again. What was saved before is safe.",
        "{path} 所在磁盘已满：请清理空间后重试，之前保存的内容不受影响。",
    ),
    "database_newer": (
        "{path} was written by a newer studio (version {found}, this one knows {known}). Update the studio.",
        "{path} 由更新版本的程序写入（版本 {found}，本程序只认识 {known}），请升级本程序。",
    ),
    "file_unwritable": (
        "{path} cannot be written ({cause}). Choose another place.",
        "{path} 无法写入（{cause}），请换一个位置。",
    ),
    "port_in_use": (
        "Port {port} on {host} is in use, perhaps by another studio. Choose another with --port NUMBER.",
        "{host} 的端口 {port} 已被占用（也许另一个程序已在运行），请用 --port 换一个端口。",
    ),
    "setting_bad": (
        "{name} cannot be {value!r}: {cause}.",
        "{name} 不能是 {value!r}：{cause}。",
    ),
    "setting_unknown": (
        "There is no setting called {name}; studio serve --help lists them.",
        "没有名为 {name} 的设置，用 studio serve --help 查看全部设置。",
    ),
    "setting_no_number": (
        "The setting {name} must be a whole number, and {value!r} is none.",
        "设置 {name} 必须是整数，而给出的是 {value!r}。",
    ),
    "setting_not_offered": (
        "The setting {name} cannot be {value!r}; choose one of: {known}.",
        "设置 {name} 不能是 {value!r}，请选择：{known}。",
    ),
    "queue_full": (
        "{count} tasks are waiting, the most that this studio takes. Please come back in about {minutes} min.",
        "已有 {count} 个任务在排队，达到上限。请约 {minutes} 分钟后再来。",
    ),
    "queue_full_unknown": (
        "{count} tasks are waiting, the most that this studio takes. Please come back in some minutes.",
        "已有 {count} 个任务在排队，达到上限。请过几分钟再来。",
    ),
    "own_queue_full": (
        "{count} tasks of yours are waiting, the most for one person. The next one begins in about {minutes} min;"
        " start more after that, or stop one.",
        "您已有 {count} 个任务在排队，达到每人上限。约 {minutes} 分钟后轮到下一个，请届时再开始，或先停止一个。",
    ),
    "own_queue_full_unknown": (
        "{count} tasks of yours are waiting, the most for one person. Start more when one of them has begun, or stop"
        " one.",
        "您已有 {count} 个任务在排队，达到每人上限。请等其中一个开始后再来，或先停止一个。",
    ),
    "shutting_down": ("The studio is closing.", "程序正在关闭。"),
    "database_busy": (
        "{path} is being written by another process for too long. Close the other studio, then do it again.",
        "{path} 长时间被另一个进程占用，请关闭另一个程序后重试。",
    ),
    "database_broken": (
        "{path} is damaged ({cause}). Put back a copy, or move the file away to start with an empty one.",
        "{path} 已损坏（{cause}）。请恢复备份，或移走该文件后重新开始。",
    ),
    "table_no_questions": (
        "There is no question yet: write one a line.",
        "还没有问题：请每行写一个。",
    ),
    "table_questions": (
        "{count} questions were given; a table takes at most {limit}.",
        "一共给了 {count} 个问题，一张表最多 {limit} 个。",
    ),
    "table_no_pictures": (
        "There is no picture to ask about: add pictures, or a zip of them.",
        "没有可以提问的图片：请添加图片，或包含图片的 zip。",
    ),
    "table_all_skipped": (
        "None of the {count} files can be used. The first: {reason}",
        "{count} 个文件都不能用。第一个的原因：{reason}",
    ),
    "table_busy": (
        "This table is being filled already, by another studio on the same data folder. Wait, or stop it there.",
        "这张表正在由同一数据文件夹上的另一个程序填写，请等它完成，或先在那里停止。",
    ),
    "table_cells_failed": (
        "{failed} of {of} answers failed; {path} says why. Ask them again with --resume.",
        "{of} 个回答中有 {failed} 个失败，原因写在 {path} 里。请加 --resume 重新提问。",
    ),
    "text_unreadable": (
        "{name} is not a text file: save it as text in UTF-8, then do it again.",
        "{name} 不是文本文件，请另存为 UTF-8 编码的文本后重试。",
    ),
    "text_guessed": (
        "{name} does not say its encoding; it was read as {encoding}. If its words look wrong, save it as UTF-8.",
        "{name} 没有注明编码，已按 {encoding} 读取。如果文字不对，请另存为 UTF-8。",
    ),
    "text_damaged": (
        "Some characters of {name} are damaged and stand as \ufffd. If they matter, correct them in the file.",
        "{name} 中有些字符已损坏，显示为 \ufffd。如果重要，请在文件中改正。",
    ),
    "too_many_files": (
        "More than {limit:,} files were given; give them in several parts.",
        "文件超过 {limit:,} 个，请分成几次添加。",
    ),
    "file_no_picture": (
        "{name} is no picture, so it was passed over.",
        "{name} 不是图片，已跳过。",
    ),
    "picture_removed": (
        "{name} was taken out of the library and stays out. Add it by itself, or with --restore, to have it back.",
        "{name} 之前已从图库移除，不再加入；如需恢复，请单独添加它，或使用 --restore。",
    ),
    "file_hidden": (
        "{name} is a hidden file of the system.",
        "{name} 是系统的隐藏文件。",
    ),
    "file_not_regular": (
        "{name} is no ordinary file but a folder, a link, a pipe or a device. Give the file itself.",
        "{name} 不是普通文件，而是文件夹、链接、管道或设备，请给出文件本身。",
    ),
    "file_unreadable": (
        "{name} cannot be read ({cause}). Look whether you may open it, then do it again.",
        "无法读取 {name}（{cause}），请确认有权限打开它，然后重试。",
    ),
    "file_too_large": (
        "{name} has {size:,} MiB; at most {limit:,} MiB are read.",
        "{name} 有 {size:,} MiB，最多读取 {limit:,} MiB。",
    ),
    "zip_broken": (
        "{name} cannot be opened as a zip ({cause}). Please pack it again.",
        "{name} 不能作为 zip 打开（{cause}），请重新打包。",
    ),
    "zip_method": (
        "{name} is packed by a method that is not read here. Pack it again as an ordinary zip (deflate).",
        "{name} 的压缩方法不受支持，请用普通 zip（deflate）方式重新打包。",
    ),
    "zip_encrypted": (
        "{name} is protected by a password. Pack it again without one.",
        "{name} 有密码保护，请去掉密码重新打包。",
    ),
    "zip_too_large": (
        "{name} decompresses to {size:,} GiB; at most {limit:,} GiB are taken.",
        "{name} 解压后有 {size:,} GiB，最多 {limit:,} GiB。",
    ),
    "picture_unknown": (
        "{name} is not a picture of a kind known here. JPEG, PNG, WebP, GIF, BMP, TIFF and HEIC are.",
        "{name} 不是这里认识的图片。支持 JPEG、PNG、WebP、GIF、BMP、TIFF 和 HEIC。",
    ),
}
