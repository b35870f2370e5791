"""The page and its three forms, as a browser without JavaScript uses them."""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape
from werkzeug.test import TestResponse

from app.engine.errors import GenerationFailed, Overloaded
from app.engine.request import GenerationRequest
from app.engine.stats import EngineState
from app.playground.parameters import PRESETS, parameters
from app.translations import TRANSLATIONS
from tests.browser.xss_payloads import PAYLOADS
from tests.fakes import ScriptedEngine

FORMS = {"completion": "prompt", "chat": "message", "embeddings": "input"}
Fields = list[tuple[str, str]]


class Page(HTMLParser):
    """Forms by the last word of their action, as (name, value) pairs in order; and the texts
    of elements with a role or a class."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: dict[str, Fields] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._fields: Fields = []
        self._area: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.tags.append((tag, values))
        if tag == "form" and values["method"] == "dialog":
            self._fields = []  # the scripts' own, never sent
        elif tag == "form":
            assert values["method"] == "post"
            name = re.fullmatch(r"/playground/(\w+)(\?lang=[\w-]+)?#\1", values["action"] or "")
            assert name
            self._fields = self.forms[name[1]] = []
        elif tag == "input" and "name" in values:
            if values.get("type") != "radio" or "checked" in values:
                self._fields.append((values["name"] or "", values["value"] or ""))
        elif tag == "select" and "name" in values:
            self._fields.append((values["name"] or "", ""))
        elif tag == "option" and "selected" in values:
            self._fields[-1] = (self._fields[-1][0], values["value"] or "")
        elif tag == "textarea":
            self._area = ""
            self._fields.append((values["name"] or "", ""))

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None:
            # A browser drops the first newline of a text area.
            name, _ = self._fields[-1]
            self._fields[-1] = (name, self._area.removeprefix("\n"))
            self._area = None


def read(response: TestResponse) -> Page:
    assert response.mimetype == "text/html"
    return Page(response.text)


def fill(fields: Fields, **values: str) -> Fields:
    assert values.keys() <= {name for name, _ in fields}
    return [(name, values.get(name, value)) for name, value in fields]


def submit(client: FlaskClient, form: str, fields: Fields, **headers: str) -> TestResponse:
    # As browsers send it: line ends are CRLF.
    body = urlencode([(name, value.replace("\n", "\r\n")) for name, value in fields])
    return client.post(
        f"/playground/{form}",
        data=body,
        content_type="application/x-www-form-urlencoded",
        headers=headers,
    )


def test_three_forms(client: FlaskClient) -> None:
    page = read(client.get("/"))
    assert list(page.forms) == ["chat", "completion", "embeddings"]


def test_completion(client: FlaskClient, engine: ScriptedEngine) -> None:
    form = read(client.get("/")).forms["completion"]
    response = submit(client, "completion", fill(form, prompt="你好\n吗", temperature="0.5"))
    assert response.status_code == 200
    request = engine.requests[-1]
    assert isinstance(request, GenerationRequest)
    assert request.params.temperature == 0.5
    assert request.params.top_k == 40, "the API's own defaults"
    assert request.max_tokens == 256, "nothing shows before the end"
    assert "### Instruction:\n你好\n吗\n\n" in engine.encoded[0][0]
    assert engine.answer(request, 0) in response.text
    again = read(response).forms["completion"]
    assert dict(again)["prompt"] == "你好\n吗"


def test_chat_over_many_turns(client: FlaskClient, engine: ScriptedEngine) -> None:
    form = read(client.get("/")).forms["chat"]
    texts = ["第一\n句", "<b>第二句</b>", '"第三句"&amp;']
    for number, text in enumerate(texts):
        response = submit(client, "chat", fill(form, message=text, system="简短"))
        assert response.status_code == 200
        form = read(response).forms["chat"]
        assert [name for name, _ in form].count("role") == 2 * (number + 1)
    prompt = engine.encoded[-1][0]
    assert prompt.startswith("简短\n\n### Instruction:\n第一\n句\n\n### Response: 答案0：")
    assert prompt.endswith('### Instruction:\n"第三句"&amp;\n\n### Response: ')
    assert prompt.count("### Instruction:") == 3
    assert dict(form)["message"] == "", "the new turn is in the history now"
    assert dict(form)["system"] == "简短"


def test_chat_error_keeps_history_and_text(client: FlaskClient, engine: ScriptedEngine) -> None:
    form = read(submit(client, "chat", [("message", "一")])).forms["chat"]
    engine.refusal = Overloaded("Too many requests")
    response = submit(client, "chat", fill(form, message="二"))
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    kept = read(response).forms["chat"]
    assert next(value for name, value in kept if name == "content") == "一"
    assert dict(kept)["message"] == "二"


def test_embeddings(client: FlaskClient, engine: ScriptedEngine) -> None:
    form = read(client.get("/")).forms["embeddings"]
    response = submit(client, "embeddings", fill(form, input="一\n\n  \n二"))
    assert response.status_code == 200
    assert [text for text, _ in engine.encoded] == ["一", "二"]
    meters = [values["value"] for tag, values in read(response).tags if tag == "meter"]
    assert len(meters) == 2
    assert meters[0] == "1.0000"
    assert -1 <= float(meters[1] or "") < 1


@pytest.mark.parametrize(
    ("form", "fields", "bad", "told"),
    [
        ("completion", [("prompt", "")], "prompt", "empty"),
        ("completion", [("prompt", "a"), ("temperature", "hot")], "temperature", "field_range"),
        ("completion", [("prompt", "a"), ("temperature", "3")], "temperature", "field_range"),
        ("completion", [("prompt", "a"), ("top_k", "1.5")], "top_k", "field_integer_min"),
        ("completion", [("prompt", "a"), ("top_k", "9" * 19)], "top_k", "field"),
        ("completion", [("prompt", "a"), ("max_tokens", "1_0")], "max_tokens", "field"),
        ("completion", [("prompt", "a"), ("max_tokens", "0")], "max_tokens", "field"),
        ("completion", [("prompt", "a"), ("num_beams", "99")], "num_beams", "field_integer_range"),
        (
            "completion",
            [("prompt", "a"), ("repetition_penalty", "0")],
            "repetition_penalty",
            "field_exclusive_min",
        ),
        ("completion", [("prompt", "a"), ("seed", "NaN")], "seed", "field"),
        ("chat", [("message", "")], "message", "empty"),
        ("chat", [("message", "a"), ("role", "bot"), ("content", "x")], "message", "text"),
        ("chat", [("message", "a"), ("role", "user")], "message", "text"),
        ("embeddings", [("input", "")], "input", "empty"),
        ("embeddings", [("input", "\n \n")], "input", "empty"),
        ("embeddings", [], "input", "empty"),
    ],
)
def test_mistakes_show_at_their_form(
    client: FlaskClient, engine: ScriptedEngine, form: str, fields: Fields, bad: str, told: str
) -> None:
    response = submit(client, form, fields)
    assert response.status_code == 400
    assert engine.requests == []
    page = read(response)
    invalid = [values["id"] for _, values in page.tags if values.get("aria-invalid")]
    assert invalid == [f"{form}-{bad}"]
    assert told_by(response) == told
    parts = re.split(r'<section id="(\w+)"', response.text)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    shown = 'role="alert" id="{}-failure">'
    assert {name: shown.format(name) in text for name, text in sections.items()} == {
        name: name == form for name in FORMS
    }


def told_by(response: TestResponse) -> str:
    """The name of the first sentence of a form's failure."""
    found = re.search(r"<strong>(.*?)</strong>", response.text)
    assert found, "nothing is told"
    for name, text in TRANSLATIONS["en"].page.items():
        if name.startswith("error_"):
            pattern = re.sub(r"\\{\w+\\}", ".*?", re.escape(text))
            if re.fullmatch(pattern, html.unescape(found[1])):
                return name.removeprefix("error_")
    return found[1]


