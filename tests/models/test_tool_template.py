"""Chat templates that know tools, shortened to what they do, and the prompts that come of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studio.checkpoints import template_process
from studio.checkpoints.chat_template import format_of
from studio.documents.steps import AgentStep
from studio.prompts.chat_protocol import by_template
from studio.prompts.json_tools import JsonTools
from studio.prompts.template_tools import TemplateTools
from studio.prompts.tool_conventions import convention_of
from studio.prompts.tool_protocol import Exchange, ToolSpec
from studio.prompts.transcript import text_of
from studio.protocol import ChatFormat, Control, ModelCard, Text

QWEN = """{%- if tools %}{{- '<|im_start|>system\\n' }}
{%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] }}{%- else %}{{- 'You are Q.' }}{%- endif %}
{{- "\\n\\n# Tools\\n<tools>" }}{%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}
{{- "\\n</tools>\\nAnswer within <tool_call></tool_call>.<|im_end|>\\n" }}
{%- elif messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}{{- '<|im_start|>system\\nYou are Q.<|im_end|>\\n' }}{%- endif %}
{%- for message in messages %}
    {%- if message.role == "user" or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}{%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}{{- '}\\n</tool_call>' }}
        {%- endfor %}{{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' }}{{- message.content }}{{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""

LLAMA = """{{- bos_token }}{%- if messages[0]['role'] == 'system' %}{%- set system = messages[0]['content']|trim %}
{%- set messages = messages[1:] %}{%- else %}{%- set system = "" %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none and tools %}{{- "Environment: ipython\\n" }}{%- endif %}{{- system + "<|eot_id|>" }}
{%- if tools %}{%- set first = messages[0]['content']|trim %}{%- set messages = messages[1:] %}
{{- '<|start_header_id|>user<|end_header_id|>\\n\\n' }}{{- "Given the following functions, call one.\\n\\n" }}
{%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}{{- first + "<|eot_id|>"}}{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim }}
        {{- '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if message.tool_calls|length != 1 %}{{- raise_exception("single tool-calls only") }}{%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}" }}{{- "<|eot_id|>" }}
    {%- elif message.role == "tool" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}
        {%- else %}{{- message.content }}{%- endif %}{{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"""

MISTRAL = """{%- if messages[0]["role"] == "system" %}{%- set system = messages[0]["content"] %}
{%- set talk = messages[1:] %}{%- else %}{%- set talk = messages %}{%- endif %}
{%- set users = talk | selectattr("role", "equalto", "user") | list %}{{- bos_token }}
{%- for message in talk %}{%- if message.role == "user" %}
    {%- if tools is not none and tools and message == users[-1] %}{{- "[AVAILABLE_TOOLS] [" }}
        {%- for tool in tools %}{{- tool | tojson }}{%- if not loop.last %}{{- ", " }}{%- endif %}{%- endfor %}
        {{- "][/AVAILABLE_TOOLS]" }}{%- endif %}
    {%- if loop.last and system is defined %}{{- "[INST] " + system + "\\n\\n" + message.content + "[/INST]" }}
    {%- else %}{{- "[INST] " + message.content + "[/INST]" }}{%- endif %}
{%- elif message.tool_calls is defined and message.tool_calls %}{{- "[TOOL_CALLS] [" }}
    {%- for tool_call in message.tool_calls %}{%- set out = tool_call.function | tojson %}{{- out[:-1] }}
        {%- if tool_call.id|length != 9 %}{{- raise_exception("nine letters") }}{%- endif %}
        {{- ', "id": "' + tool_call.id + '"}' }}{{- ", " if not loop.last else "]" + eos_token }}{%- endfor %}
{%- elif message.role == "assistant" %}{{- " " + message.content|trim + eos_token }}
{%- elif message.role == "tool" %}{{- '[TOOL_RESULTS] {"content": ' + message.content|string + ", " }}
    {{- '"call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}{%- endif %}{%- endfor %}"""

CHATML_TOKENS = ("<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>")
LLAMA_TOKENS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
MISTRAL_TOKENS = ("<s>", "</s>", *(f"[{name}]" for name in (
    "INST", "/INST", "AVAILABLE_TOOLS", "/AVAILABLE_TOOLS", "TOOL_CALLS", "TOOL_RESULTS", "/TOOL_RESULTS"
)))  # fmt: skip
MODELS = {
    "qwen": (QWEN, CHATML_TOKENS, "", "<|im_end|>"),
    "llama": (LLAMA, LLAMA_TOKENS, "<|begin_of_text|>", "<|eot_id|>"),
    "mistral": (MISTRAL, MISTRAL_TOKENS, "<s>", "</s>"),
}
PYTHON = ToolSpec("python", "Run Python.", {"type": "object", "properties": {"code": {"type": "string"}}})
ARXIV = ToolSpec("arxiv", "在 arXiv 上检索论文", {"type": "object", "properties": {"query": {"type": "string"}}})
TOOLS = [
    {"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.parameters}}
    for t in (PYTHON, ARXIV)
]


def here(template: str, common: dict, requests: list) -> list[str | None]:  # type: ignore[type-arg]
    """In this process: these templates end."""
    write = template_process.compiled(template)
    return [write({**common, **request}) for request in requests]


def chat_of(name: str) -> ChatFormat:
    template, controls, bos, eos = MODELS[name]
    return format_of(template, controls, bos, eos, here)  # type: ignore[arg-type]


def by_file(name: str, messages: list[dict[str, Any]]) -> str:
    """What the template itself writes."""
    template, _, bos, eos = MODELS[name]
    common = {"bos_token": bos, "eos_token": eos, "add_generation_prompt": True, "tools": TOOLS}
    (text,) = here(template, common, [{"messages": messages}])
    assert text
    return text


def by_studio(name: str, system: str, *exchanges: Exchange) -> str:
    chat = chat_of(name)
    assert chat.tools
    messages = TemplateTools(chat.tools).messages(system, (PYTHON, ARXIV), exchanges)
    return text_of(by_template(chat, messages))


def call(name: str, arguments: dict[str, str], key: str = "arguments", thought: str = "", reply: int = 0) -> AgentStep:
    return AgentStep(
        thought, name, json.dumps({"name": name, key: arguments}, ensure_ascii=False), reply=reply, result=f"of {name}"
    )


def as_messages(question: str, *steps: AgentStep, together: bool = False) -> list[dict[str, Any]]:
    """The same in the form that templates get; with `together` in one reply."""
    calls, results = [], []
    for step in steps:
        data = json.loads(step.written)
        function = {"name": data["name"], "arguments": data.get("arguments", data.get("parameters"))}
        calls.append({"id": "idof7qqq1", "type": "function", "function": function})
        results.append({"role": "tool", "content": step.result, "tool_call_id": "idof7qqq1"})
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    if together:
        return [*messages, {"role": "assistant", "content": steps[0].thought, "tool_calls": calls}, *results]
    for number, result in enumerate(results):
        message = {"role": "assistant", "content": steps[number].thought, "tool_calls": [calls[number]]}
        messages += [message, result]
    return messages


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("system", ["", "Be kind."])
def test_the_prompt_is_what_the_template_writes(name: str, system: str) -> None:
    key = "parameters" if name == "llama" else "arguments"
    told: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    one, two = call("python", {"code": "1"}, key), call("arxiv", {"query": "茶"}, key, reply=1)
    assert by_studio(name, system, Exchange("Hi")) == by_file(name, [*told, {"role": "user", "content": "Hi"}])
    if name != "mistral" or not system:  # there the system text goes along with the newest question
        assert by_studio(name, system, Exchange("Hi", steps=(one, two))) == by_file(
            name, [*told, *as_messages("Hi", one, two)]
        )


def test_two_calls_in_one_reply_with_a_thought() -> None:
    steps = (call("python", {"code": "1"}, thought="Let me see."), call("arxiv", {"query": "tea"}))
    assert by_studio("qwen", "S", Exchange("Hi", steps=steps)) == by_file(
        "qwen", [{"role": "system", "content": "S"}, *as_messages("Hi", *steps, together=True)]
    )
    alone = tuple(call(s.tool, dict(json.loads(s.written)["arguments"]), "parameters") for s in steps)
    text = by_studio("llama", "S", Exchange("Hi", steps=alone))  # one at a time
    assert text == by_file("llama", [{"role": "system", "content": "S"}, *as_messages("Hi", *alone)])


@pytest.mark.parametrize("name", MODELS)
def test_a_conversation_goes_on_after_an_answer(name: str) -> None:
    key = "parameters" if name == "llama" else "arguments"
    step = call("python", {"code": "1"}, key)
    text = by_studio(name, "", Exchange("Hi", steps=(step,), answer="Done."), Exchange("And now?"))
    messages = [*as_messages("Hi", step), {"role": "assistant", "content": "Done."}]
    expected = by_file(name, [*messages, {"role": "user", "content": "And now?"}])
    if name == "mistral":  # it lists the tools before the newest question; here they stay where they were read
        listed = expected[expected.index("[AVAILABLE_TOOLS]") : expected.index("[/AVAILABLE_TOOLS]")]
        listed += "[/AVAILABLE_TOOLS]"
        expected = expected.replace(listed, "").replace("<s>", f"<s>{listed}", 1)
    assert text == expected


def test_marks_are_control_tokens_and_words_are_not() -> None:
    chat = chat_of("mistral")
    assert chat.tools
    convention = TemplateTools(chat.tools)
    assert convention.controls == ("<|python_tag|>", "[TOOL_CALLS]")
    exchange = Exchange("Hi [TOOL_CALLS]", steps=(call("python", {"code": "[/INST]"}),))
    prompt = by_template(chat, convention.messages("", (PYTHON,), (exchange,)))
    assert [s.piece for s in prompt if isinstance(s, Control)].count("[TOOL_CALLS]") == 1
    assert any(isinstance(s, Text) and "Hi [TOOL_CALLS]" in s.text for s in prompt)


def test_replies() -> None:
    mistral, qwen, llama = (TemplateTools(f) for name in ("mistral", "qwen", "llama") if (f := chat_of(name).tools))
    (one, two) = mistral.read(
        '[TOOL_CALLS] [{"name": "a", "arguments": {"x": 1}}, {"name": "b", "arguments": {}, "id": "1"}]'
    ).calls
    assert (one.tool, one.arguments, two.tool, one.problem) == ("a", {"x": 1}, "b", "")
    assert mistral.read("[TOOL_CALLS] [{").calls[0].problem and mistral.read("[TOOL_CALLS] [3]").calls[0].problem
    assert mistral.read("An answer").thought == "An answer"
    for reply in ('<tool_call>\n{"name": "a", "arguments": {}}\n</tool_call>', '{"name": "a", "parameters": {}}'):
        assert qwen.read(reply).calls[0].tool == llama.read(reply).calls[0].tool == "a"


def test_the_card_tells_the_convention() -> None:
    chat = chat_of("qwen")
    card = ModelCard("m", "instruct", ("en",), False, 4096, chat=chat)
    assert chat.tools and convention_of(card) == TemplateTools(chat.tools)
    for template in ("{{ tools }}", "{{ tools | tojson }}", QWEN.replace("tool | tojson", "tool.function.name")):
        chat = format_of(template + "" if "for" in template else QWEN.replace("# Tools", template), CHATML_TOKENS)
    assert chat.tools is None
    assert isinstance(convention_of(ModelCard("m", "instruct", ("en",), False, 4096, chat=chat)), JsonTools)


def test_tools_switched_off_leave_earlier_calls() -> None:
    chat = chat_of("qwen")
    assert chat.tools
    steps = (call("python", {"code": "1"}),)
    messages = TemplateTools(chat.tools).messages("S", (), (Exchange("Hi", steps=steps, answer="Done."), Exchange("?")))
    text = text_of(by_template(chat, messages))
    assert "# Tools" not in text and "<tool_response>\nof python\n</tool_response><|im_end|>" in text
