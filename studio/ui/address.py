"""The address of the page names the tab and what is open in it (`static/address.js`)."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.ui.components import script_component

_ON_THE_PAGE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
MISSING: dict[str, Any] = {"js": "() => window.studioTabs.missing()", **_ON_THE_PAGE}
"""What a failed opening does on the page: the address goes back to what is open."""


def address_bar() -> gr.HTML:
    """The component: it triggers "open" for an article or conversation, "table" for a table, with `id` and `type`."""
    return script_component("address.js", None, "address", css="", events="open table choose")


def follow_address(address: gr.HTML, tabs: gr.Tabs) -> None:
    """Choose the tab that the address names; it all happens in the browser, which sees by itself what a person chose.
    A tab's `elem_id` is "tab-" and its id."""
    wanted = "() => ({__type__: 'update', selected: window.studioTabs.wanted()})"
    address.choose(None, None, tabs, js=wanted, trigger_mode="multiple", **_ON_THE_PAGE)