@pytest.mark.parametrize("form", FORMS)
def test_faults_of_ours(client: FlaskClient, engine: ScriptedEngine, form: str) -> None:
    for failure in (GenerationFailed("secret"), RuntimeError("secret")):
        engine.failure = failure
        response = submit(client, form, [(FORMS[form], "a")], **{"X-Request-Id": "r9"})
        assert response.status_code == 500
        assert "r9" in response.text and "secret" not in response.text


@pytest.mark.parametrize("form", FORMS)
def test_loading(client: FlaskClient, engine: ScriptedEngine, form: str) -> None:
    engine.state = EngineState.LOADING
    assert "still loading" in client.get("/").text
    response = submit(client, form, [(FORMS[form], "a")])
    assert response.status_code == 503
    assert f'role="alert" id="{form}-failure">' in response.text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://behind.proxy"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_other_sites_cannot_post(
    client: FlaskClient, engine: ScriptedEngine, form: str, headers: dict[str, str], status: int
) -> None:
    response = submit(client, form, [(FORMS[form], "a")], **headers)
    assert response.status_code == status
    assert len(engine.requests) == (status == 200)


def test_links_from_other_sites_may_open_the_page(client: FlaskClient) -> None:
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "query", "lang", "word"),
    [
        (None, "", "en", "Embeddings"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh-CN", "文字接龙"),
        ("zh", "", "zh-CN", "文字接龙"),
        ("en-GB,zh;q=0.5", "", "en", "Instruction"),
        ("fr", "", "en", "Instruction"),
        ("en", "?lang=zh-CN", "zh-CN", "文字接龙"),
        ("zh-CN", "?lang=en", "en", "Instruction"),
        ("zh-CN", "?lang=xx", "zh-CN", "文字接龙"),
    ],
)
def test_languages(
    client: FlaskClient, accept: str | None, query: str, lang: str, word: str
) -> None:
    headers = {"Accept-Language": accept} if accept else {}
    text = client.get(f"/{query}", headers=headers).text
    assert f'<html lang="{lang}">' in text
    assert word in text


