"""Markdown of models and people for Gradio's Chatbot: its marks work, HTML in it is shown as it was typed.

The Chatbot removes scripts from the HTML of a message and keeps `style`, `class`, `id` and forms: enough for a link
over the whole window. So tags are escaped before it sees them. Code keeps its signs where it is certainly code to every
reader of Markdown; where two readers could differ, it is escaped as well. The same with pictures of other hosts, which
would tell them who reads.
"""

from __future__ import annotations

import re
import string

_SIGNS = frozenset(string.punctuation + " \t")  # blanks, too: at the begin of a line they could be code
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_PICTURE = re.compile(r"!(?=\[)")
_FENCE = re.compile(r"(`{3,}|~{3,})[^`~]*")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)([^|\n]*?[^`|\n])\1(?!`)")
_DEFINITION = re.compile(r"^[ >\-*+\d.)]*\[[^\]]*\]:", re.MULTILINE)


def plain_markdown(text: str) -> str:
    """The text without anything that a Markdown reader takes for HTML or for a picture."""
    if not (_TAG.search(text) or _PICTURE.search(text)):
        return text
    if _DEFINITION.search(text):  # its title may run over lines, and take the marks of code with it
        return _escape(text)
    parts: list[str] = []
    fence = ""
    prose: list[str] = []
    for line in text.splitlines(keepends=True):
        bare = line.rstrip()
        if fence:
            parts.append(line)
            if bare.startswith(fence) and not bare.strip(fence[0]):
                fence = ""
        elif opened := _FENCE.fullmatch(bare):
            parts += [_outside_fences("".join(prose)), line]
            fence, prose = opened[1], []
        else:
            prose.append(line)
    return "".join(parts) + _outside_fences("".join(prose))


def literal(text: str) -> str:
    """The text so that every sign of it is shown as it was typed: nothing of it is a mark, a tag or a formula."""
    lines = ["".join(map(_sign, line)) for line in text.splitlines()]
    return "<br>".join(lines)


def _sign(character: str) -> str:
    if character == "$":  # in an element of its own: formulas are looked for in what is shown
        return "<span>&#36;</span>"
    return f"&#{ord(character)};" if character in _SIGNS else character


def _outside_fences(text: str) -> str:
    """Spans of code count only where every line closes its own: an open one would change what the next lines are."""
    if "\\`" in text or any("`" in _SPAN.sub("", line) for line in text.splitlines()):
        return _escape(text)
    parts, end = [], 0
    for span in _SPAN.finditer(text):
        parts += [_escape(text[end : span.start()]), span[0]]
        end = span.end()
    return "".join(parts) + _escape(text[end:])


def _escape(text: str) -> str:
    return _PICTURE.sub(r"\\!", _TAG.sub("&lt;", text))
