"""What the page says about the served model.

The page is public: of a directory's path only the last part is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.engine import EngineStatus
from app.engine.errors import EngineError
from app.engine.model_info import ModelInfo
from app.playground.purpose import purpose, short_count
from app.prompts.template_selection import TEMPLATE_NAMES
from app.translations import Translation
from config import is_embedded, served_name

Settings = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One served model, for people."""

    rows: tuple[tuple[str, str], ...]  #: label and value
    kind: str  #: "embedded", "chat" (it brings a chat template) or "base"
    chinese: bool  #: it may be asked in Chinese, as far as is known
    purpose: str  #: what it is for; "" until it is known


def model_card(
    name: str, settings: Settings, engine: EngineStatus, words: Translation
) -> ModelCard:
    """What is known of the model now; more once it is loaded. name: in responses."""
    try:
        info = engine.info
    except EngineError:
        info = None
    base, given = str(settings["BASE_MODEL"]), settings["CHAT_TEMPLATE"]
    has_template = info is not None and info.chat_template is not None
    upstream = settings["UPSTREAM"] is not None
    if upstream:
        kind = "chat"
    elif is_embedded(base):
        kind = "embedded"
    else:
        kind = "chat" if given or has_template else "base"
    rows = (("name", name),) if upstream else _of_settings(name, settings)
    rows = (*rows, *(_of_model(info, words) if info else ()))
    if given or (info and not upstream):
        rows = (*rows, ("template", _template(str(given or ""), has_template, words)))
    return ModelCard(
        tuple((words.page[f"card_{name}"], text) for name, text in rows if text),
        kind,
        info.facts.chinese if info else True,
        _purpose(kind, info, settings, words) if info else "",
    )


def _purpose(kind: str, info: ModelInfo, settings: Settings, words: Translation) -> str:
    facts, adapted = info.facts, bool(settings["LORA_MODEL"])
    return purpose(kind, facts.parameters, words, chinese=facts.chinese, adapted=adapted)


def _of_settings(name: str, settings: Settings) -> tuple[tuple[str, str], ...]:
    loras = settings["LORA_MODEL"]
    assert isinstance(loras, tuple)
    directory = _place(str(settings["BASE_MODEL"]))
    return (
        ("name", name),
        ("directory", directory if directory != name else ""),
        ("lora", " + ".join(map(_place, loras))),
    )


def _place(name: str) -> str:
    """A directory's own name; the embedded model's too, which is served under another."""
    return Path(name).name if is_embedded(name) else served_name(name)


def _of_model(info: ModelInfo, words: Translation) -> tuple[tuple[str, str], ...]:
    facts = info.facts
    threads = words.page["card_threads_count"].format(count=facts.threads)
    context = words.page["card_tokens"].format(count=f"{info.max_model_len:,}")
    computes = (facts.device, facts.kernels, threads if facts.threads else "")
    return (
        ("architecture", facts.architecture),
        ("parameters", short_count(facts.parameters, words)),
        ("precision", facts.precision),
        ("computes", " · ".join(filter(None, computes))),
        ("context", context if info.max_model_len else ""),
    )


def _template(given: str, has_template: bool, words: Translation) -> str:
    if given:
        return given if given in TEMPLATE_NAMES else Path(given).name
    return words.page["card_template_own" if has_template else "card_template_alpaca"]