def test_chosen_language_stays(client: FlaskClient) -> None:
    page = client.get("/?lang=zh-CN").text
    assert 'action="/playground/chat?lang=zh-CN#chat"' in page
    response = client.post("/playground/chat?lang=zh-CN", data={"message": "a"})
    assert '<html lang="zh-CN">' in response.text


@pytest.mark.parametrize("payload", [*PAYLOADS, "{{ 7 * 7 }}"])
def test_nothing_said_becomes_markup(
    client: FlaskClient, engine: ScriptedEngine, payload: str
) -> None:
    engine.answer = lambda request, index: payload
    plain = {tag for tag, _ in read(client.get("/")).tags} | {"ol", "li", "div", "h2"}
    plain |= {"table", "tr", "th", "td", "meter", "strong"}
    given = read(client.get("/")).tags
    scripts = [values for tag, values in given if tag == "script"]
    for form, field in FORMS.items():
        history = [("role", "assistant"), ("content", payload)] if form == "chat" else []
        for extra in ([], [("temperature", payload)]):
            response = submit(client, form, [(field, payload), *history, *extra])
            page = read(response)
            assert {tag for tag, _ in page.tags} <= plain
            assert [values for tag, values in page.tags if tag == "script"] == scripts
            names = {name for _, values in page.tags for name in values}
            assert not [name for name in names if name.startswith("on")]
            assert "49" not in re.findall(r'content"[^>]*>([^<]*)', response.text)
            assert str(escape(payload)) in response.text


def test_no_name_of_a_model_becomes_markup(app: Flask, client: FlaskClient) -> None:
    def shape(page: Page) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(values)) for tag, values in page.tags]

    plain = {path: shape(read(client.get(path))) for path in ("/", "/docs")}
    text_engine = app.extensions["text_engine"]
    for payload in PAYLOADS:
        app.config["MODEL_NAME"] = payload
        served = replace(text_engine.served, model_name=payload)
        app.extensions["text_engine"] = replace(text_engine, served=served)
        for path, expected in plain.items():
            response = client.get(path)
            assert shape(read(response)) == expected
            assert str(escape(payload)) in response.text


@pytest.mark.parametrize("path", ["/", "/nope"])
def test_headers_of_pages(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"Accept": "text/html"})
    policy = response.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


STATIC = Path(__file__).parents[2] / "static"


