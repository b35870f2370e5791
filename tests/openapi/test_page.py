"""GET /docs: the document to read, in both languages, without JavaScript."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.openapi.routes import ROUTES
from app.translations import TRANSLATIONS
from config import Config
from tests.fakes import ScriptedEngine


@pytest.mark.parametrize(
    ("query", "accept", "lang"),
    [
        ("", "en", "en"),
        ("", "zh-CN,zh;q=0.9", "zh-CN"),
        ("?lang=zh-CN", "en", "zh-CN"),
        ("?lang=xx", "de", "en"),
    ],
)
def test_it_tells_of_every_route_and_field(
    client: FlaskClient, query: str, accept: str, lang: str
) -> None:
    response = client.get(f"/docs{query}", headers={"Accept-Language": accept})
    assert response.status_code == 200 and response.mimetype == "text/html"
    assert "`" not in response.text, "backticks are code, not text"
    text = response.text.replace("&#39;", "'").replace("\u00a0", " ")
    prose = re.sub(r"</?(?:code|th|td)[^>]*>", "", text)
    for route in ROUTES:
        told = {
            lang: words.routes[route.path].replace("`", "") for lang, words in TRANSLATIONS.items()
        }
        assert route.path in text
        assert [each for each in told if told[each] in prose] == [lang]
    for name, meaning in TRANSLATIONS[lang].fields.items():
        assert f"<code>{name}</code>" in text
        assert meaning.replace("`", "") in prose
    assert "integer 1 … 8" in text and "number &gt; 0 … 10" in text
    assert "<script>" not in text
    assert response.vary.as_set() >= {"accept-language", "cookie"}


def test_examples_can_be_copied(client: FlaskClient, engine: ScriptedEngine) -> None:
    told = {
        lang: html.unescape(client.get(f"/docs?lang={lang}", headers={"Host": "box:19327"}).text)
        for lang in TRANSLATIONS
    }
    for route in ROUTES:
        path = route.path.replace("{model_id}", "chinese-llama-alpaca")
        assert all(f"curl http://box:19327{path}" in text for text in told.values())
    question = {lang: words.examples["embedded"]["chat"][0] for lang, words in TRANSLATIONS.items()}
    for lang, text in told.items():
        assert [each for each in TRANSLATIONS if question[each] in text] == [lang]
    facts = replace(engine.info_.facts, chinese=False)
    engine.info_ = replace(engine.info_, facts=facts)
    text = client.get("/docs?lang=zh-CN").text
    assert question["zh-CN"] not in text and question["en"] in text


def test_what_is_long_is_folded(client: FlaskClient) -> None:
    text = html.unescape(client.get("/docs").text)
    outside = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert "<code>detokenize</code>" in text and "<code>detokenize</code>" not in outside
    assert outside.count("<code>Tokenized</code>") == 0
    samples = re.findall(r"<pre[^>]*><code>(\{.*?\})</code>", text, flags=re.DOTALL)
    shown = [json.loads(each) for each in samples]
    assert any(each.get("object") == "list" for each in shown)
    assert any(list(each) == ["tokens", "count", "max_model_len", "prompt"] for each in shown)
    assert text.count("data: [DONE]") == 2


def test_links_stay_under_the_servers_path(engine: ScriptedEngine) -> None:
    client = create_app(Config(BASE_PATH="/llm"), engine).test_client()
    text = client.get("/llm/docs").text
    assert 'href="/llm/openapi.json"' in text and 'href="/llm/"' in text
    assert 'href="/llm/docs' in client.get("/llm/").text
