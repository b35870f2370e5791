"""What the page says of the model: its name, its card, and examples that fit it."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.model_info import ModelFacts
from app.engine.stats import EngineState
from app.tokenizer.chinese import supports_chinese
from app.translations import TRANSLATIONS
from config import EMBEDDED_MODEL, Config
from tests.fakes import INFO, ScriptedEngine

SMALL = "/srv/models/SmolLM2-135M-Instruct"
FACTS = ModelFacts(
    architecture="llama",
    parameters=134_515_008,
    precision="float32",
    device="CPU",
    kernels="AVX2",
    threads=2,
    chinese=False,
)


def client_of(engine: ScriptedEngine, **settings: object) -> FlaskClient:
    return create_app(Config(**settings), engine).test_client()  # type: ignore[arg-type]


def engine_of(template: str | None = "{{ messages }}", facts: ModelFacts = FACTS) -> ScriptedEngine:
    return ScriptedEngine(info_=replace(INFO, chat_template=template, facts=facts))


def rows(page: str) -> dict[str, str]:
    pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    return {html.unescape(label): html.unescape(value) for label, value in pairs}


def offered(page: str, room: str) -> list[str]:
    found = re.findall(rf'data-example="{room}"[^>]*>(.*?)</button>', page)
    return [html.unescape(text) for text in found]


SIZES = {"en": "135 M", "zh-CN": "1.35 亿"}


@pytest.mark.parametrize("lang", TRANSLATIONS)
def test_a_model_of_ones_own(lang: str) -> None:
    client = client_of(engine_of(), BASE_MODEL=SMALL, LORA_MODEL=("/srv/loras/poet", "org/tone"))
    page = client.get(f"/?lang={lang}").text
    words = TRANSLATIONS[lang].page
    assert "<title>Westlake · SmolLM2-135M-Instruct</title>" in page
    assert "/srv" not in page, "the page is public"
    assert rows(page) == {
        words["card_name"]: "SmolLM2-135M-Instruct",
        words["card_lora"]: "poet + org/tone",
        words["card_architecture"]: "llama",
        words["card_parameters"]: SIZES[lang],
        words["card_precision"]: "float32",
        words["card_computes"]: "CPU · AVX2 · " + words["card_threads_count"].format(count=2),
        words["card_context"]: words["card_tokens"].format(count="2,048"),
        words["card_template"]: words["card_template_own"],
    }
    assert words["embedded"] not in page and words["welcome"] in page
    english = TRANSLATIONS["en"].examples["chat"]
    assert offered(page, "chat") == english["chat"], "it was not made for Chinese"
    assert offered(page, "completion") == english["continuations"]
    assert page.count('data-template="none"') == len(english["continuations"])
    small = words["purpose_small"].format(size=SIZES[lang])
    blank = "" if lang == "zh-CN" else " "
    adapted = client_of(engine_of(None), BASE_MODEL=SMALL, LORA_MODEL=("/srv/loras/poet",))
    for shown, kind in ((page, "chat"), (adapted.get(f"/?lang={lang}").text, "adapted")):
        told = f"<p data-purpose>{words[f'purpose_{kind}_english']}{blank}{small}</p>"
        assert shown.count(told) == 2, "on the card and on the first page"
    why = f">{words['examples_english']}</p>" in page
    assert why is (lang == "zh-CN")


@pytest.mark.parametrize("lang", TRANSLATIONS)
def test_the_embedded_model_poses_as_no_more(lang: str) -> None:
    for base in (EMBEDDED_MODEL, "models/demo"):
        page = client_of(engine_of(None), BASE_MODEL=base).get(f"/?lang={lang}").text
        words = TRANSLATIONS[lang]
        assert words.page["embedded"] in page and "<p data-purpose hidden></p>" in page
        assert f'<span class="badge">{words.page["demo"]}</span>' in page
        assert words.page["welcome"] not in page
        assert rows(page)[words.page["card_directory"]] == "demo"
    engine = engine_of(None, replace(FACTS, chinese=True))
    page = client_of(engine).get(f"/?lang={lang}").text
    assert offered(page, "chat") == words.examples["embedded"]["chat"]


@pytest.mark.parametrize(
    ("template", "settings", "kind", "told"),
    [
        (None, {}, "base", "card_template_alpaca"),
        ("{{ messages }}", {}, "chat", "card_template_own"),
        (None, {"CHAT_TEMPLATE": "chatml"}, "chat", "chatml"),
    ],
)
def test_examples_fit_the_model(
    template: str | None, settings: dict[str, str], kind: str, told: str
) -> None:
    engine = engine_of(template, replace(FACTS, chinese=True))
    page = client_of(engine, BASE_MODEL=SMALL, **settings).get("/?lang=zh-CN").text
    words = TRANSLATIONS["zh-CN"]
    fitting = words.examples[kind]
    assert offered(page, "chat") == fitting["chat"]
    assert offered(page, "completion") == [*fitting["instructions"], *fitting["continuations"]]
    assert rows(page)[words.page["card_template"]] == words.page.get(told, told)
    assert words.page[f"purpose_{kind}_chinese"] in page
    assert words.page["examples_english"] not in page


def test_more_is_known_once_it_is_loaded() -> None:
    engine = engine_of()
    engine.state = EngineState.LOADING
    client = client_of(engine, BASE_MODEL=SMALL)
    page = client.get("/").text
    assert list(rows(page)) == ["Name"] and "<p data-purpose hidden></p>" in page
    assert client.get("/playground/model").get_json()["rows"] == list(map(list, rows(page).items()))
    engine.state = EngineState.READY
    told = client.get("/playground/model?lang=zh-CN").get_json()
    assert ["参数量", "1.35 亿"] in told["rows"]
    words = TRANSLATIONS["zh-CN"].page
    assert told["purpose"].startswith(words["purpose_chat_english"])
    assert told["why"] == words["examples_english"]
    assert told["chat"] == TRANSLATIONS["en"].examples["chat"]["chat"]


def test_a_page_without_its_key_is_asked_for_no_password(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("someone sk-test", encoding="utf-8")
    client = client_of(engine_of(), API_KEYS_FILE=str(keys))
    refused = client.get("/playground/model", headers={"Accept": "*/*"})
    assert refused.status_code == 401
    assert "Basic" not in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("parameters", "shown", "in_chinese"),
    [
        (3_700_000, "3.7 M", "370 万"),
        (34_560_000, "34.6 M", "3460 万"),
        (134_515_008, "135 M", "1.35 亿"),
        (6_738_415_616, "6.74 B", "67.4 亿"),
        (0, None, None),
    ],
)
def test_parameters_are_counted_as_people_do(
    parameters: int, shown: str | None, in_chinese: str | None
) -> None:
    client = client_of(engine_of(facts=replace(FACTS, parameters=parameters)), BASE_MODEL=SMALL)
    assert rows(client.get("/").text).get("Parameters") == shown
    page = client.get("/?lang=zh-CN").text
    assert rows(page).get("参数量") == in_chinese
    small = TRANSLATIONS["zh-CN"].page["purpose_small"].format(size=in_chinese)
    assert (small in page) is (0 < parameters < 10**9)


@pytest.mark.parametrize(
    ("tokens", "template", "expected"),
    [
        (["the", "湖"] * 50, None, True),
        (["the"] * 97 + ["湖"] * 3, None, False),
        (["the"] * 100, "{{ '你是助手' }}", True),
        (["the"] * 100, "{{ messages }}", False),
    ],
)
def test_what_is_made_for_chinese(tokens: list[str], template: str | None, expected: bool) -> None:
    encoded = [token.encode() for token in tokens] + [b"\xe6\xb9"]  # half a character
    assert supports_chinese(encoded, template) is expected
