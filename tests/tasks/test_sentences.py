"""Where a text that was cut ends, in both languages."""

from __future__ import annotations

import json

import pytest
from golden import DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.prompts import replies
from studio.tasks.sentences import drop_broken_sentence, is_whole, last_sentence_end


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The road is long. It is a tradition shared by those who have worked", "The road is long."),
        ("It costs 3.5 million. A second sen", "It costs 3.5 million."),
        ("It costs 3.5", "It costs 3.5"),  # no sentence has ended: better this than nothing
        ("“Is it far?” she asked. “Not very", "“Is it far?” she asked."),
        ("He said: “Come!” And then he we", "He said: “Come!”"),
        ("秋天来了。山路上落满了松针，赶路的", "秋天来了。"),
        ("“还远吗？”她问。“不", "“还远吗？”她问。"),
        ("他说：“来吧！”然后他转", "他说：“来吧！”"),
        ("没有写完的一句", "没有写完的一句"),
        ("## Heading\n\nThe first wor", "## Heading"),
        ("- tea\n- bread\n- che", "- tea\n- bread"),
        ("All is said.", "All is said."),
        ("都说完了。", "都说完了。"),
        ("**All is said.**", "**All is said.**"),
        ("And so on…", "And so on…"),
        ("He met Mr. Smith. Then Dr. Wu came to the", "He met Mr. Smith."),
        ("It is near. It was in the U.S. Army that", "It is near."),
        ("We left. It costs 3.", "We left."),  # perhaps 3.5
        ("It was 1995. In the", "It was 1995."),
        ("J. K. Rowling wrote it. J. K. Rowl", "J. K. Rowling wrote it."),
        ("They grow tea, fruit, etc. Then they", "They grow tea, fruit, etc."),
        ("We like it. For e.g. the", "We like it."),
        ("It opens at 9 a.m. and closes. It", "It opens at 9 a.m. and closes."),
        ("Visit example.com now. See www.exa", "Visit example.com now."),
        ('She said "yes." And then', 'She said "yes."'),
        ("It is known.[1] And", "It is known.[1]"),
        ("他走了。“你", "他走了。"),
        ('他走了。"你', "他走了。"),  # this one opens
        ("他想了想……然后", "他想了想……"),
        ("他走了。**重点**在", "他走了。"),
        ("**He left. And th", "**He left.**"),
        ("1. Tea is green. It\n2. Bre", "1. Tea is green. It"),
        ("1. Tea\n2. Bread\n3. Che", "1. Tea\n2. Bread"),
        ("- one. Two\n  - nested thr", "- one. Two"),
        ("Good. Here are some things:\n\n- te", "Good."),
        ("All good.\n\n## Next", "All good."),
        ("All good.\n\n## Next\n\nThe wor", "All good."),
        ("All good.\n\n**Next**\n\nThe wor", "All good."),
        ("All good.\n\n---", "All good."),
        ("Text.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 |", "Text.\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
        ("Text.\n\n| a | b |\n|--", "Text."),
        ("Text.\n\n```python\nx = 1\ny =", "Text.\n\n```python\nx = 1\n```"),
        ("Text.\n\n```python\nx", "Text."),
        ("Text.\n\n```\nx = 1\n```", "Text.\n\n```\nx = 1\n```"),
        ("Text.\n\n$$\nx = 1", "Text."),
        ("> Quote one. Quote two is\n> long", "> Quote one."),
        ("Roses are red\nViolets are blue\nSugar is sw", "Roses are red\nViolets are blue"),
        ("สวัสดีครับ ผมชื่อสมชาย ผมเป็", "สวัสดีครับ ผมชื่อสมชาย"),
        ("यह है। वह नह", "यह है।"),
        ("هل هذا؟ نعم ه", "هل هذا؟"),
    ],
)
def test_a_tail_that_does_not_end_is_left_out(text: str, kept: str) -> None:
    assert drop_broken_sentence(text) == kept


def test_what_was_there_before_stays() -> None:
    assert drop_broken_sentence("One. Two thr", begin=8) == "One. Two thr"
    assert drop_broken_sentence("One. Two three. Fou", begin=8) == "One. Two three."


SENTENCES = st.sampled_from(
    ["The road is long.", "Is it far?", "“Come!” she said.", "It costs 3.5 million.", "Mr. Wu went home…"]
    + ["秋天来了。", "“还远吗？”", "他说：“来吧！”", "真的？！", "他走了……"]
)
BLOCKS = st.one_of(
    st.lists(SENTENCES, min_size=1, max_size=4).map(" ".join),
    st.lists(SENTENCES, min_size=1, max_size=4).map(lambda items: "\n".join(f"- {item}" for item in items)),
    st.lists(SENTENCES, min_size=1, max_size=4).map(lambda rows: "\n".join(f"> {row}" for row in rows)),
    st.just("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |"),
    st.just("```python\nx = 1\n\nprint(x)\n```"),
    st.just("## The harvest"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=5), st.integers(1, 400))
