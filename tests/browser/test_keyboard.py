"""Enter sends, except during IME composition; shortcuts and keyboard access."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.visitor import Visitor
from tests.harness.server import Server

ENTER = {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}


def asked(visitor: Visitor) -> int:
    visitor.page.wait_for_timeout(250)
    return len(visitor.posted("/v1/chat/completions"))


def test_composition(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    visitor.page.focus("#chat-message")
    cdp = visitor.context.new_cdp_session(visitor.page)
    composing = {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6}
    cdp.send("Input.imeSetComposition", composing)
    cdp.send("Input.dispatchKeyEvent", ENTER)
    assert asked(visitor) == 0, "the Enter belonged to the input method"
    cdp.send("Input.insertText", {"text": "你好"})
    assert visitor.page.input_value("#chat-message") == "你好"
    assert asked(visitor) == 0
    visitor.page.keyboard.press("Enter")
    assert asked(visitor) == 1
    visitor.page.keyboard.press("Enter")
    assert asked(visitor) == 1, "an empty box sends nothing"
    assert visitor.said()[0] == "你好"


KINDS = (
    ({"keyCode": 229}, 0),
    ({"isComposing": True}, 0),
    ({"shiftKey": True}, 0),
    ({}, 1),
    ({"ctrlKey": True}, 1),
)


def test_kinds_of_enter(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    for event, sent in KINDS:
        before = asked(visitor)
        visitor.page.fill("#chat-message", "hello")
        visitor.page.evaluate(
            """(given) => {
                const about = { key: "Enter", bubbles: true, cancelable: true, ...given };
                const event = new KeyboardEvent("keydown", about);
                const { keyCode } = given;
                if (keyCode) Object.defineProperty(event, "keyCode", { value: keyCode });
                document.getElementById("chat-message").dispatchEvent(event);
            }""",
            event,
        )
        assert asked(visitor) - before == sent, event
        visitor.answered()


def test_safari_ends_the_composition_first(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    visitor.page.fill("#chat-message", "hello")
    visitor.page.evaluate(
        """() => {
            const box = document.getElementById("chat-message");
            box.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
            box.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true }));
            box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
        }"""
    )
    assert asked(visitor) == 0
    visitor.page.press("#chat-message", "Enter")
    assert asked(visitor) == 1


def test_editing_a_message(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    visitor.ask("one")
    visitor.press(visitor.page.locator(".turn.user"), "edit")
    cdp = visitor.context.new_cdp_session(visitor.page)
    composing = {"text": "er", "selectionStart": 2, "selectionEnd": 2}
    cdp.send("Input.imeSetComposition", composing)
    cdp.send("Input.dispatchKeyEvent", ENTER)
    assert asked(visitor) == 1
    cdp.send("Input.insertText", {"text": "二"})
    assert asked(visitor) == 1
    visitor.page.keyboard.press("Enter")
    for _ in range(100):
        if asked(visitor) > 1:
            break
        visitor.page.wait_for_timeout(50)
    assert asked(visitor) == 2


def test_enter_is_a_new_line_on_touch_screens(visit: Visits, scripted: Server) -> None:
    screen = {"width": 360, "height": 740}
    visitor = visit(scripted, has_touch=True, is_mobile=True, viewport=screen)
    visitor.page.fill("#chat-message", "hello")
    visitor.page.press("#chat-message", "Enter")
    assert asked(visitor) == 0
    assert visitor.page.input_value("#chat-message") == "hello\n"
    visitor.page.tap("#chat-send")
    assert asked(visitor) == 1


def test_keys_of_the_keyboard(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    visitor.ask("one")
    page.focus("#chat-message")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".editor")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".user [data-action=edit]")).to_be_focused()
    page.keyboard.press("Control+Shift+O")
    expect(page.locator("#welcome")).to_be_visible()
    page.keyboard.press("Control+/")
    expect(page.locator("#help")).to_be_visible()
    assert page.locator("#help dd").first.inner_text() == visitor.label("help_send")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_everything_is_reached_by_keyboard(visit: Visits, scripted: Server) -> None:
    """From the first key press to an answer and its buttons, without a mouse."""
    visitor = visit(scripted)
    page = visitor.page
    page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"theme", "key-open", "help-open", "new-chat", "chat-code", "chat-message"} <= reached
    page.focus("[data-example]")
    page.keyboard.press("Enter")
    visitor.answered()
    page.focus(".assistant [data-action=regenerate]")
    page.keyboard.press("Enter")
    expect(page.locator(".assistant .branches .count")).to_have_text("2/2")
