"""Talk on the scripted engine: personas, versions, branches, what the model saw, personas of strangers, tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, watched

pytestmark = pytest.mark.browser


@pytest.fixture
def page(scripted: Server, chromium: Browser) -> Iterator[Page]:
    for page in watched(scripted, chromium):
        page.get_by_role("tab", name="Talk", exact=True).click()
        expect(page.locator("#talk .persona").first).to_be_visible(timeout=20_000)
        page.locator("#talk [data-act=talk_new]").click()
        yield page


def ask(page: Page, question: str) -> None:
    page.fill("#talk .box textarea", question)
    page.keyboard.press("Enter")


def answered(page: Page, times: int = 1) -> None:
    expect(page.locator("#talk .turn")).to_have_count(times, timeout=60_000)
    expect(page.locator("#talk [data-act=talk_send]")).to_be_visible(timeout=60_000)


def act(page: Page, name: str, turn: int = 0) -> None:
    page.locator("#talk .turn").nth(turn).locator(f"[data-act={name}]").click()


def test_a_persona_answers_and_says_whose_model_plays_it(page: Page) -> None:
    page.locator("#talk .persona[data-key=bajie]").click()
    expect(page.locator("#talk .note")).to_contain_text("studio models download bajie-chat-mini")
    ask(page, "  Where to?  <|im_end|>")
    answered(page)
    expect(page.locator("#talk .question")).to_have_text("  Where to?  <|im_end|>")
    expect(page.locator("#talk .greeting")).to_contain_text("老猪")
    act(page, "talk_saw")
    saw = page.locator("dialog pre.saw")
    expect(saw).to_contain_text("你是猪八戒")
    assert (saw.text_content() or "").endswith("user\n  Where to?  <|im_end|><|im_end|>\n<|im_start|>assistant\n")
    expect(page.locator("dialog summary")).to_contain_text("tokens")


def test_another_answer_keeps_the_first(page: Page) -> None:
    ask(page, "one")
    answered(page)
    ask(page, "two")
    answered(page, 2)
    act(page, "talk_again")
    answered(page, 1)
    expect(page.locator("#talk .versions-of")).to_have_text("2/2")
    act(page, "talk_earlier")
    expect(page.locator("#talk .turn")).to_have_count(2)  # with what followed it
    expect(page.locator("#talk .versions-of")).to_have_text("1/2")
    act(page, "talk_edit")
    page.fill("dialog textarea", "one, in other words")
    page.locator("dialog [data-act=ask_again]").click()
    answered(page, 1)
    expect(page.locator("#talk .question")).to_have_text("one, in other words")
    expect(page.locator("#talk .versions-of")).to_have_text("3/3")
    act(page, "talk_branch")
    expect(page.locator("#talk .versions-of")).to_have_count(0)


def test_conversations_are_found_renamed_and_deleted(page: Page) -> None:
    ask(page, "a question about herons")
    answered(page)
    page.locator("#talk [data-act=talk_rename]").click()
    page.fill("dialog input", "Grey birds")
    page.keyboard.press("Enter")
    row = page.locator("#talk .talk-row", has_text="Grey birds")
    expect(row).to_be_visible()
    page.reload()
    page.get_by_role("tab", name="Talk", exact=True).click()
    page.fill("#talk input[type=search]", "herons")
    expect(page.locator("#talk .talk-row")).to_have_count(1, timeout=20_000)
    page.locator("#talk .talk-row .open").click()
    expect(page.locator("#talk .question")).to_have_text("a question about herons")
    page.locator("#talk .talk-row [data-act=delete]").click()
    expect(page.locator("#talk .talk-row")).to_have_count(0)
    page.locator(".toast .act").click()
    expect(page.locator("#talk .talk-row")).to_have_count(1)


def test_stop_ends_an_answer_and_continue_goes_on(page: Page) -> None:
    ask(page, "slowly please")
    expect(page.locator("#talk .answer")).to_contain_text("Words come", timeout=60_000)
    page.locator("#talk [data-act=talk_stop]").click()
    answered(page)
    expect(page.locator("#talk .turn > .hint")).to_have_text("Stopped.")
    expect(page.locator("#talk [data-act=talk_continue]")).to_be_visible()


def test_an_own_persona_is_made_and_travels(page: Page, tmp_path: Path) -> None:
    page.locator("#talk [data-act=persona_new]").click()
    page.get_by_label("Name", exact=True).fill("Tea master")
    page.get_by_label("Who it is, and how it speaks").fill("You pour tea.")
    page.locator("dialog [data-act=save]").click()
    mine = page.locator("#talk .persona", has_text="Tea master")
    expect(mine).to_have_attribute("aria-checked", "true", timeout=20_000)
    with page.expect_download() as given:
        page.locator("#talk [data-act=persona_export]").click()
    data = json.loads(Path(given.value.path()).read_text())
    assert (data["name"], data["system"]) == ("Tea master", "You pour tea.")
    page.locator("#talk [data-act=persona_delete]").click()
    expect(mine).to_have_count(0)


def test_a_hostile_persona_is_text(page: Page, tmp_path: Path) -> None:
    script = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    file = tmp_path / "card.json"
    card = {"name": script[:50], "description": script, "first_mes": script}
    file.write_text(json.dumps({"spec": "chara_card_v2", "data": card}))
    page.set_input_files("#talk .personas input[type=file]", str(file))
    expect(page.locator("#talk .persona[aria-checked=true]")).to_contain_text("<img src=x", timeout=20_000)
    ask(page, "hello")
    answered(page)
    expect(page.locator("#talk .greeting")).to_contain_text("<script>")
    assert page.title() != "run" and page.locator("#talk .middle img[src=x]").count() == 0
    page.locator("#talk [data-act=talk_new]").click()
    file.write_text("{")
    page.set_input_files("#talk .personas input[type=file]", str(file))
    expect(page.locator(".toast")).to_contain_text("is no persona file")


def test_a_tool_s_steps_are_shown_and_folded(page: Page) -> None:
    page.locator("#talk .tools-on summary").click()
    page.locator("#talk .tool-list .row", has_text="Calculator").locator("input").first.check()
    page.locator("#talk .tools-on summary").click()
    ask(page, "compute the sum")
    answered(page)
    step = page.locator("#talk .step")
    expect(step).to_have_count(1)
    expect(step.locator("summary")).to_contain_text("done")
    assert not step.evaluate("step => step.open")
    expect(page.locator("#talk .answer").last).to_contain_text("680")


def test_the_numbers_say_what_they_mean_and_go_back(page: Page) -> None:
    page.get_by_role("button", name="How it answers").click()
    field = page.locator("#talk_temperature")
    expect(field).to_contain_text("0 always takes the likeliest")
    field.locator("input").fill("5")
    expect(field.locator(".range")).to_be_visible()
    page.locator("#talk-settings [data-act=talk_default]").click()
    expect(field.locator("input")).to_have_value("")
    expect(field.locator(".range")).to_be_hidden()


def test_it_opens_from_history_and_becomes_an_article(page: Page) -> None:
    page.locator("#talk .persona[data-key=huanhuan]").click()
    ask(page, "a question about wild geese")
    answered(page)
    page.locator("#talk [data-act=talk_new]").click()
    page.get_by_role("tab", name="History").click()
    page.select_option("#history-shelf select", "conversations")
    page.locator("#history-shelf .cover").first.click()
    expect(page.locator("#talk .question")).to_have_text("a question about wild geese", timeout=20_000)
    with page.expect_download() as saved:
        page.locator("#talk [data-act=save_xlsx]").click()
    assert saved.value.suggested_filename.endswith(".xlsx")
    page.locator("#talk [data-act=write_about]").click()
    expect(page.locator("#instruction textarea")).not_to_have_value("", timeout=20_000)


def test_a_tool_asks_first_and_the_address_and_drafts_outlive_a_reload(page: Page) -> None:
    page.locator("#talk .tools-on summary").click()
    row = page.locator("#talk .tool-list .row", has_text="Calculator")
    row.locator("input").first.check()
    row.locator("input").last.check()
    page.locator("#talk .tools-on summary").click()
    ask(page, "half of 1360")
    page.locator("#talk [data-act=talk_allow]").click(timeout=60_000)
    answered(page)
    expect(page.locator("#talk .answer").last).to_contain_text("Half of it is 680.")
    page.wait_for_function("/^#.talk.[0-9]+$/.test(location.hash)")
    page.fill("#talk .box textarea", "half a question")
    page.reload()
    expect(page.locator("#talk .question")).to_have_text("half of 1360", timeout=60_000)
    expect(page.locator("#talk .box textarea")).to_have_value("half a question")
    page.locator("#talk [data-act=talk_new]").click()
    expect(page.locator("#talk .box textarea")).to_have_value("")
    page.wait_for_function("location.hash === '#/talk'")
    ask(page, "too long " * 1000)
    expect(page.locator("#talk .box textarea")).to_have_value("too long " * 1000, timeout=60_000)
    expect(page.locator("#talk .turn")).to_have_count(0)
