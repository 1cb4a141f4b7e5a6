"""Components that a script of `studio/ui/static` draws; their values go both ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.errors import InputError
from studio.sampling import Task, fields_for
from studio.ui import STATIC
from studio.ui.page_data import NumberField

AT_ONCE: dict[str, Any] = {"queue": False, "api_visibility": "private"}
"""For events that answer at once. Gradio's page has one stream for all its queued events and closes it when the last
one under way ends; one that begins in that moment is never answered (Gradio 6.31). Only what takes long is queued."""


@dataclass(frozen=True)
class Number:
    """A number that may be set: the element's id (also its word), its name, how many digits, its limits."""

    id: str
    name: str
    digits: int
    low: float
    high: float
    initial: float | None = None

    @property
    def data(self) -> NumberField:
        """What the page draws."""
        return {
            "id": self.id,
            "name": self.name,
            "digits": self.digits,
            "low": self.low,
            "high": self.high,
            "initial": self.initial,
        }


def script_component(
    script: str,
    value: Any,
    id: str | None = None,
    *,
    css: str = "form.css",
    html: str = "<div></div>",
    events: str = "",
    functions: Sequence[Callable[..., Any]] = (),
    **props: Any,
) -> gr.HTML:
    """The component of a script, whose `mount` gets what Gradio gives: element, props, watch, trigger, server, upload.

    `events` names what the script triggers, `functions` are what it may call as `server.NAME`. Nothing of a value goes
    through the template: an empty one holds it, and the script sets text and never markup.
    """
    quoted = ", ".join(f"'{name}'" for name in events.split())  # Gradio looks for the names in quotes
    return gr.HTML(
        value,
        html_template=html,
        css_template=(STATIC / css).read_text() if css else "",
        js_on_load=f"import(new URL('page/{script}', document.baseURI))"
        f".then(m => m.mount({{element, props, watch, trigger, server, upload}})); {quoted}",
        apply_default_css=False,
        elem_id=id,
        server_functions=list(functions) or None,
        **props,
    )


def numbers(fields: tuple[Number, ...], id: str) -> gr.HTML:
    """Number fields; what is set comes as a mapping, see `read`."""
    initial = {f.name: f.initial for f in fields if f.initial is not None}
    return script_component("numbers.js", initial, id, fields=[f.data for f in fields])


def form_numbers(task: Task, **highest: float) -> tuple[Number, ...]:
    """The sampling fields of a task, see `studio.sampling`. `highest` lowers the limits of single ones; one that then
    has nothing to choose is left out."""
    found = []
    for field in fields_for(task):
        offer, low, high = field.offer(task), field.lowest(task), highest.get(field.name, field.high)
        if offer and low < high:
            found.append(Number(offer.id, field.name, field.digits, low, high, offer.initial))
    return tuple(found)


def read(fields: tuple[Number, ...], values: Any) -> dict[str, Any]:
    """The numbers that were set, checked: what a browser sends may be anything. Raises InputError."""
    given = values if isinstance(values, dict) else {}
    result: dict[str, Any] = {}
    for f in fields:
        value = given.get(f.name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not f.low <= value <= f.high:
            raise InputError("number_out_of_range", name=f.name, value=value, low=f.low, high=f.high)
        result[f.name] = float(value) if f.digits else int(value)
    return result
