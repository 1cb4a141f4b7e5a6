"""The page: its theme and its tabs."""

from __future__ import annotations

import gradio as gr

from studio.app import Studio
from studio.ui import STATIC
from studio.ui.address import address_bar, follow_address
from studio.ui.article_editor import ArticleEditor
from studio.ui.components import script_component
from studio.ui.form_drafts import form_drafts, keep_drafts
from studio.ui.model_list import banner_of
from studio.ui.tabs.about import about_tab
from studio.ui.tabs.chat import chat_tab
from studio.ui.tabs.chat_api import chat_api
from studio.ui.tabs.history import history_tab
from studio.ui.tabs.library import library_tab
from studio.ui.tabs.table import table_tab
from studio.ui.tabs.talk import talk_tab
from studio.ui.tabs.webpage import offer, web_tab
from studio.ui.tabs.write import write_api, write_tab

MAX_EVENTS = 4000  # of all pages at once


def theme() -> gr.themes.Base:
    """Paper and ink; the colours themselves are variables of `page.css`, which has a light and a dark set."""
    theme = gr.themes.Base(
        radius_size=gr.themes.sizes.radius_md,
        font=["system-ui", "PingFang SC", "Noto Sans CJK SC", "sans-serif"],
        primary_hue=gr.themes.colors.red,
        neutral_hue=gr.themes.colors.stone,
    )
    colours = {
        "body_background_fill": "paper",
        "block_background_fill": "raised",
        "background_fill_primary": "raised",
        "background_fill_secondary": "paper",
        "input_background_fill": "paper",
        "block_border_color": "line",
        "border_color_primary": "line",
        "input_border_color": "line",
        "body_text_color": "ink",
        "block_label_text_color": "soft",
        "block_title_text_color": "ink",
        "body_text_color_subdued": "soft",
        "input_placeholder_color": "soft",
        "button_secondary_background_fill": "raised",
        "button_secondary_border_color": "line",
        "button_secondary_text_color": "ink",
        "button_primary_background_fill": "cinnabar",
        "color_accent": "cinnabar",
    }
    both = {name + mode: f"var(--{colour})" for name, colour in colours.items() for mode in ("", "_dark")}
    both = {name: value for name, value in both.items() if hasattr(theme, name)}
    return theme.set(**both, input_border_width="1px", button_border_width="1px", block_shadow="none")


def page(studio: Studio, editor: ArticleEditor) -> gr.Blocks:
    """The tabs."""
    logo = (STATIC / "logo.svg").read_text().replace("<svg ", '<svg class="seal" ')
    with gr.Blocks(title="XComposer Studio", analytics_enabled=False) as blocks:
        html = f'<div id="masthead">{logo}<b>XComposer Studio</b><span class="told"></span></div>'
        script_component("masthead.js", banner_of(studio), css="", html=html)
        write_api(studio)  # first: a name is given to whoever asks for it first, and the page's events have names, too
        chat_api(studio)
        address, drafts = address_bar(), form_drafts()
        with gr.Tabs() as tabs:
            article_view = write_tab(studio, editor, drafts)
            chat = chat_tab(studio, editor, tabs)
            talk = talk_tab(studio, editor, tabs)
            table_tab(studio, address, drafts)
            web = web_tab(studio)
            library_tab(studio)
            history_tab(studio, editor, tabs, article_view, chat, talk, address)
            about_tab(studio)
        follow_address(address, tabs)
        offer(studio, blocks, web)
        keep_drafts(drafts, blocks)
    _follow_many(blocks)
    return blocks


def _follow_many(blocks: gr.Blocks) -> None:
    """Let Gradio's queue run as many events at once as there may be people who follow something: its forty are meant
    for events that hold a thread, and these hold none. The runner of tasks decides what waits."""
    threads, blocks.max_threads = blocks.max_threads, MAX_EVENTS
    blocks.queue(default_concurrency_limit=None, max_size=MAX_EVENTS)
    blocks.max_threads = threads
