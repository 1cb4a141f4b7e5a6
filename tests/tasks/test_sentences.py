"""Where a text that was cut ends, in both languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompts import replies
from studio.tasks.sentences import drop_broken_sentence, last_sentence_end


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
    ],
)
def test_a_tail_that_does_not_end_is_left_out(text: str, kept: str) -> None:
    assert drop_broken_sentence(text) == kept


def test_what_was_there_before_stays() -> None:
    assert drop_broken_sentence("One. Two thr", begin=8) == "One. Two thr"
    assert drop_broken_sentence("One. Two three. Fou", begin=8) == "One. Two three."


@given(st.text(alphabet='ab .。！？!?\n”"…', max_size=60), st.integers(0, 60))
def test_the_rest_is_a_beginning_of_the_text(text: str, begin: int) -> None:
    begin = min(begin, len(text))
    assert text.startswith(drop_broken_sentence(text, begin)) and begin <= last_sentence_end(text, begin) <= len(text)


@pytest.mark.parametrize(
    ("reply", "title"),
    [
        ("The Importance of Friendship in the", "The Importance of Friendship"),
        ("A Day at the Farm: A Journey into the Heart of", "A Day at the Farm: A Journey into the Heart"),
        ("Mountains and Riv", "Mountains"),
        ("Riv", "Write about rivers"),
    ],
)
def test_a_title_that_broke_off_ends_at_a_word(reply: str, title: str) -> None:
    assert replies.title(reply, "Write about rivers", cut=True) == title


def test_a_long_instruction_as_a_title_ends_at_a_word() -> None:
    asked = "Write about the long and winding roads that lead over the mountains of Yunnan"
    assert replies.title("", asked) == "Write about the long and winding roads that lead"
