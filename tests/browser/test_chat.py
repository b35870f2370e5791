"""The chat with the embedded model: asking, branches, edits, history, a full context."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import NEWS, QUEUED
from tests.browser.visitor import Visitor
from tests.harness.server import Server
from tests.harness.waiting import wait_until

CHAT = "/v1/chat/completions"
QUESTION = {"en": "What is the capital of France?", "zh-CN": "告诉我中国的首都在哪里"}
ANSWER = {"en": "The capital of France is Paris.", "zh-CN": "中国的首都是北京。"}
# A beginning that a model which knows the answer can only go on with in one way.
START = {"en": "The capital of France is", "zh-CN": "中国的首都是"}
OTHER = {"en": "zh-CN", "zh-CN": "en"}


def test_question_and_answer(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real)
    page = visitor.page
    expect(page.locator("#welcome h2")).to_have_text(visitor.label("welcome_demo"))
    visitor.button(QUESTION[lang]).click()
    answer = visitor.answered()
    assert visitor.said() == [QUESTION[lang], ANSWER[lang]]
    tokens = re.escape(visitor.words("tokens", count="N")).replace("N", r"\d+")
    first = re.escape(visitor.words("first_token", seconds="N")).replace("N", r"\d+\.\d\d")
    stats = re.compile(rf"^{tokens} · .*{first} · {visitor.words('finish_stop')}$")
    expect(answer.locator(".stats")).to_have_text(stats)
    assert re.match(r"\d+ / 1,024 ", page.inner_text("#chat-meter"))
    done = re.escape(visitor.words("done", count="N")).replace("N", r"\d+")
    assert re.fullmatch(done, page.inner_text("#announcer"))
    [sent] = visitor.bodies(CHAT)
    assert sent["messages"] == [{"role": "user", "content": QUESTION[lang]}]
    assert sent["stream"] is True and "temperature" not in sent, "the API's own defaults"


def test_branches(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real)
    page = visitor.page
    answer = visitor.ask(QUESTION[lang])
    visitor.press(answer, "regenerate")
    answer = visitor.answered()
    count = page.locator(".turn.assistant .branches .count")
    expect(count).to_have_text("2/2")
    visitor.press(answer, "earlier")
    expect(count).to_have_text("1/2")
    expect(page.locator("[data-action=earlier]")).to_be_focused()
    visitor.press(page.locator(".turn.assistant"), "later")
    expect(count).to_have_text("2/2")

    visitor.press(page.locator(".turn.user"), "edit")
    page.fill(".editor", QUESTION[OTHER[lang]])
    visitor.button(visitor.words("save_and_send")).click()
    visitor.answered()
    assert visitor.said() == [QUESTION[OTHER[lang]], ANSWER[OTHER[lang]]]
    assert visitor.bodies(CHAT)[-1]["messages"] == [
        {"role": "user", "content": QUESTION[OTHER[lang]]}
    ], "what is in sight is what is sent"
    visitor.press(page.locator(".turn.user"), "earlier")
    assert visitor.said() == [QUESTION[lang], ANSWER[lang]], "the other branch has stayed"
    visitor.press(page.locator(".turn.assistant"), "remove")
    assert visitor.said() == [QUESTION[lang], ANSWER[lang]], "its neighbour is shown"
    assert page.locator(".turn.assistant .branches").count() == 0


def test_edits_and_going_on(visit: Visits, real: Server, lang: str) -> None:
    visitor = visit(real)
    page = visitor.page
    visitor.ask(QUESTION[lang])
    visitor.press(page.locator(".turn.user"), "edit")
    page.fill(".editor", f"{QUESTION[lang]} ")
    visitor.button(visitor.words("save")).click()
    assert len(visitor.posted(CHAT)) == 1, "saved and not sent"

    start = START[lang]
    visitor.press(page.locator(".turn.assistant"), "edit")
    page.fill(".editor", start)
    visitor.button(visitor.words("save")).click()
    assert visitor.said()[1] == start
    visitor.press(page.locator(".turn.assistant"), "continue")
    went_on(visitor, start, lang)

    visitor.press(page.locator(".turn.assistant"), "edit")
    page.fill(".editor", start)
    visitor.button(visitor.words("save_and_continue")).click()
    went_on(visitor, start, lang)
    assert len(visitor.posted(CHAT)) == 3


def went_on(visitor: Visitor, start: str, lang: str) -> None:
    """The answer begins with the edited text and was finished by the model."""
    answer = visitor.answered()
    expect(answer.locator(".stats")).to_contain_text(visitor.words("finish_stop"))
    assert visitor.page.locator("#chat-failure").is_hidden()
    assert visitor.said()[1] == ANSWER[lang]
    sent = visitor.bodies(CHAT)[-1]
    assert sent["continue_final_message"] is True
    assert sent["messages"] == [
        {"role": "user", "content": f"{QUESTION[lang]} "},
        {"role": "assistant", "content": start},
    ]


def test_an_editor_stays_while_another_answer_comes(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.ask("one")
    visitor.press(page.locator(".turn.user"), "edit")
    page.fill(".editor", "rewritten")
    visitor.ask("two")
    assert page.input_value(".editor") == "rewritten"
    visitor.button(visitor.words("save")).click()
    assert visitor.said()[0] == "rewritten"


def test_history(visit: Visits, real: Server, lang: str, tmp_path: Path) -> None:
    visitor = visit(real)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-system", "简短")
    visitor.ask(QUESTION[lang])
    assert visitor.bodies(CHAT)[0]["messages"][0] == {"role": "system", "content": "简短"}
    page.click("#new-chat")
    assert page.locator("#welcome").is_visible() and page.input_value("#chat-system") == ""
    visitor.open()
    page.locator(".conversation").click()
    page.wait_for_selector(".turn.assistant .stats")
    assert visitor.said() == [QUESTION[lang], ANSWER[lang]]
    assert page.input_value("#chat-system") == "简短"
    visitor.press(page.locator(".turn.assistant"), "code")
    page.click("[data-code=json]")
    shown = json.loads(page.locator("#code-text").text_content() or "")
    assert shown == visitor.bodies(CHAT)[0], "from before this visit, and the same"
    page.keyboard.press("Escape")

    with page.expect_download() as markdown:
        page.click("#chat-markdown")
    text = markdown.value.path().read_text(encoding="utf-8")
    assert text == (
        f"# {QUESTION[lang]}\n\n> 简短\n\n**{visitor.words('you')}**\n\n{QUESTION[lang]}\n\n"
        f"**{visitor.words('assistant')}**\n\n{ANSWER[lang]}\n"
    )
    with page.expect_download() as exported:
        page.click("#export-all")
    file = tmp_path / "w.json"
    exported.value.save_as(file)
    assert json.loads(file.read_text(encoding="utf-8"))["version"] == 1

    page.click("#clear-all")
    expect(page.locator("#confirm-text")).to_have_text(visitor.words("clear_question"))
    page.click("#confirm-yes")
    expect(page.locator(".conversation")).to_have_count(0)
    page.set_input_files("#import-file", file)
    expect(page.locator(".conversation")).to_have_count(1)
    assert visitor.said() == [QUESTION[lang], ANSWER[lang]]
    for damaged, told in DAMAGED.items():
        file.write_text(damaged, encoding="utf-8")
        page.set_input_files("#import-file", file)
        expect(page.locator("#chat-failure")).to_contain_text(
            visitor.words(told, what=visitor.words("damaged_turn"))
        )
    expect(page.locator(".conversation")).to_have_count(1)


OWN = '{"format": "westlake-conversations", "version": 1, "conversations": '
#: What is imported, and the key of what is said about it.
DAMAGED = {
    "{": "import_no_json",
    '{"format": "westlake-conversations", "version": 2, "conversations": []}': "import_other",
    OWN + '[{"id": "x", "title": "", "created": 1, "updated": 1, "system": "",'
    ' "nodes": {"a": 1}}]}': "import_damaged",
}


def test_storage_that_is_not_ours_is_left_alone(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    visitor.ask("one")
    others = {"westlake:v1:chat:x": "{", "westlake:v0:chat:y": "{}", "westlake:v1:chat:z": "[1]"}
    put = "given => Object.entries(given).forEach(([k, v]) => localStorage.setItem(k, v))"
    visitor.page.evaluate(put, others)
    visitor.open()
    expect(visitor.page.locator(".conversation")).to_have_text(["one"])
    visitor.ask("two")
    for key, value in others.items():
        assert visitor.page.evaluate("key => localStorage.getItem(key)", key) == value


def test_two_windows_keep_each_others_conversations(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    visitor.ask("one")
    other = visit(scripted)
    other.ask("two")
    expect(visitor.page.locator(".conversation")).to_have_text(["two", "one"])
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
    expect(visitor.page.locator("#chat-failure")).to_contain_text(visitor.words("store_full"))
    expect(visitor.page.locator(".conversation")).to_have_count(2)
    assert visitor.said()[1].startswith("long")
    visitor.page.evaluate("Object.keys(localStorage).filter((k) => k.startsWith('filler'))"
                          ".forEach((k) => localStorage.removeItem(k))")  # fmt: skip
    visitor.button(visitor.words("remove_older")).click()
    expect(visitor.page.locator(".conversation")).to_have_count(1)
    visitor.open()
    expect(visitor.page.locator(".conversation")).to_have_count(1)


def test_a_full_context_is_handled_in_sight(visit: Visits, real: Server) -> None:
    visitor = visit(real)
    long = "给我讲一些有关杭州的故事吧。" * 50
    for number in range(1, 4):
        visitor.ask(f"{number}。{long}")
    sent = visitor.bodies(CHAT)[-1]["messages"]
    assert sent[0]["role"] == "user" and len(sent) < 5
    gone = 5 - len(sent)
    told = visitor.page.locator(".truncation-line")
    expect(told).to_have_text(visitor.words("truncated", count=str(gone)))
    assert visitor.page.locator("#chat-failure").is_hidden()
    assert visitor.page.locator(".turn.truncated").count() == gone


@pytest.mark.parametrize("lang", ["en"])
def test_what_is_certain_to_fit_is_not_counted_first(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    context = visitor.page.locator("#chat-meter")
    visitor.ask("one")
    expect(context).to_contain_text("65,536")
    assert visitor.posted("/tokenize") == []
    visitor.ask("多" * 21_600)  # with what a template adds it may be more than fits
    [asked] = visitor.bodies("/tokenize")
    assert asked["count_only"] and len(asked["messages"]) == 3
    assert len(visitor.bodies(CHAT)[-1]["messages"]) == 3


def test_states_of_an_answer(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.send(QUEUED)
    state = page.locator(".state")
    expect(state).to_contain_text(visitor.words("queued", count="3"))
    page.click("#chat-stop-button")
    visitor.answered()
    page.click("#new-chat")
    visitor.send(NEWS)
    expect(state).to_contain_text(visitor.words("reading", done="32", of="64"))
    assert state.locator("progress").get_attribute("value") == "0.5"
    expect(state).to_contain_text(visitor.words("writing"))
    expect(state).to_contain_text("~")
    answer = page.locator(".turn").last.locator(".content")
    first = len(answer.text_content() or "")
    assert first > 0
    wait_until(
        lambda: len(answer.text_content() or "") > first, lambda: "it is not shown as it comes"
    )
    page.click("#chat-stop-button")
    visitor.answered()


def test_copy(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, permissions=["clipboard-read", "clipboard-write"])
    answer = visitor.ask("say **bold**\n\n```python\nprint(1)\n```")
    answer.hover()
    answer.get_by_role("button", name=visitor.words("copy"), exact=True).click()
    expect(visitor.page.locator("#announcer")).to_have_text(visitor.words("copied"))
    read = "navigator.clipboard.readText()"
    assert visitor.page.evaluate(read) == "**bold**\n\n```python\nprint(1)\n```"
    answer.get_by_role("button", name=visitor.words("copy_code")).click()
    wait_until(lambda: visitor.page.evaluate(read) == "print(1)\n", lambda: "not copied")


def test_a_choice_of_models(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    expect(visitor.page.locator("#model option")).to_have_count(2)
    visitor.page.select_option("#model", label="adapted")
    visitor.ask("one")
    assert visitor.bodies(CHAT)[0]["model"] == "adapted"
