"""Chat templates of published models, shortened to what they do, and templates that do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.checkpoints import template_process
from studio.checkpoints.chat_template import PLAIN, format_of
from studio.protocol import CHATML, ChatFormat, Control, Prompt, Text

CHATML_TOKENS = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")
QWEN = """{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
{%- else %}
    {{- '<|im_start|>system\nYou are Qwen.<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == "user" or message.role == "assistant" %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}"""
GEMMA = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}
{{- raise_exception('System role not supported') }}{% endif %}
{%- for message in messages %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}
{%- set role = 'user' %}{% endif %}
{{- '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""
LLAMA = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content']|trim %}
{%- set messages = messages[1:] %}{% else %}{% set system = "" %}{% endif %}
{{- '<|start_header_id|>system<|end_header_id|>\n\n' + 'Today Date: ' + strftime_now('%d %b %Y') + '\n\n' + system }}
{{- '<|eot_id|>' }}{% for message in messages %}
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""
MISTRAL = """{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}
{{- '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}
{{- ' ' + message['content'] + eos_token }}{% else %}{{ raise_exception('Only user and assistant roles') }}{% endif %}
{%- endfor %}"""


def said(prompt: Prompt) -> str:
    return "".join(
        f"[{s.piece}]" if isinstance(s, Control) else s.text for s in prompt if isinstance(s, Control | Text)
    )


def conversation(chat: ChatFormat) -> str:
    turns = (*chat.begin, Text("Q1"), *chat.answered, Text("A1"), *chat.following, Text("Q2"), *chat.ask)
    return said(turns)


def test_qwen() -> None:
    chat = format_of(QWEN, CHATML_TOKENS)
    assert conversation(chat) == (
        "[<|im_start|>]system\nYou are Qwen.[<|im_end|>]\n[<|im_start|>]user\nQ1[<|im_end|>]\n"
        "[<|im_start|>]assistant\nA1[<|im_end|>]\n[<|im_start|>]user\nQ2[<|im_end|>]\n[<|im_start|>]assistant\n[<think>]\n\n[</think>]\n\n"
    )
    assert chat.system
    assert said((*chat.system[0], Text("S"), *chat.system[1])) == (
        "[<|im_start|>]system\nS[<|im_end|>]\n[<|im_start|>]user\n"
    )


def test_gemma_has_no_system_message() -> None:
    chat = format_of(GEMMA, ("<bos>", "<start_of_turn>", "<end_of_turn>"), bos="<bos>")
    assert chat.system is None
    assert conversation(chat).startswith("[<bos>][<start_of_turn>]user\nQ1[<end_of_turn>]\n[<start_of_turn>]model\nA1")


def test_llama_says_the_same_every_day() -> None:
    chat = format_of(
        LLAMA, ("<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"), "<|begin_of_text|>"
    )
    assert chat.system and "01 Jan 2026" in said(chat.begin)
    assert said(chat.ask) == "[<|eot_id|>][<|start_header_id|>]assistant[<|end_header_id|>]\n\n"


def test_mistral() -> None:
    chat = format_of(MISTRAL, ("<s>", "</s>"), "<s>", "</s>")
    assert conversation(chat) == "[<s>][INST] Q1 [/INST] A1[</s>][INST] Q2 [/INST]" and chat.system is None


def test_a_model_that_always_thinks_aloud_has_done_so() -> None:
    template = QWEN.replace("'<think>\\n\\n</think>\\n\\n'", "'<think>\\n'")
    assert said(format_of(template, CHATML_TOKENS).ask).endswith("assistant\n[<think>]\n\n[</think>]\n\n")


def here(template: str, common: dict[str, Any], requests: list[dict[str, Any]]) -> list[str | None]:
    write = template_process.compiled(template)
    return [write(common | request) for request in requests]


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{% for m in",  # no Jinja
        "{{ messages[0].content }}",  # one only
        "{% for m in messages %}{{ m.content }}{{ loop.index }}{% endfor %}",  # every turn another
        "{% for m in messages %}{{ m.content * 2 }}{% endfor %}",
        "{{ raise_exception('no') }}",
        "{{ undefined_thing.x }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{% for i in range(99999) %}{{ 'x' * 9999 }}{% endfor %}",
        "{{ 1 / 0 }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% include '/etc/passwd' %}",
        "(" * 10_000 + "{{ " + "(" * 10_000,
    ],
)
def test_a_template_that_does_not_work_is_passed_over(template: str) -> None:
    assert format_of(template, CHATML_TOKENS, render=here) == CHATML  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'x' * 10 ** 12 }}",
        "{{ 'x' | center(10 ** 9) }}",
        "{{ '%999999999d' | format(1) }}",
        "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{{ " + "[" * 5_000 + "]" * 5_000 + " }}",
    ],
)
def test_a_template_that_takes_all_memory_is_passed_over(template: str) -> None:
    assert format_of(template, CHATML_TOKENS) == CHATML


def test_without_the_tokens_of_chatml_words_do() -> None:
    assert format_of("", ("</s>",)) == PLAIN


def test_a_template_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    late = QWEN + "{% if messages|length == 2 %}" + endless + "{% endif %}"
    monkeypatch.setattr(template_process, "PROCESSOR_SECONDS", 1)
    chat = format_of(late, CHATML_TOKENS)
    assert conversation(chat) == conversation(format_of(QWEN, CHATML_TOKENS))  # what it wrote before counts
    assert chat.system is None


@given(st.text(max_size=60))
def test_any_template_gives_a_format(template: str) -> None:
    assert isinstance(format_of(template, CHATML_TOKENS, render=here), ChatFormat)  # type: ignore[arg-type]
