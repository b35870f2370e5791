"""Takes the README's pictures of the page, from a running server with the embedded model.

python docs/take_pictures.py http://localhost:19327
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parent / "pictures"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


def first(page: Page) -> None:
    """What a visitor sees."""


def chat(page: Page) -> None:
    """Three turns, the last of which sees those before it."""
    for text in (
        "给我讲一些有关杭州的故事吧",
        "我比较喜欢和西湖，可以给我讲一下西湖吗",
        "What is the capital of France?",
    ):
        page.fill("#chat-message", text)
        page.click("#chat-send")
        page.wait_for_selector("#chat-send:not([hidden])")
    page.locator(".turn.assistant").last.hover()


def completion(page: Page) -> None:
    """A translation that the embedded model never saw, and how sure it was of each piece."""
    page.click("[data-tab=completion]")
    page.click("[data-parameters=completion-parameters]")
    page.fill("#completion-temperature", "0")
    page.click("#completion-parameters [data-close]")
    page.fill("#completion-prompt", "Translate into Chinese: The lake is beautiful.")
    page.click("#completion-send")
    page.wait_for_selector("#completion-answer .footer:not([hidden])")
    page.locator(".token:is(.p1, .p2, .p3, .p4)").first.click()


def embeddings(page: Page) -> None:
    """The heat map and the plane."""
    page.click("[data-tab=embeddings]")
    page.locator("#embeddings [data-example]").nth(0).click()
    page.wait_for_selector(".bar-chart")
    page.locator("#heat-title").evaluate("title => title.scrollIntoView()")


#: file: (what is done, language, colours, width, height)
PICTURES: dict[str, tuple[Callable[[Page], None], str, str, int, int]] = {
    "first": (first, "en", "light", 1280, 800),
    "chat": (chat, "en", "light", 1280, 800),
    "chat.zh-CN": (chat, "zh-CN", "light", 1280, 800),
    "completion": (completion, "en", "light", 1280, 800),
    "embeddings": (embeddings, "en", "light", 1280, 860),
    "dark": (chat, "en", "dark", 1280, 800),
    "mobile": (chat, "zh-CN", "light", 360, 740),
}


def take(browser: Browser, url: str, name: str) -> None:
    """One picture."""
    act, language, colours, width, height = PICTURES[name]
    context = browser.new_context(
        locale=language,
        color_scheme=colours,  # type: ignore[arg-type]
        viewport={"width": width, "height": height},
        device_scale_factor=1.5 if width > 500 else 2,
        has_touch=width < 500,
        is_mobile=width < 500,
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("html[data-started]")
    act(page)
    page.wait_for_timeout(600)
    page.screenshot(path=FOLDER / f"{name}.png")
    context.close()


def main() -> None:
    """All of them."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name in PICTURES:
            take(browser, sys.argv[1].rstrip("/"), name)
        browser.close()


if __name__ == "__main__":
    main()
