"""Twenty instructions for `writing.py`, ten in each language, with what a good article has; labels are made by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """An instruction. `length`: what it asks for, in English words or Chinese characters; `fitting`: pictures of the
    starter set (the names of their files) that suit such an article."""

    instruction: str
    length: int
    fitting: frozenset[str]
    outline: tuple[str, ...] = ()

    @property
    def language(self) -> str:
        """zh or en."""
        return "zh" if any("\u4e00" <= c <= "\u9fff" for c in self.instruction) else "en"


def _task(instruction: str, length: int, fitting: str, outline: str = "") -> Task:
    return Task(instruction, length, frozenset(fitting.split()), tuple(filter(None, outline.split("|"))))


WATER = "river bridge sunrise sea"
CITY = "city rain bicycle market phone train"

TASKS: tuple[Task, ...] = (
    _task(
        "写一篇关于秋天茶马古道的文章，400字左右。", 400, "tea mountains horse village fox forest desert temple bridge"
    ),
    _task("写一篇介绍江南古镇的文章，400字左右。", 400, f"village rain temple tea market {WATER}"),
    _task(
        "写一篇关于猫和狗做宠物的文章，300字左右。", 300, "cat dog family books bicycle", "猫的性格|狗的性格|怎样选择"
    ),
    _task("介绍春节的习俗，400字左右。", 400, "festival harvest-table family market snow temple", "舞狮|团圆饭|拜年"),
    _task("写一篇关于高铁旅行的散文，300字左右。", 300, "train mountains river city village plane"),
    _task("写一篇关于学校图书馆的文章，300字左右。", 300, "library-reading-room books school computer family"),
    _task(
        "写一篇科普文章：为什么会下雪，400字左右。",
        400,
        "snow mountains laboratory rain tree",
        "雪从哪里来|雪花的形状|雪与生活",
    ),
    _task("写一篇关于早餐面包的文章，300字左右。", 300, "bread coffee kitchen market farm"),
    _task("写一篇关于海边灯塔的文章，400字左右。", 400, "lighthouse sea ship sunrise night-sky"),
    _task(
        "写一篇关于人工智能与机器人的文章，400字左右。",
        400,
        "robot computer laboratory phone",
        "今天的机器人|未来的工作",
    ),
    _task(
        "Write an article about a day at the farm, about 250 words.", 250, "farm horse garden tree sunrise dog market"
    ),
    _task(
        "Write an article about lighthouses and the sea, about 250 words.", 250, "lighthouse sea ship sunrise night-sky"
    ),
    _task(
        "Write an article about night trains in Europe, about 250 words.", 250, "train mountains night-sky city river"
    ),
    _task(
        "Write an article about growing vegetables at home, about 250 words.",
        *(250, "garden kitchen market flowers farm"),
        "Choosing a place|Sowing|The harvest",
    ),
    _task(
        "Explain how coffee is made, about 200 words.", 200, "coffee kitchen bread", "The beans|Roasting|Brewing a cup"
    ),
    _task("Write an article about watching the stars, about 250 words.", 250, "night-sky mountains sea tree forest"),
    _task("Write about foxes in autumn woods, about 200 words.", 200, "fox forest tree bird"),
    _task(
        "Write an article about cycling in the city, about 250 words.",
        *(250, f"{CITY} tree dog"),
        "Why cycle|Staying safe",
    ),
    _task("Write an article about a visit to the doctor for children, about 200 words.", 200, "doctor family school"),
    _task(
        "Write an article about painting landscapes, about 250 words.", 250, f"painting mountains tree flowers {WATER}"
    ),
)
