"""Rendered Markdown, and that streaming gives the same result."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.scripted_wsgi import TYPE
from tests.harness.server import Server

#: A text, where something of it is to be found, and how that reads.
BECOMES = (
    ("**b** and `c`", "strong", "b"),
    ("# One", "h3", "One"),
    ("| a | b |\n|--:|---|\n| 1 | 2 |", "td.align-right", "1"),
    ("[x](https://example.org)", "a[rel~=noopener][target=_blank]", "x"),
    ("```python\nprint(1)\n```", ".code-block .hljs-built_in", "print"),
    ("价格 $5 和 $6", "p", "价格 $5 和 $6"),
    (r"求 \(x^2\) 的值", "math msup", "x2"),
    ("\\[\n\\frac{1}{2}\n- 3\n\\]", "math[display=block] mfrac", "12"),
    ("$$a_1$$", "math msub", "a1"),
    (r"`\(code\)`", "code", r"\(code\)"),
    ("![x](https://a.example/i.png)", "a.image[title][target=_blank]", "x"),
    ("| a |\n|---|\n| b<br>c<BR/>d<b> |", "td", "b\nc\nd<b>"),
    ("English\n\nعربي", "p:nth-child(2)[dir=auto]", "عربي"),
)


def test_what_it_becomes(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    for text, selector, shown in BECOMES:
        answer = visitor.ask(f"say {text}")
        expect(answer.locator(f".content {selector}").first).to_have_text(shown)
    # One's own messages are read the same way.
    visitor.ask("say **b**\n```js\n1\n```")
    own = visitor.page.locator(".user").last
    expect(own.locator("strong")).to_have_text("b")
    expect(own.locator(".code-block .hljs-number")).to_have_text("1")


@pytest.mark.parametrize("lang", ["zh-CN"])
def test_tasks_say_whether_they_are_done(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    tasks = visitor.ask("say - [ ] a\n- [x] b").get_by_role("img")
    names = [task.get_attribute("aria-label") for task in tasks.all()]
    assert names == [visitor.words("task_open"), visitor.words("task_done")]


#: A line of each language, and another name of some.
CODE = {
    "c": "int x = 1;",
    "c++": "class A {};",
    "c#": 'string s = "x";',
    "css": ".a { color: red }",
    "diff": "- a",
    "go": "func f() {}",
    "Java": "class A {}",
    "kotlin": "val x = 1",
    "php": "$x = 1;",
    "rb": "def f; end",
    "rust": "fn main() {}",
    "sql": "SELECT 1",
    "swift": "let x = 1",
    "ts": "let x: number = 1",
    "html": "<b class='x'>",
    "yaml": "a: 1",
    "shell": "echo 1",
}


@pytest.mark.parametrize("lang", ["en"])
def test_colours_of_other_languages(visit: Visits, scripted: Server) -> None:
    """Grammars are loaded on demand, and only those needed."""
    visitor = visit(scripted)
    page = visitor.page
    answer = visitor.ask("say " + "\n".join(f"```{name}\n{CODE[name]}\n```" for name in CODE))
    for name in CODE:
        block = answer.locator(".code-block").filter(has=page.get_by_text(name, exact=True))
        expect(block.locator("[class^=hljs-]").first).to_be_visible()
    grammars = [each.url for each in visitor.sent if "/highlight/" in each.url]
    assert len(grammars) == len(set(grammars)) and not [
        url for url in grammars if "undefined" in url
    ]


@pytest.mark.parametrize("lang", ["en"])
def test_what_does_not_come_leaves_the_text(visit: Visits, scripted: Server) -> None:
    """Without the server there is no highlighting and no formulas; nothing else breaks."""
    visitor = visit(scripted, expect=("ERR_FAILED",))
    visitor.ask("say **x**")
    visitor.page.route(re.compile("highlight|math"), lambda route: route.abort())
    answer = visitor.ask("say $y$\n\n```python\nprint(1)\n```\n\n```rust\nfn\n```")
    expect(answer.locator("code.math")).to_have_text("y")
    expect(answer.locator("pre").last).to_have_text("fn")
    visitor.page.unroute_all()


LOOK = """said => {
    const style = (selector) => getComputedStyle(said.querySelector(selector));
    const gap = (selector) => {
        const place = said.querySelector(selector);
        const next = place.nextElementSibling.getBoundingClientRect();
        return next.top - place.getBoundingClientRect().bottom;
    };
    const size = (selector) => parseFloat(style(selector).fontSize);
    return {
        headings: ["h3", "h4", "h5", "p"].map(size),
        bullets: ["ul", "ul ul", "ol"].map((list) => style(list).listStyleType),
        gaps: [".scroll", ".math.display", ".code-block"].map(gap),
        font: style("math").fontFamily,
    };
}"""


def test_how_it_looks(visit: Visits, scripted: Server) -> None:
    answer = visit(scripted).ask(
        "say # A\n## B\n### C\ntext\n- a\n  - b\n\n1. c\n\n| d |\n|---|\n| e |\n\nf\n\n$$x$$\ng\n"
        "```\nh\n```\ni"
    )
    expect(answer.locator("math")).to_have_count(1)
    found = answer.locator(".content").evaluate(LOOK)
    sizes = found["headings"]
    assert sizes == sorted(set(sizes), reverse=True), "each heading is larger than the next"
    assert found["bullets"] == ["disc", "circle", "decimal"]
    assert min(found["gaps"]) > 10
    assert "math" in found["font"] and "CJK" not in found["font"]


#: Texts whose blocks are easily cut in the wrong place.
CUT = (
    "1. one\n\n2. two\n\n   its second\n\n       code\n\n3. three\n- a\n\n- b\n  - c\n\n\n  d\n\n4",
    "a\nb\n===\nc\n\nd\n---\n\n---\n***\n> q\nlazy\n\n> r\n\n> s\n",
    "```python\nx = 1\n\n# none\n~~~\n```\n\n~~~\n```\n\n~~~\n    indented\n\n    still\nplain",
    "| a | b |\n|---|--:|\n| 1 | 2 |\n\nx\n| c |\n|---|\n| 5 |\n\n- | d |\n  |---|\n  | 6 |\n",
    "\\[\n\\frac{1}{2}\n\n+ 1\n\n\\]\n\nand \\(a\nb\\)\n\n$$\nx\n\ny\n$$\n\n\\[\n\nopen\n\n# One\n",
    "- a\n\n  ```\n  x\n\n  y\n  ```\n\n  \\[ z \\]\n- b\n1) c\n\n2) d\n\n10. e\n\n\n\nf\n\n",
    "**bold\n\nnot bold** `a\n\nb`\n\n<div>\n\n*x*\n\n</div>\n\n&amp; \\* \u3000全角\n",
)


@pytest.mark.parametrize("lang", ["zh-CN"])
def test_blocks_that_have_ended_stay_as_they_are(visit: Visits, scripted: Server) -> None:
    """For every position where the text can be cut."""
    visitor = visit(scripted, "/?files=single")
    visitor.ask("say \\(x\\)\n\n```python\n1\n```")  # formulas and colours have come
    drawn = visitor.page.evaluate(
        """async (texts) => {
            const { finishedLength, markdown } = await import("/static/js/markdown.js");
            const html = (...parts) => {
                const place = document.createElement("div");
                place.append(...parts);
                return place.innerHTML.replaceAll("\\n", "");
            };
            return texts.map((text) => {
                const parts = [];
                const env = {};
                let start = 0;
                for (let end = 1; end <= text.length; end += 1) {
                    const ended = finishedLength(text.slice(start, end));
                    if (ended) parts.push(markdown(text.slice(start, start + ended), { env }));
                    start += ended;
                }
                const pieces = parts.length;
                const rest = markdown(text.slice(start), { env });
                return [pieces, html(...parts, rest), html(markdown(text))];
            });
        }""",
        list(CUT),
    )
    for text, (pieces, streamed, whole) in zip(CUT, drawn, strict=True):
        assert pieces > 0 and streamed == whole, text


@pytest.mark.parametrize("lang", ["en"])
def test_a_streamed_answer_is_what_it_is_later(visit: Visits, scripted: Server) -> None:
    visitor = visit(scripted)
    page = visitor.page
    page.click("#chat-code")  # brings the colours
    page.keyboard.press("Escape")
    texts = (*CUT, "[a] and [b]\n\nnext\n\n[a]: https://example.org\n\nlast [a]\n\n[b]: #x")
    inside = "places => places.map((place) => place.innerHTML.replaceAll('\\n', ''))"
    for text in texts:
        visitor.ask(TYPE + text)
    page.wait_for_timeout(300)
    seen = page.locator(".assistant .content").evaluate_all(inside)
    visitor.open()
    page.locator(".conversation").click()
    expect(page.locator(".assistant .content")).to_have_count(len(texts))
    page.wait_for_timeout(500)
    assert page.locator(".assistant .content").evaluate_all(inside) == seen
    assert page.locator(".assistant").last.locator("a").count() == 3
