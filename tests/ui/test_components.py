"""What the form's numbers may be, however they come."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import InputError
from studio.ui.components import Number, read

FIELDS = (Number("length", "max_tokens", 0, 16, 4096), Number("temperature", "temperature", 2, 0, 2))


def test_what_is_not_set_is_left_out_and_the_rest_has_its_type() -> None:
    assert read(FIELDS, {"max_tokens": 20, "temperature": 1}) == {"max_tokens": 20, "temperature": 1.0}
    assert read(FIELDS, {"temperature": None}) == {}
    assert read(FIELDS, None) == {}


@pytest.mark.parametrize("value", [15, 4097, "20", True, math.nan, math.inf, [20]])
def test_what_does_not_fit_is_refused_with_its_limits(value: Any) -> None:
    with pytest.raises(InputError, match="between 16 and 4096"):
        read(FIELDS, {"max_tokens": value})


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3))
def test_nothing_that_comes_in_passes_its_limits(value: Any) -> None:
    try:
        got = read(FIELDS, {"temperature": value}).get("temperature")
    except InputError:
        return
    assert got is None or 0 <= got <= 2
