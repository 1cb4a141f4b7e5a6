"""A title and materials, for which XComposer2 has no trained prompt: worded like its edits, in the title's language."""

from __future__ import annotations

from studio.engine.scripted import prompt_text
from studio.prompts.internlm2 import InternLM2
from studio.prompts.xcomposer2 import XComposer2
from studio.protocol import Image

ASKED = "[UNUSED_TOKEN_146]user\n"
ANSWER = "[UNUSED_TOKEN_145]\n[UNUSED_TOKEN_146]assistant\n"
CHINESE = "以“末班渡船”为题写一篇文章。\n基于以下素材：1931年通航。"
SPEECH = XComposer2()


def test_an_article() -> None:
    prompt = SPEECH.article("末班渡船", (Image("a", b""),), materials="1931年通航。")
    assert prompt_text(prompt) == f"{ASKED}{{image}}{CHINESE}{ANSWER}"
    english = 'Write an article with the title "The {Last} Ferry".\nBased on the following materials: Since {1931}.'
    assert prompt_text(SPEECH.article("The {Last} Ferry", (), materials="Since {1931}.")) == f"{ASKED}{english}{ANSWER}"


def test_the_steps_of_an_outline() -> None:
    section = prompt_text(
        SPEECH.section("末班渡船", ("渡船", "大桥"), "大桥", "# 末班渡船\n\n## 大桥", (), "1931年通航。")
    )
    assert section == f"{ASKED}{CHINESE}\n1. 渡船\n2. 大桥{ANSWER}# 末班渡船\n\n## 大桥\n\n"
    assert prompt_text(SPEECH.outline("末班渡船", "1931年通航。")).startswith(f"{ASKED}{CHINESE}\n请先列出")


def test_the_same_without_pictures_for_internlm2() -> None:
    prompt = prompt_text(InternLM2().article("末班渡船", (Image("a", b""),), materials="1931年通航。"))
    assert prompt == f"<|im_start|>user\n{CHINESE}<|im_end|>\n<|im_start|>assistant\n"
