"""No message or draft is lost: undo, two windows, reloads, other chats."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import REFUSE, SLOW, TYPE
from tests.browser.test_accessibility import violations
from tests.browser.visitor import Visitor
from tests.harness.server import Server

CHAT = "/v1/chat/completions"
KEPT = "Object.fromEntries(Object.entries(localStorage).sort())"


IN_ONE_LANGUAGE = pytest.mark.parametrize("lang", ["en"])


def kept(visitor: Visitor) -> Any:
    """Everything in the page's localStorage, byte for byte."""
    return visitor.page.evaluate(KEPT)


def turns(visitor: Visitor) -> list[dict[str, Any]]:
    return [json.loads(text) for name, text in kept(visitor).items() if ":turn:" in name]


def long_chat(visitor: Visitor, exchanges: int) -> None:
    for number in range(exchanges):
        visitor.ask(f"say {number} " + "of many words that go on and on. " * 12)


def test_a_removed_turn_comes_back(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.ask("one")
    visitor.ask("two")
    before, said = kept(visitor), visitor.said()
    visitor.press(page.locator(".turn.user").first, "remove")
    assert visitor.said() == [] and turns(visitor) == [], "and all that followed"
    words = visitor.words("turns_removed", count="4")
    expect(page.locator("#undo-text")).to_have_text(words)
    how = visitor.words("undo_keys", seconds="10")
    expect(page.locator("#announcer")).to_have_text(f"{words} {how}")
    expect(page.locator("#chat-message")).to_be_focused()
    page.keyboard.press("Control+z")
    assert kept(visitor) == before and visitor.said() == said
    expect(page.locator("#undo")).to_be_hidden()
    expect(page.locator("#announcer")).to_have_text(visitor.words("undone"))

    page.focus(".assistant:last-child [data-action=remove]")
    page.keyboard.press("Enter")
    expect(page.locator("#undo-button")).to_be_focused()
    page.keyboard.press("Enter")
    assert kept(visitor) == before and visitor.said() == said
    assert page.evaluate("document.activeElement !== document.body")


@IN_ONE_LANGUAGE
def test_what_was_said_since_stays(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.ask("one")
    visitor.ask("two")
    visitor.press(page.locator(".turn.user").last, "remove")
    visitor.ask("three")
    page.click("#undo-button")
    assert visitor.said() == ["one", "You said: one", "two", "You said: two"]
    visitor.press(page.locator(".turn.user").last, "later")
    assert visitor.said()[2:] == ["three", "You said: three"]
    visitor.open(page.url.removeprefix(scripted.url))
    assert len(turns(visitor)) == 6


def test_removed_chats_come_back(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.clock.install()
    for text in ("one", "two"):
        page.click("#new-chat")
        visitor.ask(text)
    before = kept(visitor)
    page.locator(".conversations li").last.hover()
    page.locator(".conversations li .quiet").last.click()
    expect(page.locator("#undo-text")).to_have_text(visitor.words("chat_removed", title="one"))
    page.locator(".conversations li .quiet").last.click()
    expect(page.locator(".conversation")).to_have_count(0)
    assert page.locator("#welcome").is_visible()
    page.click("#undo-button")
    assert visitor.said() == ["two", "You said: two"], "the last one first"
    page.click("#undo-button")
    assert kept(visitor) == before and visitor.said() == ["one", "You said: one"]
    page.click("#clear-all")
    page.click("#confirm-yes")
    expect(page.locator("#undo-text")).to_have_text(visitor.words("chats_removed", count="2"))
    page.mouse.move(5, 5)
    page.focus("#chat-message")
    expect(page.locator("#undo-left")).to_have_text(visitor.words("seconds", seconds="10"))
    page.clock.run_for(9_000)
    assert page.locator("#undo").is_visible()
    expect(page.locator("#undo-left")).to_have_text(visitor.words("seconds", seconds="1"))
    assert page.evaluate("document.getElementById('undo-time').value") == pytest.approx(0.1)
    page.clock.run_for(1_500)
    assert page.locator("#undo").is_hidden() and kept(visitor) == {}
    page.focus("#chat-scroller")
    page.keyboard.press("Control+z")
    page.clock.run_for(50)
    late = visitor.words("undo_late")
    expect(page.locator("#announcer")).to_have_text(late)
    expect(page.locator("#undo")).to_have_text(late, use_inner_text=True)
    page.clock.run_for(5_000)
    assert page.locator("#undo").is_hidden() and kept(visitor) == {}


#: What can be pressed under the offer.
COVERED = """() => {
    const { left, right, top, bottom } = document.getElementById("undo").getBoundingClientRect();
    const found = new Set();
    for (let x = left + 1; x < right; x += 8) {
        for (let y = top + 1; y < bottom; y += 8) {
            for (const each of document.elementsFromPoint(x, y)) {
                if (each.id === "sidebar") break; // what lies under it is covered already
                if (each.closest("#undo") || !each.matches("button, a, textarea, input")) continue;
                found.add(each.id || each.textContent);
            }
        }
    }
    return [...found];
}"""


@IN_ONE_LANGUAGE
@pytest.mark.parametrize("width", [1280, 360])
def test_the_offer_covers_nothing(visit: Visits, scripted: Server, width: int) -> None:
    visitor = visit(scripted, viewport={"width": width, "height": 640})
    page = visitor.page
    for text in ("one", "two"):
        visitor.open("/")
        visitor.ask(text)
    visitor.press(page.locator(".turn.user"), "remove")
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator("#undo-button")).to_be_visible()
    assert page.evaluate(COVERED) == []
    if not page.locator("#sidebar").is_visible():
        page.click("#sidebar-toggle")
        assert page.evaluate(COVERED) == []
    page.locator(".conversations li").last.hover()
    page.locator(".conversations li .quiet").last.click()
    expect(page.locator("#undo-text")).to_have_text(visitor.words("chat_removed", title="one"))
    assert page.evaluate(COVERED) == []
    for _ in range(2):
        page.click("#undo-button")
    expect(page.locator(".conversation")).to_have_count(2)


@IN_ONE_LANGUAGE
def test_what_a_removal_leaves(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("503",))
    page = visitor.page
    listed, title = page.locator(".conversation"), page.locator("#conversation-title")
    meter, untitled = page.locator("#chat-meter"), visitor.words("untitled")
    for text in ("one", "two"):
        page.click("#new-chat")
        visitor.ask(text)
    listed.last.click()
    used = meter.inner_text()
    assert used and not used.startswith("~")
    visitor.press(page.locator(".assistant"), "remove")
    expect(listed).to_have_text(["two", "one"])
    expect(meter).not_to_have_text(used)
    assert meter.inner_text().startswith("~")
    visitor.press(page.locator(".user"), "remove")
    expect(title).to_have_text(untitled)
    expect(listed).to_have_text(["two", untitled])
    expect(meter).to_be_empty()
    page.click("#new-chat")
    expect(listed).to_have_text(["two"])
    for _ in range(2):
        page.click("#undo-button")
    expect(title).to_have_text("one")
    expect(listed).to_have_text(["two", "one"])
    expect(meter).to_have_text(used)
    assert visitor.said() == ["one", "You said: one"]

    page.click("#new-chat")
    visitor.send(f"{REFUSE}it")
    expect(page.locator("#chat-message")).to_have_value(f"{REFUSE}it")
    page.click("#new-chat")
    expect(listed).to_have_count(3)  # it holds what was written
    listed.first.click()
    page.fill("#chat-message", "")
    listed.last.click()
    expect(listed).to_have_text(["two", "one"])


@IN_ONE_LANGUAGE
def test_an_import_can_be_taken_back(visit: Visits, scripted: Server, tmp_path: Any) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.ask("one")
    with page.expect_download() as exported:
        page.click("#export-all")
    file = tmp_path / "w.json"
    exported.value.save_as(file)
    visitor.press(page.locator(".turn.user"), "edit")
    page.fill(".editor", "rewritten")
    visitor.button(visitor.words("save")).click()
    visitor.ask("two")
    before = kept(visitor)
    page.set_input_files("#import-file", file)
    expect(page.locator("#undo-text")).to_have_text(visitor.words("imported", count="1"))
    assert visitor.said()[0] == "one"
    assert len(turns(visitor)) == 4, "the file's turns beside those that are here"
    page.click("#undo-button")
    assert kept(visitor) == before


def test_two_windows_in_one_conversation(visit: Visits, scripted: Server) -> None:
    one = visit(scripted)
    one.ask("say 0")
    two = visit(scripted, one.page.url.removeprefix(scripted.url))
    assert two.said() == ["say 0", "0"]
    for number in range(1, 21):
        (one, two)[number % 2].ask(f"say {number}")
        other = (two, one)[number % 2]
        expect(other.page.locator("#thread > .turn")).to_have_count(2 * number + 2)
    expected = [text for number in range(21) for text in (f"say {number}", str(number))]
    assert one.said() == two.said() == expected
    two.press(two.page.locator(".turn.user").nth(15), "remove")
    expect(one.page.locator("#thread > .turn")).to_have_count(30)
    two.page.click("#undo-button")
    expect(one.page.locator("#thread > .turn")).to_have_count(42)
    one.open(one.page.url.removeprefix(scripted.url))
    assert one.said() == expected


@IN_ONE_LANGUAGE
def test_two_windows_at_the_same_moment(visit: Visits, scripted: Server) -> None:
    one = visit(scripted)
    one.ask("say 0")
    two = visit(scripted, one.page.url.removeprefix(scripted.url))
    for number in range(1, 4):
        for visitor, name in ((one, "a"), (two, "b")):
            visitor.send(f"{TYPE}{name}{number} from one of two")
        one.answered()
        two.answered()
    contents = {turn["content"] for turn in turns(one)}
    answers = {f"{name}{number} from one of two" for name in "ab" for number in range(1, 4)}
    assert answers <= contents and {f"{TYPE}{each}" for each in answers} <= contents
    for visitor in (one, two):
        expect(visitor.page.locator(".branches").first).to_be_visible()


def test_an_answer_goes_on_while_another_chat_is_shown(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    words = "".join(f"{number} " for number in range(250))
    visitor.send(f"{TYPE}{words}")
    expect(page.locator(".conversation")).to_have_count(1)  # listed before its first word
    page.wait_for_selector(".assistant .content:has-text('3')")
    page.click("#new-chat")
    assert page.locator("#welcome").is_visible()
    dot = page.locator(".conversation .dot")
    expect(dot).to_contain_text(visitor.words("mark_writing"))
    visitor.ask("another")
    assert visitor.said() == ["another", "You said: another"]
    expect(page.locator(".conversation .dot")).to_have_count(1)
    page.locator(".conversation").last.click()
    assert page.locator("#chat-stop-button").is_visible()
    visitor.answered()
    assert visitor.said()[1] == words.strip()
    expect(dot).to_have_count(0)

    shorter = words[:160].strip()
    visitor.send(f"{TYPE}{shorter}")
    page.wait_for_selector(".turn:last-child .content:has-text('3')")
    page.locator(".conversation").last.click()
    title = page.locator(".conversation").first.get_attribute("title") or ""
    told = visitor.words("done_elsewhere", title=title)
    expect(page.locator("#announcer")).to_have_text(told)
    page.go_back()
    expect(page.locator("#thread > .turn")).to_have_count(4)
    expect(page.locator(".turn:last-child .content")).to_have_text(shorter)


@IN_ONE_LANGUAGE
def test_what_is_sent_meanwhile_waits(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.press(visitor.ask("nothing"), "remove")
    visitor.press(page.locator(".turn.user"), "remove")
    visitor.send(f"{TYPE}{'the first answer ' * 40}")
    page.wait_for_selector("#chat-stop-button:not([hidden])")
    visitor.send("two")
    visitor.send("three")
    expect(page.locator("#chat-queue li")).to_have_text(["two", "three"])
    expect(page.locator("#announcer")).to_have_text(visitor.words("queue_hint"))
    assert page.locator("#undo").is_visible() and violations(page) == []
    page.locator("#chat-queue button").last.click()
    expect(page.locator("#chat-message")).to_have_value("three")
    expect(page.locator("#thread > .turn")).to_have_count(4)
    page.fill("#chat-message", "")
    visitor.answered()
    assert visitor.said()[2:] == ["two", "You said: two"]
    visitor.send(SLOW)
    page.wait_for_selector(".turn:last-child .content:has-text('word')")
    visitor.send("four")
    page.click("#chat-stop-button")
    visitor.answered()
    assert page.input_value("#chat-message") == "four", "nobody asked for an end of the answers"
    page.fill("#chat-message", "")
    visitor.press(page.locator(".turn:last-child"), "regenerate")
    page.wait_for_selector(".turn:last-child .content:has-text('word')")
    visitor.send("five")
    page.click("#chat-stop-button")
    visitor.answered()
    expect(page.locator("#chat-message")).to_have_value("five")
    expect(page.locator("#chat-queue li")).to_have_count(0)


@IN_ONE_LANGUAGE
def test_a_failed_message_comes_back(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted, expect=("503", "ERR_FAILED"))
    page = visitor.page
    visitor.ask("one")
    visitor.send(f"{REFUSE}it")
    expect(page.locator("#chat-message")).to_have_value(f"{REFUSE}it")
    assert visitor.said() == ["one", "You said: one"] and len(turns(visitor)) == 2
    visitor.ask("two")
    sent = [message["role"] for message in visitor.bodies(CHAT)[-1]["messages"]]
    assert sent == ["user", "assistant", "user"]
    visitor.press(page.locator(".assistant").last, "remove")
    visitor.ask("three")
    sent = [message["role"] for message in visitor.bodies(CHAT)[-1]["messages"]]
    assert sent == ["user", "assistant", "user"], "an unanswered one is another branch"
    expect(page.locator(".branches .count").last).to_have_text("2/2")


def test_drafts_and_settings_stay_with_their_conversation(
    visit: Visits, scripted: Server, lang: str
) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.click("[data-parameters=chat-parameters]")
    page.fill("#chat-system", "简短")
    page.fill("#chat-temperature", "0.3")
    page.fill("#chat-message", "not sent yet")

    def fresh() -> list[str]:
        names = ("#chat-system", "#chat-temperature", "#chat-message")
        return [page.input_value(name) for name in names]

    page.reload()
    assert fresh() == ["简短", "0.3", "not sent yet"]
    page.press("#chat-message", "Enter")
    visitor.answered()
    page.fill("#chat-message", "half a question")
    page.evaluate("document.getElementById('chat-parameters').open = true")
    page.fill("#chat-temperature", "0.4")
    page.click("#new-chat")
    assert fresh() == ["", "", ""]
    page.fill("#chat-message", "a new one")
    page.locator(".conversation").click()
    assert fresh() == ["简短", "0.4", "half a question"]
    page.go_back()
    expect(page.locator("#chat-message")).to_have_value("a new one")
    page.go_forward()
    expect(page.locator("#chat-message")).to_have_value("half a question")

    other = {"en": "zh-CN", "zh-CN": "en"}[lang]
    page.click("a.language-link")
    page.wait_for_selector(f"html[lang={other}][data-started]")
    assert fresh() == ["简短", "0.4", "half a question"]
    assert visitor.said() == ["not sent yet", "You said: not sent yet"]
    page.goto(scripted.url)
    assert page.locator("html").get_attribute("lang") == other, "remembered"
    page.click("[data-tab=embeddings]")
    page.fill("#embeddings-input", "one\ntwo")
    page.click("a.language-link")
    page.wait_for_selector(f"html[lang={lang}][data-started]")
    assert page.input_value("#embeddings-input") == "one\ntwo"
    assert page.url.endswith("#embeddings") and page.locator("#embeddings").is_visible()


LINE = 26  #: pixels
SEEN = """() => {
    const box = document.getElementById("chat-scroller");
    const top = box.getBoundingClientRect().top;
    const turns = [...document.querySelectorAll("#thread > .turn")];
    const first = turns.find((turn) => turn.getBoundingClientRect().bottom > top);
    return [document.getElementById("conversation-title").textContent,
        document.getElementById("chat-message").value,
        first && first.dataset.id, first && top - first.getBoundingClientRect().top,
        box.scrollHeight - box.scrollTop - box.clientHeight < 60];
}"""


@pytest.mark.parametrize(
    ("lang", "moments"), [("zh-CN", 5), pytest.param("en", 50, marks=pytest.mark.figures)]
)
def test_a_reload_at_any_moment(visit: Visits, scripted: Server, moments: int) -> None:
    dice = random.Random(moments)
    visitor = visit(scripted)
    page = visitor.page
    for text in ("first", "second"):
        page.click("#new-chat")
        page.fill("#chat-message", f"{text} chat")
        page.press("#chat-message", "Enter")
        visitor.answered()
        long_chat(visitor, 6)
    visitor.ask(
        "say # Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\\[ x^2 \\]\n\n" + "- one\n" * 40
    )
    for moment in range(moments):
        page.locator(".conversation").nth(dice.randrange(2)).click()
        if moment % 3 == 2:
            visitor.send(SLOW)
            page.wait_for_selector(".turn:last-child .state")
            page.wait_for_timeout(dice.randrange(600))
        page.fill("#chat-message", dice.choice(["", "a draft", "two\nlines"]) + str(moment))
        share = dice.choice([0, dice.random(), 1])
        page.evaluate(
            """(share) => {
                const box = document.getElementById("chat-scroller");
                box.scrollTop = share * (box.scrollHeight - box.clientHeight);
            }""",
            share,
        )
        page.wait_for_timeout(dice.randrange(250))
        said = visitor.said()
        chat, draft, turn, above, end = page.evaluate(SEEN)
        page.reload()
        page.wait_for_selector("html[data-started]")
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(100)
        found = page.evaluate(SEEN)
        assert found[:2] == [chat, draft], moment
        if end:
            assert found[4], (moment, share)
        else:
            assert found[2] == turn and abs(found[3] - above) <= LINE, (moment, share)
        now = visitor.said()
        assert now[: len(said) - 1] == said[:-1], moment
        assert not said[-1] or now[-1].startswith(said[-1]), moment


@IN_ONE_LANGUAGE
def test_what_waits_survives_a_reload(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.route(f"**{CHAT}", lambda route: None)  # no word comes
    box, queue = page.locator("#chat-message"), page.locator("#chat-queue li")

    def wait_behind(first: str, *texts: str) -> None:
        visitor.send(first)
        page.wait_for_selector("#chat-stop-button:not([hidden])")
        for text in texts:
            visitor.send(text)
        expect(queue).to_have_text(texts)

    def back_in_the_box(text: str) -> None:
        page.wait_for_selector("html[data-started]")
        expect(box).to_have_value(text)
        expect(queue).to_have_count(0)
        expect(page.locator("#chat-queue-area")).to_be_hidden()

    wait_behind("one", "two", "three")
    page.reload()
    back_in_the_box("two\n\nthree")
    assert visitor.said() == ["one"]
    wait_behind("four", "five", "six")
    page.click(".tabs a:has-text('API')")
    page.click("[data-tab=chat]")
    back_in_the_box("five\n\nsix")
    wait_behind("seven", "eight", "nine")
    page.click(".tabs a:has-text('API')")
    page.wait_for_url("**/docs*")
    page.go_back()
    back_in_the_box("eight\n\nnine")
    page.unroute(f"**{CHAT}")
    page.press("#chat-message", "Enter")
    visitor.answered()
    assert len(visitor.said()) == 2
    back_in_the_box("")
    assert visitor.posted(CHAT)[-1].count("nine") == 1


@IN_ONE_LANGUAGE
def test_what_an_older_version_has_kept(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    nodes = {
        "a": {"id": "a", "parent": None, "role": "user", "content": "an old question"},
        "b": {"id": "b", "parent": "a", "role": "assistant", "content": "first"},
        "c": {"id": "c", "parent": "a", "role": "assistant", "content": "second"},
    }
    old = {"id": "x", "title": "old", "created": 1, "updated": 1, "system": "briefly"}
    text = json.dumps({**old, "options": {"seed": "7"}, "nodes": nodes, "leaf": "b"})
    page.evaluate("text => localStorage.setItem('westlake:v1:chat:x', text)", text)
    page.goto("about:blank")
    visitor.open("/#chat/nowhere")
    expect(page.locator("#announcer")).to_have_text(visitor.words("not_found"))
    assert page.url.endswith("#chat")
    page.locator(".conversation").click()
    assert visitor.said() == ["an old question", "first"]
    assert page.input_value("#chat-system") == "briefly" and page.input_value("#chat-seed") == "7"
    expect(page.locator(".branches .count")).to_have_text("1/2")
    assert not [name for name in kept(visitor) if ":v1:" in name]


@IN_ONE_LANGUAGE
def test_the_way_to_the_api_and_back(visit: Visits, keyed: Server) -> None:
    visitor = visit(keyed)
    page = visitor.page
    page.click("#key-open")
    page.fill("#key-value", "sk-test")
    page.keyboard.press("Enter")
    expect(page.locator("#key")).to_be_hidden()
    visitor.ask("one")
    page.click(".tabs a:has-text('API')")
    expect(page.locator("h1")).to_have_text("The API")
    page.click("[data-tab=chat]")
    page.wait_for_selector("html[data-started]")
    assert visitor.said() == ["one", "You said: one"]


@IN_ONE_LANGUAGE
def test_a_browser_that_forbids_storage(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.add_init_script(
        'Storage.prototype.setItem = () => { throw new DOMException("no", "SecurityError"); };'
    )
    visitor.open("/?again")
    visitor.ask("one")
    told = page.locator("#chat-failure")
    expect(told).to_contain_text(visitor.words("store_forbidden"))
    page.click("#new-chat")
    page.fill("#chat-message", "a draft")
    page.locator(".conversation").click()
    assert visitor.said() == ["one", "You said: one"]
    page.go_back()
    expect(page.locator("#chat-message")).to_have_value("a draft")


@IN_ONE_LANGUAGE
def test_what_another_window_removes(visit: Visits, scripted: Server) -> None:
    one = visit(scripted)
    one.send(SLOW)
    one.page.wait_for_selector(".assistant .content:has-text('word w')")
    expect(one.page.locator(".conversation")).to_have_count(1)
    two = visit(scripted, one.page.url.removeprefix(scripted.url))
    two.press(two.page.locator(".turn.user"), "remove")
    expect(two.page.locator("#undo")).to_be_visible()
    one.page.wait_for_timeout(300)
    one.page.click("#chat-stop-button")
    one.answered()
    said = {turn["role"]: turn["content"][:4] for turn in turns(one)}
    assert said == {"user": SLOW, "assistant": "word"}, "it was being answered"
    assert len(turns(one)) == 2
    expect(two.page.locator("#thread > .turn")).to_have_count(2)
    two.page.locator(".conversations li .quiet").click()
    expect(one.page.locator("#welcome")).to_be_visible()
    expect(one.page.locator("#announcer")).to_have_text(one.words("not_found"))
    assert one.page.url.endswith("#chat")
    two.page.click("#undo-button")
    expect(one.page.locator(".conversation")).to_have_count(1)
