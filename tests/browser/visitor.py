"""A user of the page: opens it in a browser, acts, and records errors and requests elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request

from app.translations import TRANSLATIONS

#: Runs before the page's scripts; reports CSP violations and payloads that ran.
_WATCH = """
addEventListener("securitypolicyviolation", ({ violatedDirective, sourceFile, sample }) =>
  console.error(`not allowed: ${violatedDirective} ${sourceFile} ${sample}`));
window.boom = () => console.error("a payload ran");
"""

#: Timeout for every wait, generous for busy machines.
PATIENCE_MS = 30_000

#: The statistics under an answer.
_SPEED = {"tokens": 9, "exact": True, "perSecond": 8.5, "first": 0.5, "finish": "stop"}


@dataclass
class Visitor:
    """One page in a browser. `forbidden()` returns errors, CSP violations, requests elsewhere."""

    context: BrowserContext
    url: str
    lang: str
    page: Page = field(init=False)
    complaints: list[str] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    expected: tuple[str, ...] = ()  #: words of complaints that a test is about

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.page.add_init_script(_WATCH)
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append("a dialog opened"))
        self.page.on("popup", lambda popup: self.complaints.append(f"a window: {popup.url}"))
        self.page.on("request", self._request)

    def open(self, path: str = "/") -> Visitor:
        """Open a page, and wait until its scripts have started it."""
        self.page.goto(self.url + path)
        self.page.wait_for_selector("html[data-started]")
        return self

    def leave(self) -> None:
        """Close the page, and take away what it has kept in the browser."""
        self.page.goto("about:blank")  # what is left may keep something while it is left
        kept = {"origin": self.url, "storageTypes": "local_storage,cookies"}
        self.context.new_cdp_session(self.page).send("Storage.clearDataForOrigin", kept)
        self.page.close()

    def forbidden(self) -> list[str]:
        """What has happened that must not: errors, payloads, requests elsewhere."""
        self.page.evaluate("0")  # what was said before this has been heard after it
        return self.complaints

    def words(self, key: str, **places: str) -> str:
        """A text of the page's scripts, in the visitor's language."""
        return TRANSLATIONS[self.lang].scripts[key].format(**places)

    def label(self, key: str) -> str:
        """A text of the page's templates, in the visitor's language."""
        return TRANSLATIONS[self.lang].page[key]

    def button(self, name: str) -> Locator:
        """The button of exactly that name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def keep(self, turns: list[str]) -> None:
        """Put a conversation of these turns, a question first, into the list, and open it."""
        nodes: dict[str, dict[str, object]] = {}
        for number, content in enumerate(turns):
            role = "assistant" if number % 2 else "user"
            parent = f"k{number - 1}" if number else None
            node = {"id": f"k{number}", "parent": parent, "role": role, "content": content}
            nodes[f"k{number}"] = node | ({"speed": _SPEED} if number % 2 else {})
        about = {"id": "kept", "title": "kept", "created": 1, "updated": 1, "system": ""}
        kept = json.dumps({**about, "options": {}, "nodes": nodes, "leaf": f"k{len(turns) - 1}"})
        self.page.evaluate("kept => localStorage.setItem('westlake:v1:chat:kept', kept)", kept)
        self.open()
        self.page.locator(".conversation", has_text="kept").click()
        self.page.wait_for_selector(f".turn[data-id=k{len(turns) - 1}] .footer")

    def ask(self, text: str) -> Locator:
        """Send a message in the chat and wait for the end of its answer."""
        answers = self.page.locator("#thread > .turn:not(.user)")
        before = answers.count()
        self.send(text)
        answers.nth(before).wait_for()  # sending begins with a look at the context's length
        return self.answered()

    def send(self, text: str) -> None:
        """Send a message in the chat."""
        self.page.fill("#chat-message", text)
        self.page.press("#chat-message", "Enter")

    def answered(self) -> Locator:
        """The last turn, after its answer has ended."""
        self.page.wait_for_selector("#chat-send:not([hidden])")
        return self.page.locator("#thread > .turn").last

    def complete(self, prompt: str) -> str:
        """The first answer's text in the completion tab."""
        self.page.fill("#completion-prompt", prompt)
        self.page.click("#completion-send")
        self.page.wait_for_selector("#completion-answer .footer:not([hidden])")
        return self.page.locator("#completion-answer .content").first.text_content() or ""

    def said(self) -> list[str]:
        """The texts of all turns, those that are out of sight and so not laid out too."""
        texts: list[str] = self.page.locator("#thread > .turn").evaluate_all(
            """turns => {
                const laid = (how) => turns.forEach((turn) => (turn.style.contentVisibility = how));
                laid("visible");
                const texts = turns.flatMap((turn) => [...turn.querySelectorAll(".content")])
                    .map((said) => said.innerText);
                laid("");
                return texts;
            }"""
        )
        return [text.strip() for text in texts]

    def press(self, turn: Locator, action: str) -> None:
        """Press one of a turn's buttons."""
        turn.hover()
        turn.locator(f'[data-action="{action}"]:not([aria-disabled="true"])').click()

    def bodies(self, path: str) -> list[Any]:
        """Request bodies posted to `path`, parsed as JSON."""
        return [json.loads(text) for text in self.posted(path)]

    def posted(self, path: str) -> list[str]:
        """Request bodies posted to `path`, as sent."""
        found = [request for request in self.sent if urlsplit(request.url).path == path]
        return [request.post_data or "" for request in found]

    def _request(self, request: Request) -> None:
        self.sent.append(request)
        if not request.url.startswith((f"{self.url}/", f"blob:{self.url}/")):
            self.complaints.append(f"a request elsewhere: {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        expected = any(words in message.text for words in self.expected)
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(f"{message.type}: {message.text}")
