"""Enter sends, except while an input method has it."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Visits
from tests.browser.visitor import Visitor
from tests.e2e.server import Server

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


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        ("{keyCode: 229}", 0),
        ("{isComposing: true}", 0),
        ("{shiftKey: true}", 0),
        ("{}", 1),
        ("{ctrlKey: true}", 1),
    ],
)
def test_kinds_of_enter(visit: Visits, scripted: Server, event: str, sent: int) -> None:
    visitor = visit(scripted)
    visitor.page.fill("#chat-message", "hello")
    visitor.page.evaluate(
        """(given) => {
            const about = { key: "Enter", bubbles: true, cancelable: true, ...given };
            const event = new KeyboardEvent("keydown", about);
            if (given.keyCode) Object.defineProperty(event, "keyCode", { value: given.keyCode });
            document.getElementById("chat-message").dispatchEvent(event);
        }""",
        visitor.page.evaluate(f"({event})"),
    )
    assert asked(visitor) == sent


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
    visitor.press(visitor.page.locator(".turn.mine"), "edit")
    cdp = visitor.context.new_cdp_session(visitor.page)
    composing = {"text": "er", "selectionStart": 2, "selectionEnd": 2}
    cdp.send("Input.imeSetComposition", composing)
    cdp.send("Input.dispatchKeyEvent", ENTER)
    assert asked(visitor) == 1
    cdp.send("Input.insertText", {"text": "二"})
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
