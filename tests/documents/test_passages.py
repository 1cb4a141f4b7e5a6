"""Words of one or several sections are changed, and every byte around them stays."""

from __future__ import annotations

import pytest

from studio.documents.article import Article, Brief, Illustration, Picture, Section
from studio.documents.edits import EDITS
from studio.documents.passages import passages
from studio.errors import InputError

SHOWN = Illustration(Picture("k"), "caption")
ARTICLE = Article(
    Brief("x"),
    sections=(
        Section("The  **snow** fell\\* all night.", SHOWN, id="a"),
        Section("## A heading", id="b"),
        Section("他说*也许*吧。", id="c"),
    ),
)


def test_words_are_changed_and_nothing_else() -> None:
    (chosen,) = passages(ARTICLE, [{"section": "a", "start": 5, "end": 9}])
    assert (chosen.words, chosen.before, chosen.after) == ("snow", "The  **", "** fell\\* all night.")
    changed = EDITS["words"](ARTICLE, [chosen.change("ice\nwater")])
    assert changed.section("a").text == "The  **ice water** fell\\* all night."
    assert changed.section("a").illustration == SHOWN and changed.sections[1:] == ARTICLE.sections[1:]


def test_several_sections_are_changed_at_once_in_the_articles_order() -> None:
    chosen = passages(ARTICLE, [{"section": "c"}, {"section": "b"}, {"section": "a", "start": 10, "end": 14}])
    assert [p.words for p in chosen] == ["fell", "A heading", "他说*也许*吧。"]
    changed = EDITS["words"](ARTICLE, [p.change(new) for p, new in zip(chosen, ("came", "Other", "好。"), strict=True)])
    assert [s.text for s in changed.sections] == ["The  **snow** came\\* all night.", "## Other", "好。"]


def test_a_selection_without_words_is_refused() -> None:
    for selected in ([], [{"section": "a", "start": 3, "end": 5}], [{"section": "a", "start": 9, "end": 2}]):
        with pytest.raises(InputError) as refused:
            passages(ARTICLE, selected)  # type: ignore[arg-type]
        assert refused.value.key == "nothing_selected"


def test_a_change_of_words_that_are_no_longer_there_is_refused() -> None:
    (chosen,) = passages(ARTICLE, [{"section": "a", "start": 5, "end": 9}])
    later = ARTICLE.edit("a", text="The snow is gone.")
    with pytest.raises(InputError) as refused:
        EDITS["words"](later, [chosen.change("ice")])
    assert refused.value.key == "passage_changed"
