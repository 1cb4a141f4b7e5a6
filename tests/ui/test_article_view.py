"""What is sent to the page while an article grows."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from studio.ui.article_view import EMPTY, Changes

SECTION = st.fixed_dictionaries({"id": st.sampled_from("abcde"), "html": st.text(max_size=3)})
DOCUMENT = st.lists(SECTION, max_size=5, unique_by=lambda s: s["id"]).map(lambda sections: {"sections": sections})


@given(st.lists(DOCUMENT, max_size=6))
def test_the_page_can_put_every_document_together_again(documents: list[Any]) -> None:
    known: dict[str, Any] = {}
    changes = Changes()
    for whole, sent in zip(documents, map(changes.of, documents), strict=True):
        shown = [s if "html" in s else known[s["id"]] for s in sent["sections"]]
        assert shown == whole["sections"]
        known = {s["id"]: s for s in shown}


def test_what_has_not_changed_is_an_id() -> None:
    one: Any
    two: Any
    one, two = {"id": "a", "html": "x"}, {"id": "b", "html": "y"}
    changes = Changes()
    changes.of({**EMPTY, "sections": [one]})
    assert changes.of({**EMPTY, "sections": [one, two]})["sections"] == [{"id": "a"}, two]
