"""The page's words: the same in every language, and nowhere but in their files."""

from __future__ import annotations

import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.openapi.routes import ROUTES
from app.playground.parameters import parameters
from app.translations import TRANSLATIONS
from app.translations.error_texts import error_text

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted(ROOT.glob("templates/*.html"))
SCRIPTS = sorted(ROOT.glob("static/js/*.js"))
TABLES = ("page", "scripts", "docs", "routes", "fields")
#: What is called the same in every language.
NAMES = {"Westlake", "API", "JSON", "curl", "PowerShell", "Python · openai", "JavaScript"}
NAMES |= {"Python · requests", "openapi.json"}
#: Attributes whose values are read to people.
SHOWN = {"title", "aria-label", "placeholder", "alt"}


@pytest.mark.parametrize("table", TABLES)
def test_languages_have_the_same_keys_and_places(table: str) -> None:
    english = getattr(TRANSLATIONS["en"], table)
    for lang, words in TRANSLATIONS.items():
        own = getattr(words, table)
        assert own.keys() == english.keys()
        for key, text in own.items():
            assert text.strip(), (lang, key)
            placeholders = (sorted(re.findall(r"\{\w+\}", each)) for each in (text, english[key]))
            assert next(placeholders) == next(placeholders), (lang, key)


def test_languages_offer_the_same_examples() -> None:
    english = TRANSLATIONS["en"].examples
    assert english.keys() == {"embedded", "chat", "base", "embeddings"}
    assert {f"example_{name}" for name in english["embeddings"]} <= TRANSLATIONS["en"].page.keys()
    for words in TRANSLATIONS.values():
        sizes = {
            kind: {name: len(texts) for name, texts in offered.items()}
            for kind, offered in words.examples.items()
        }
        own = {kind: {n: len(t) for n, t in each.items()} for kind, each in english.items()}
        assert sizes == own


def test_every_word_has_one_place() -> None:
    for lang, words in TRANSLATIONS.items():
        text = (ROOT / "app" / "translations" / f"{lang}.toml").read_text(encoding="utf-8")
        own = [tomllib.loads(text)[table] for table in ("page", "scripts", "docs")]
        assert sum(map(len, own)) == len(words.docs), "a key stands in two tables"


def test_every_word_is_used_and_there() -> None:
    templates, scripts, views = (
        "".join(path.read_text(encoding="utf-8") for path in paths)
        for paths in (TEMPLATES, SCRIPTS, sorted(ROOT.glob("app/playground/*.py")))
    )
    words = TRANSLATIONS["en"]
    assert set(re.findall(r"\bt\.(\w+)", templates)) <= words.docs.keys()
    assert set(re.findall(r'\bt\("(\w+)"', scripts)) <= words.scripts.keys()
    # A key may be a parameter's name, or put together: `state_${…}`, f"card_{…}".
    named = {parameter.name for parameter in parameters("completion")}
    joined = re.compile(r"[`'\"](\w+_)(?:\$?\{|' ~)|(?:~ ')(_\w+)'")
    ends = {part for found in joined.findall(templates + scripts + views) for part in found if part}
    for key in words.docs.keys() - named:
        place = scripts if key in words.scripts else templates + views
        quoted = re.search(rf"""["'(\[.{{, ]{key}\b""", place)
        assert quoted or any(key.startswith(end) or key.endswith(end) for end in ends), key
    assert words.routes.keys() == {route.path for route in ROUTES}


class Shown(HTMLParser):
    """What people would see of a template's own source, but for code."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Attributes that are read out."""
        self._code += tag == "code"
        self.texts += [value or "" for name, value in attrs if name in SHOWN]

    def handle_endtag(self, tag: str) -> None:
        """Code ends too."""
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        """Text between tags; a macro may also hold an attribute."""
        self.texts += [] if self._code else [re.sub(r"[\w-]+=\"[^\"]*\"", "", data)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_templates_have_no_words_of_their_own(path: Path) -> None:
    reader = Shown()
    source = path.read_text(encoding="utf-8")
    reader.feed(re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", source, flags=re.DOTALL))
    found = {text.strip(" \n·+,:") for text in reader.texts if re.search(r"[^\W\d_]", text)}
    assert found <= NAMES


_COMMENT = re.compile(r"^\s*//.*$|\s// .*$", re.MULTILINE)
_TEXT = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')
#: Looks like words: Chinese, a capital letter first, or two words with a blank between them.
_WORDS = re.compile(r"[\u4e00-\u9fff]|^[A-Z][a-z]|[a-z]{2}[.,:;!?]? [a-z]{2}")
#: Names of keys and headers, classes, and what browsers are asked.
_OF_BROWSERS = {
    "AbortError",
    "SecurityError",
    "Escape",
    "Enter",
    "ArrowUp",
    "ArrowDown",
    "Content-Type",
    "Bearer ",
    "Retry-After",
    "Files",
    "quiet collapse-toggle",
    "quiet reset",
}
_OF_BROWSERS |= {"(pointer: fine)", "(pointer: coarse)", "(prefers-color-scheme: dark)"}
_OF_BROWSERS |= {"noopener noreferrer nofollow", "content completion-text", "heat diagonal"}
_OF_BROWSERS |= {'<code class="math"></code>', 'no text ""'}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_have_no_words_of_their_own(path: Path) -> None:
    if path.stem == "snippets":
        return  # programs in other languages
    source = _COMMENT.sub("", path.read_text(encoding="utf-8"))
    source = re.sub(r'\bclass: "[^"]*"', "", source)
    texts = {re.sub(r"\$\{[^}]*\}", "", "".join(found)) for found in _TEXT.findall(source)}
    assert {text for text in texts if _WORDS.search(text)} <= _OF_BROWSERS


@pytest.mark.parametrize("lang", TRANSLATIONS)
def test_every_failure_says_what_to_do(lang: str) -> None:
    words = TRANSLATIONS[lang].scripts
    names = {key.removeprefix("error_") for key in words if key.startswith("error_")}
    assert {"refused", "fault", "model_loading", "field_range"} <= names
    for name in names:
        placeholders = dict.fromkeys(("field", "min", "max", "seconds"), "x")
        explained = error_text(words, 400, [None, "no such code", name], placeholders=placeholders)
        assert explained.what and explained.next, name
        assert explained.space == ("" if lang == "zh-CN" else " ")
    what, then = words["error_fault"], words["next_fault"]
    fault = error_text(words, 500)
    for same in (what, then.lower(), f"{what} {then}!"):
        assert not fault.omits(same)
    assert fault.omits("the disk is full")
    assert error_text(words, 418).what == words["error_refused"]
    assert error_text(words, 502).what == words["error_fault"]
    chat = error_text(words, 400, ["context_length_exceeded"], tab="chat")
    assert chat.next == words["next_context_length_exceeded_chat"]
