"""A person at the page: opens it in a browser, does things, and sees what is forbidden.

Knows nothing about servers beyond their address.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Route

#: Runs before the page's own scripts: what its policy stopped, and what ran that must not.
_WATCH = """
window.forbidden = [];
addEventListener("securitypolicyviolation", (event) =>
  forbidden.push(`${event.violatedDirective} ${event.sourceFile} ${event.sample}`));
window.boom = () => forbidden.push("a payload ran");
"""


@dataclass
class Visitor:
    """One page in a browser of its own. `forbidden()` tells of all that must not be."""

    context: BrowserContext
    url: str
    page: Page = field(init=False)
    complaints: list[str] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    expected: tuple[str, ...] = ()  #: words of complaints that a test is about

    def __post_init__(self) -> None:
        self.context.add_init_script(_WATCH)
        self.context.route("**/*", self._let_through)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append("a dialog opened"))
        self.page.on("request", lambda request: self.sent.append(request))

    def open(self, path: str = "/") -> Visitor:
        """Open a page, and wait until its scripts have started it."""
        self.page.goto(self.url + path)
        self.page.wait_for_selector("html[data-started]")
        return self

    def forbidden(self) -> list[str]:
        """What has happened that must not: errors, payloads, requests elsewhere."""
        return [*self.complaints, *self.page.evaluate("window.forbidden")]

    def ask(self, text: str) -> Locator:
        """Send a message in the chat and wait for the end of its answer."""
        answers = self.page.locator("#thread > .turn:not(.mine)")
        before = answers.count()
        self.send(text)
        answers.nth(before).wait_for()  # sending begins with a look at the context's length
        return self.answered()

    def send(self, text: str) -> None:
        """Send a message in the chat."""
        self.page.fill("#chat-message", text)
        self.page.press("#chat-message", "Enter")

    def answered(self) -> Locator:
        """The last turn, once nothing is being written any more."""
        self.page.wait_for_selector("#chat-send:not([hidden])")
        return self.page.locator("#thread > .turn").last

    def said(self) -> list[str]:
        """The texts of all turns."""
        return [text.strip() for text in self.page.locator("#thread .said").all_inner_texts()]

    def press(self, turn: Locator, action: str) -> None:
        """Press one of a turn's buttons."""
        turn.hover()
        turn.locator(f'[data-action="{action}"]:not([aria-disabled="true"])').click()

    def bodies(self, path: str) -> list[Any]:
        """What the page has posted there, read as JSON."""
        return [json.loads(text) for text in self.posted(path)]

    def posted(self, path: str) -> list[str]:
        """What the page has posted there, as it was sent."""
        found = [request for request in self.sent if urlsplit(request.url).path == path]
        return [request.post_data or "" for request in found]

    def _let_through(self, route: Route) -> None:
        if route.request.url.startswith(self.url + "/"):
            route.continue_()
        else:
            self.complaints.append(f"a request elsewhere: {route.request.url}")
            route.abort()

    def _console(self, message: ConsoleMessage) -> None:
        expected = any(words in message.text for words in self.expected)
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(f"{message.type}: {message.text}")
