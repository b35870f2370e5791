"""The chat with the embedded model, in both languages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.playground.texts import SCRIPT_TEXTS, TEXTS
from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import BREAK, NEWS, REFUSE
from tests.e2e.server import Server

CHAT = "/v1/chat/completions"
LANGUAGES = pytest.mark.parametrize("lang", ["en", "zh-CN"])
QUESTION = {"en": "What is the capital of France?", "zh-CN": "告诉我中国的首都在哪里"}
ANSWER = {"en": "The capital of France is Paris.", "zh-CN": "中国的首都是北京。"}


@LANGUAGES
def test_question_and_answer(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real, locale=lang)
    page = visitor.page
    expect(page.locator("#welcome h2")).to_have_text(TEXTS[lang]["welcome"])
    page.get_by_role("button", name=QUESTION[lang]).click()
    answer = visitor.answered()
    assert visitor.said() == [QUESTION[lang], ANSWER[lang]]
    tokens = r"\d+ tok" if lang == "en" else r"\d+ 词元"
    speed = answer.locator(".speed").inner_text()
    assert re.match(rf"{tokens} · .*\d+\.\d\d.* · {SCRIPT_TEXTS[lang]['finish_stop']}$", speed)
    assert re.match(r"\d+ / 1,024 ", page.inner_text("#chat-meter"))
    assert page.inner_text("#said").startswith(SCRIPT_TEXTS[lang]["done"][:2])
    [sent] = visitor.bodies(CHAT)
    assert sent["messages"] == [{"role": "user", "content": QUESTION[lang]}]
    assert sent["stream"] is True and "temperature" not in sent, "the API's own defaults"


@LANGUAGES
def test_branches_edits_and_going_on(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real, locale=lang)
    page = visitor.page
    answer = visitor.ask(QUESTION[lang])
    visitor.press(answer, "again")
    answer = visitor.answered()
    expect(answer.locator(".branches .count")).to_have_text("2/2")
    visitor.press(answer, "earlier")
    expect(page.locator("#thread > .turn").last.locator(".branches .count")).to_have_text("1/2")
    expect(page.locator("[data-action=earlier]")).to_be_focused()

    visitor.press(page.locator(".turn.mine"), "edit")
    page.fill(".editor", QUESTION["en" if lang == "zh-CN" else "zh-CN"])
    page.get_by_role("button", name=SCRIPT_TEXTS[lang]["save_and_send"]).click()
    visitor.answered()
    assert visitor.said()[1] == ANSWER["en" if lang == "zh-CN" else "zh-CN"]
    visitor.press(page.locator(".turn.mine"), "earlier")
    assert visitor.said() == [QUESTION[lang], ANSWER[lang]], "the other branch has stayed"

    visitor.press(page.locator(".turn.theirs"), "edit")
    page.fill(".editor", ANSWER[lang][:3])
    page.get_by_role("button", name=SCRIPT_TEXTS[lang]["save"], exact=True).click()
    assert visitor.said()[1] == ANSWER[lang][:3]
    visitor.press(page.locator(".turn.theirs"), "go_on")
    visitor.answered()
    assert visitor.said()[1].startswith(ANSWER[lang][:3]) and len(visitor.said()[1]) > 3
    sent = visitor.bodies(CHAT)[-1]
    assert sent["continue_final_message"] is True
    assert sent["messages"][-1] == {"role": "assistant", "content": ANSWER[lang][:3]}

    visitor.press(page.locator(".turn.theirs"), "remove")
    assert visitor.said()[0] == QUESTION[lang], "its neighbour is shown"


@LANGUAGES
def test_history(visit: Visits, real: Server, lang: str, tmp_path: Path) -> None:
    visitor = visit(real, locale=lang)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-system", "简短")
    visitor.ask(QUESTION[lang])
    assert visitor.bodies(CHAT)[0]["messages"][0] == {"role": "system", "content": "简短"}
    page.click("#new-chat")
    assert page.locator("#welcome").is_visible() and page.input_value("#chat-system") == ""
    visitor.open(f"/?lang={lang}")
    page.get_by_role("button", name=QUESTION[lang], exact=True).first.click()
    page.wait_for_selector(".turn.theirs .speed")
    assert visitor.said() == [QUESTION[lang], ANSWER[lang]]
    assert page.input_value("#chat-system") == "简短"
    visitor.press(page.locator(".turn.theirs"), "code")
    page.click("[data-code=json]")
    shown = json.loads(page.locator("#code-text").text_content() or "")
    assert shown == visitor.bodies(CHAT)[0], "from before this visit, and the same"
    page.keyboard.press("Escape")

    with page.expect_download() as markdown:
        page.click("#chat-markdown")
    text = markdown.value.path().read_text(encoding="utf-8")
    assert text.startswith(f"# {QUESTION[lang]}\n\n> 简短\n") and ANSWER[lang] in text
    with page.expect_download() as exported:
        page.click("#export-all")
    file = tmp_path / "w.json"
    exported.value.save_as(file)
    assert json.loads(file.read_text(encoding="utf-8"))["version"] == 1

    page.click("#clear-all")
    page.click("#question-yes")
    expect(page.locator(".conversation")).to_have_count(0)
    page.set_input_files("#import-file", file)
    expect(page.locator(".conversation")).to_have_count(1)
    assert visitor.said() == [QUESTION[lang], ANSWER[lang]]
    for damaged in ("{", '{"version": 0}', '{"format":"westlake-conversations","version":1,'
                    '"conversations":[{"id":"x"}]}'):  # fmt: skip
        file.write_text(damaged, encoding="utf-8")
        page.set_input_files("#import-file", file)
        expect(page.locator("#chat-failure")).to_be_visible()
        page.evaluate("document.getElementById('chat-failure').hidden = true")
    expect(page.locator(".conversation")).to_have_count(1)


def test_two_windows_keep_each_others_conversations(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    visitor.ask("one")
    other = visitor.context.new_page()
    other.goto(scripted.url)
    other.fill("#chat-message", "two")
    other.press("#chat-message", "Enter")
    other.wait_for_selector(".turn.theirs .speed")
    expect(visitor.page.locator(".conversation")).to_have_text(["two", "one"])
    other.close()
    visitor.ask("three")
    visitor.open()
    expect(visitor.page.locator(".conversation")).to_have_count(2)


def test_a_full_storage_loses_nothing_in_sight(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    visitor.ask("one")
    visitor.page.click("#new-chat")
    visitor.page.evaluate(
        """() => {
            const fill = (size, n) => (localStorage[`filler${size}-${n}`] = "x".repeat(size));
            for (let size = 4_000_000; size > 100; size = Math.floor(size / 2)) {
                try { for (let n = 0; ; n += 1) fill(size, n); } catch { continue; }
            }
        }"""
    )
    visitor.ask("say " + "long " * 200)
    expect(visitor.page.locator("#chat-failure")).to_be_visible()
    expect(visitor.page.locator(".conversation")).to_have_count(2)
    assert visitor.said()[1].startswith("long")
    visitor.page.evaluate("Object.keys(localStorage).filter((k) => k.startsWith('filler'))"
                          ".forEach((k) => localStorage.removeItem(k))")  # fmt: skip
    visitor.page.get_by_role("button", name=SCRIPT_TEXTS["en"]["remove_older"]).click()
    expect(visitor.page.locator(".conversation")).to_have_count(1)
    visitor.open()
    expect(visitor.page.locator(".conversation")).to_have_count(1)


@LANGUAGES
def test_a_full_context_is_handled_in_sight(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real, locale=lang)
    long = "给我讲一些有关杭州的故事吧。" * 50
    for number in range(1, 4):
        visitor.ask(f"{number}。{long}")
    folded = visitor.page.locator(".folded-line")
    expect(folded).to_have_count(1)
    assert visitor.page.locator("#chat-failure").is_hidden()
    sent = visitor.bodies(CHAT)[-1]["messages"]
    assert sent[0]["role"] == "user" and len(sent) < 5
    assert visitor.page.locator(".turn.folded").count() == 5 - len(sent)


@LANGUAGES
def test_states_before_the_first_word(visit: Visits, scripted: Server, lang: str) -> None:
    visitor = visit(scripted, locale=lang)
    visitor.send(NEWS)
    state = visitor.page.locator(".state")
    words = SCRIPT_TEXTS[lang]
    expect(state).to_contain_text(words["reading"].format(done="32", of="64"))
    expect(state).to_contain_text(words["writing"])
    expect(state).to_contain_text("~")
    visitor.page.click("#chat-halt")
    visitor.answered()


@LANGUAGES
def test_failures_say_what_to_do(visit: Visits, scripted: Server, lang: str) -> None:
    visitor = visit(scripted, locale=lang, expect=("503", "ERR_INCOMPLETE_CHUNKED"))
    words = SCRIPT_TEXTS[lang]
    box = visitor.page.locator("#chat-failure")
    visitor.send(REFUSE)
    expect(box).to_contain_text(words["next_overloaded"].format(seconds="1"))
    assert visitor.said() == [REFUSE], "the question stays, without an empty answer"
    visitor.page.get_by_role("button", name=words["try_again"]).last.click()
    expect(box).to_contain_text(words["next_overloaded"].format(seconds="1"))
    visitor.page.click("#new-chat")
    visitor.send(BREAK)
    # The connection ends right after the event; browsers may lose the event with it.
    expect(box).to_contain_text(re.compile("|".join((words["next_fault"], words["next_cut"]))))
    visitor.answered()
    assert box.get_attribute("role") == "alert"


def test_parameters_out_of_range_name_their_field(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("400",))
    visitor.page.click("[data-parameters=chat-parameters]")
    visitor.page.fill("#chat-temperature", "3")
    assert visitor.page.get_attribute("#chat-temperature", "aria-invalid") == "true"
    visitor.send("a")
    expect(visitor.page.locator("#chat-failure")).to_contain_text("temperature")
    visitor.page.fill("#chat-temperature", "")
    visitor.page.get_by_role("button", name=SCRIPT_TEXTS["en"]["try_again"]).first.click()
    visitor.answered()
    assert visitor.said()[1] == "You said: a"


def test_keys_of_the_keyboard(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.ask("one")
    page.focus("#chat-message")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".editor")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".mine [data-action=edit]")).to_be_focused()
    page.keyboard.press("Control+Shift+O")
    expect(page.locator("#welcome")).to_be_visible()
    page.keyboard.press("Control+/")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_copy(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, permissions=["clipboard-read", "clipboard-write"])
    answer = visitor.ask("say **bold**\n\n```python\nprint(1)\n```")
    answer.hover()
    answer.get_by_role("button", name=SCRIPT_TEXTS["en"]["copy"], exact=True).click()
    expect(visitor.page.locator("#said")).to_have_text(SCRIPT_TEXTS["en"]["copied"])
    read = "navigator.clipboard.readText()"
    assert visitor.page.evaluate(read) == "**bold**\n\n```python\nprint(1)\n```"
    answer.get_by_role("button", name=SCRIPT_TEXTS["en"]["copy_code"]).click()
    visitor.page.wait_for_timeout(200)
    assert visitor.page.evaluate(read) == "print(1)\n"


def test_the_key_is_sent_and_not_shown(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.click("#key-open")
    page.fill("#key-value", "sk-secret")
    page.click("#key button[value=save]")
    visitor.ask("one")
    [request] = [r for r in visitor.sent if r.url.endswith(CHAT)]
    assert request.headers["authorization"] == "Bearer sk-secret"
    page.click("#chat-code")
    for language in page.locator("[data-code]").all():
        language.click()
        assert "sk-secret" not in page.inner_text("#code-text")
    assert page.evaluate("JSON.stringify(localStorage)").count("sk-secret") == 0
    page.keyboard.press("Escape")
    visitor.open()
    visitor.ask("two")
    asked = [r for r in visitor.sent if r.url.endswith(CHAT)]
    assert asked[-1].headers["authorization"] == "Bearer sk-secret", "for this visit"


def test_a_server_that_asks_for_a_key(visit: Visits, keyed: Server) -> None:
    visitor = visit(keyed, expect=("401",))
    page = visitor.page
    visitor.send("你好")
    expect(page.locator("#chat-failure")).to_contain_text(SCRIPT_TEXTS["en"]["next_key"])
    page.get_by_role("button", name=SCRIPT_TEXTS["en"]["enter_key"]).click()
    page.fill("#key-value", "sk-test")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=SCRIPT_TEXTS["en"]["try_again"]).first.click()
    visitor.answered()
    assert visitor.said()[1] == "You said: 你好"


def test_a_choice_of_models(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    assert visitor.page.locator("#model option").count() == 2
    visitor.page.select_option("#model", index=1)
    visitor.ask("one")
    assert visitor.bodies(CHAT)[0]["model"].startswith("<img")
