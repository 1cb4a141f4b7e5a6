"""Stop strings in a stream: however the text is cut into pieces, the same is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from studio.engine.native.stop_strings import StopStringFilter

letters = st.text("abc", max_size=4)


@given(pieces=st.lists(letters, max_size=12), stops=st.lists(st.text("abc", max_size=3), max_size=3))
def test_what_is_shown_ends_before_the_first_stop(pieces: list[str], stops: list[str]) -> None:
    stream = StopStringFilter(tuple(stops))
    whole, shown = "".join(pieces), ""
    for piece in pieces:
        shown += stream.add(piece)
        assert whole.startswith(shown) and not any(stop and stop in shown for stop in stops)
    found = [(whole.find(stop) + len(stop), whole.find(stop)) for stop in stops if stop and stop in whole]
    assert stream.stopped == bool(found)
    assert shown + stream.end() == (whole[: min(found)[1]] if found else whole)


def test_only_what_may_begin_a_stop_is_held_back() -> None:
    stream = StopStringFilter(("</end>",))
    assert stream.add("text <") == "text "
    assert stream.add("b") == "<b"
    assert stream.add("</en") == ""
    assert (stream.end(), stream.end()) == ("</en", "")
