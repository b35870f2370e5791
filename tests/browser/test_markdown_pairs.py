"""Sixty texts as models write them: their rendering, complete and after every character."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.markdown_pairs import EMPHASIS, FENCES, MATHS, PAIRS, TASKS_AND_LINKS
from tests.harness.server import Server

#: Writes each text character by character, as a stream does, and looks at every step.
WRITTEN = """async (texts) => {
    const { markdown } = await import("/static/js/markdown.js");
    const { AnswerText } = await import("/static/js/answer_text.js");

    // What stands there, without what every link and block has.
    const spelled = (...parts) => {
        const place = document.createElement("div");
        place.append(...parts.map((part) => part.cloneNode(true)));
        const all = (selector, change) => [...place.querySelectorAll(selector)].forEach(change);
        all(".math", (each) => {
            const set = document.createElement(each.matches(".display") ? "display" : "math");
            set.textContent = each.textContent;
            each.replaceWith(set);
        });
        all(".code-block", (each) => {
            const pre = document.createElement("pre");
            pre.className = each.querySelector(".code-head span").textContent;
            pre.textContent = each.querySelector("pre").textContent.replaceAll("\\n", "¶");
            each.replaceWith(pre);
        });
        all(".scroll, .stream-tail", (each) => each.replaceWith(...each.childNodes));
        all("svg", (each) => each.remove());
        all("*", (each) => ["dir", "target", "rel", "title", "role", "aria-label"].forEach((name) =>
            each.removeAttribute(name)));
        return place.innerHTML.replaceAll("\\n", "");
    };

    const strange = (place) => [...place.querySelectorAll("*")].filter((each) =>
        /^(script|iframe|object|embed|img|base|meta|link|form|input|style)$/i.test(each.tagName)
        || [...each.attributes].some(({ name }) => name.startsWith("on"))
        || (each.tagName === "A" && !/^https?:/.test(each.href))
        || (each.tagName === "A" && !each.rel.includes("noopener")));

    // The clock stands in for time: what waits is drawn at once.
    const { setTimeout: later, clearTimeout: never } = window;
    let waiting = [];
    window.setTimeout = (draw) => waiting.push(draw);
    window.clearTimeout = () => (waiting = []);
    try {
        const seen = [];
        for (const text of texts) {
            const place = document.createElement("div");
            const answer = new AnswerText(place);
            const wrong = [];
            for (let end = 1; end <= text.length; end += 1) {
                const cut = text.slice(0, end);
                answer.write(cut, () => {});
                waiting.splice(0).forEach((draw) => draw());
                const fresh = markdown(cut, { growing: true });
                const same = spelled(...place.childNodes) === spelled(fresh);
                if (!same || strange(place).length) wrong.push(cut);
            }
            await answer.end();
            seen.push([spelled(markdown(text)), spelled(...place.childNodes), wrong]);
        }
        return seen;
    } finally {
        Object.assign(window, { setTimeout: later, clearTimeout: never });
    }
}"""


def test_pairs(visit: Visits, scripted: Server) -> None:
    kinds = (EMPHASIS, MATHS, TASKS_AND_LINKS, FENCES)
    assert [len(kind) for kind in kinds] == [20, 15, 10, 15]
    visitor = visit(scripted, "/?files=single")  # its modules are those that are imported here
    page = visitor.page
    answer = visitor.ask("say \\(x\\)\n\n```python\n1\n```")  # formulas and colours have come
    expect(answer.locator("math")).to_have_count(1)
    expect(answer.locator(".hljs-number")).to_have_count(1)
    seen = page.evaluate(WRITTEN, [text for text, _ in PAIRS])
    for (text, expected), (whole, streamed, wrong) in zip(PAIRS, seen, strict=True):
        assert whole == expected, text
        assert streamed == expected, text
        assert wrong == [], text