def test_page_needs_nothing_the_policy_forbids(client: FlaskClient) -> None:
    response = submit(client, "chat", [("message", "a")])
    for tag, values in read(response).tags:
        assert tag not in ("style", "iframe", "object", "base")
        assert tag != "script" or "src" in values or values["type"] == "application/json"
        assert "style" not in values
        assert not [name for name in values if name.startswith("on")]
        for name in ("src", "href", "action"):
            assert not re.match(r"\w+:|//", values.get(name) or "")
            if (values.get(name) or "").startswith("/static/"):
                with client.get(values[name] or "") as static:
                    assert static.status_code == 200
    for path in [*STATIC.glob("css/*.css"), *STATIC.glob("*.svg")]:
        text = path.read_text(encoding="utf-8")
        assert "url(" not in text.replace("url(#", "") and "@import" not in text


def test_scripts_are_small_and_say_what_they_do() -> None:
    for path in STATIC.glob("js/*.js"):
        text = path.read_text(encoding="utf-8")
        lines = re.sub(r"^import .*?;\n", "", text, flags=re.MULTILINE | re.DOTALL).splitlines()
        assert lines[0].startswith("// "), path.name
        assert len(lines) <= 150, path.name
        assert "innerHTML" not in "".join(lines), path.name


def test_vendored_files_are_what_they_were() -> None:
    told = (STATIC / "vendor" / "VENDOR.md").read_text(encoding="utf-8")
    sums = dict(re.findall(r"`([\w./-]+)` \| `([0-9a-f]{64})`", told))
    files = {
        str(path.relative_to(STATIC / "vendor")): path for path in STATIC.glob("vendor/*/*.js")
    }
    assert sums == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()
    }
    assert all((path.parent / "LICENSE").is_file() for path in files.values())


def test_every_field_has_a_label(client: FlaskClient) -> None:
    tags = read(client.get("/")).tags
    labels = {values["for"] for tag, values in tags if tag == "label" and "for" in values}
    fields = [values for tag, values in tags if tag in ("input", "textarea", "select")]
    inside = ("radio", "checkbox", "hidden", "file")  # a label stands around them, or none is seen
    shown = [v for v in fields if v.get("type") not in inside and "aria-label" not in v]
    ids = [values["id"] for values in shown]
    assert labels == set(ids)
    everywhere = [values["id"] for _, values in tags if "id" in values]
    assert len(everywhere) == len(set(everywhere))


def test_parameters_have_the_apis_ranges(client: FlaskClient) -> None:
    for kind in ("chat", "completion"):
        offered = {parameter.name: parameter for parameter in parameters(kind)}
        assert (offered["temperature"].minimum, offered["temperature"].maximum) == (0, 2)
        assert (offered["num_beams"].minimum, offered["num_beams"].maximum) == (1, 16)
        for parameter in offered.values():
            assert parameter.minimum <= parameter.low < parameter.high
            assert parameter.maximum is None or parameter.high <= parameter.maximum
        for preset in PRESETS.values():
            assert preset.keys() <= offered.keys()
    assert {p.name: p.default for p in parameters("completion")}["top_p"] == 0.75


def test_fields_without_scripts(client: FlaskClient, engine: ScriptedEngine) -> None:
    form = read(client.get("/")).forms["completion"]
    submit(client, "completion", fill(form, prompt="a", num_beams="2", stop="x\ny\n"))
    request = engine.requests[-1]
    assert isinstance(request, GenerationRequest)
    assert (request.num_beams, request.stop) == (2, ("x", "y"))
    submit(client, "completion", fill(form, prompt="a", prompt_template="none"))
    assert engine.encoded[-1][0] == "a"
    submit(client, "completion", fill(form, prompt="a", temperature="1", do_sample="false"))
    greedy = engine.requests[-1]
    assert isinstance(greedy, GenerationRequest) and greedy.params.temperature == 0


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "text/plain", None])
def test_other_encodings(client: FlaskClient, content_type: str | None) -> None:
    response = client.post("/playground/chat", data=b"message=a", content_type=content_type)
    assert response.status_code == 415
    assert response.mimetype == "text/html"


@pytest.mark.parametrize("body", [b"prompt=%ff", b"prompt=\xe4", b"a&" * 5000])
def test_damaged_forms(client: FlaskClient, body: bytes) -> None:
    response = client.post(
        "/playground/completion", data=body, content_type="application/x-www-form-urlencoded"
    )
    assert response.status_code == 400
    assert response.mimetype == "text/html"