def test_wherever_a_text_breaks_off_whole_sentences_of_it_stay(blocks: list[str], at: int) -> None:
    whole = "Tea is old.\n\n" + "\n\n".join(blocks)
    cut = whole[: 11 + at]
    kept = drop_broken_sentence(cut)
    assert kept.startswith("Tea is old.") and cut.startswith(kept.removesuffix("\n```").removesuffix("**"))
    assert kept.endswith((".", "?", "!", "…", "。", "？", "！", "”", "|", "```")), kept
    assert kept.count("```") % 2 == 0
    assert drop_broken_sentence(kept) == kept


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='ab .。！？!?\n”"…#-|>`*1', max_size=60), st.integers(0, 60))
def test_any_text_has_a_beginning_that_stays(text: str, begin: int) -> None:
    begin = min(begin, len(text))
    kept = drop_broken_sentence(text, begin)
    assert text.startswith(kept.rstrip("*`~\n")) and (kept.strip() or not text.strip())
    assert kept.startswith(text[:begin].rstrip())
    assert begin <= last_sentence_end(text, begin) <= len(text)


@given(st.lists(SENTENCES, min_size=2, max_size=6))
def test_a_text_that_grows_has_a_new_end_with_each_sentence(sentences: list[str]) -> None:
    text, ends = " ".join(sentences) + " The", set()
    for at in range(len(text)):
        ends.add(last_sentence_end(text[:at]))
    assert len(ends) >= len(sentences)


@pytest.mark.parametrize(
    ("reply", "title"),
    [
        ("The Importance of Friendship in the", "The Importance of Friendship"),
        ("A Day at the Farm: A Journey into the Heart of", "A Day at the Farm: A Journey into the Heart"),
        ("Mountains and Riv", "Mountains"),
        ("Riv", "Write about rivers"),
        ("The Art of Slow Tea and Why It", "The Art of Slow Tea and Why It"[:19]),
        ("秋天的茶马古道：一段穿越云雾的旅", "秋天的茶马古道"),
        ("秋天的茶马古", "Write about rivers"),
    ],
)
def test_a_title_that_broke_off_ends_at_a_word(reply: str, title: str) -> None:
    assert replies.title(reply, "Write about rivers", cut=True) == title


def test_a_long_instruction_as_a_title_ends_at_a_word() -> None:
    asked = "Write about the long and winding roads that lead over the mountains of Yunnan"
    assert replies.title("", asked) == "Write about the long and winding roads that lead"


@pytest.mark.parametrize(
    ("reply", "title"),
    [
        ("On the " + "winding " * 20 + "long road", "On the " + "winding " * 20),
        ("茶马古道" * 20 + "：" + "山路" * 40, "茶马古道" * 20),
    ],
)
def test_a_title_that_is_too_long_ends_at_a_word(reply: str, title: str) -> None:
    assert title.startswith(replies.title(reply, "tea")) and len(replies.title(reply, "tea")) > 2


def test_a_long_chinese_instruction_ends_at_a_pause() -> None:
    asked = "请写一篇关于秋天的茶马古道的文章，" + "要写到山路、马帮和沿途的驿站以及那里的人们" * 3
    assert (
        replies.title("", asked)
        == "请写一篇关于秋天的茶马古道的文章，要写到山路、马帮和沿途的驿站以及那里的人们要写到山路"
    )


def test_captions_and_headings_that_broke_off() -> None:
    assert replies.caption("A caravan on the road to the", cut=True) == "A caravan on the road"
    assert replies.caption('A caravan" and more', cut=True) == "A caravan"
    assert replies.caption("茶", cut=True) == "茶"
    assert replies.headings("1. The road\n2. The har", cut=True) == ("The road",)
    assert replies.headings("1. The road\n2. The harvest") == ("The road", "The harvest")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_recorded_articles_end_well_wherever_they_are_cut(language: str) -> None:
    """What a real model wrote, cut at every seventh character as a length limit does."""
    for text in json.loads((DATA / "recorded_articles.json").read_text(encoding="utf-8"))[language]:
        assert last_sentence_end(text) == len(text)
        for at in range(text.index("\n\n", 1) + 200, len(text), 7):
            left = drop_broken_sentence(text[:at])
            assert is_whole(left) and text.startswith(left.removesuffix("**")), (at, left[-60:])
            assert len(left) > at - 400, "no more than a sentence and what led to it is left out"
