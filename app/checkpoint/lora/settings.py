"""A LoRA's adapter_config.json as one frozen record: which modules it changes, and how much.

Knows nothing about the adapter's tensors. Which module a name means is decided exactly as peft
decides it, whose rules these are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import Fields, read_json
from app.checkpoint.safe_open import is_there
from app.checkpoint.vocabulary import MAX_TOKENS

ADAPTER_CONFIG = "adapter_config.json"
#: Keys that, when set, make more of an adapter than W + scale · B A; peft itself merges these.
_UNUSUAL = (
    "use_dora", "lora_bias", "trainable_token_indices", "use_qalora", "use_bdlora", "kasa_config",
    "monteclora_config", "velora_config",
)  # fmt: skip
#: Ways of starting a training that also change the base model's own weights.
_INITS = ("pissa", "olora", "corda", "loftq", "lora_ga", "mica")
#: Adapters whose effect cannot be merged into a base model's weights at all.
_REFUSED = (
    "layer_replication", "target_parameters", "alora_invocation_tokens", "arrow_config",
    "enable_lora",
)  # fmt: skip

#: One for each module of the largest models, and more.
MAX_NAMES = 4096

Names = tuple[str, ...] | str  #: module names, or one regular expression


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """What adapter_config.json says, as far as it matters to a finished adapter."""

    directory: Path
    base_name: str  #: the base model as the training called it; "" if it does not say
    rank: int
    alpha: float
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    rslora: bool
    dora: bool  #: every pair comes with a vector of magnitudes
    biased: bool  #: lora_bias: every pair of a linear layer comes with a bias
    targets: Names
    excluded: Names
    saved: tuple[str, ...]  #: modules_to_save: stored whole
    layers: tuple[int, ...]  #: only these; empty: all
    layers_patterns: tuple[str, ...]
    keeps_ties: bool  #: ensure_weight_tying
    unusual: str  #: what peft must merge itself; "" if nothing
    token_ids: tuple[int, ...]  #: trainable_token_indices

    @property
    def made_for(self) -> str:
        """Its base model, for error messages."""
        return f"the LoRA was made for {self.base_name or 'another base model'}"

    def rank_of(self, module: str) -> int:
        """The rank of the pair of matrices of `module`."""
        return self.rank_pattern.get(_pattern(self.rank_pattern, module), self.rank)

    def scale_of(self, module: str) -> float:
        """What the product of the pair is multiplied with."""
        alpha = self.alpha_pattern.get(_pattern(self.alpha_pattern, module), self.alpha)
        rank = self.rank_of(module)
        return alpha / math.sqrt(rank) if self.rslora else alpha / rank

    def is_target(self, module: str) -> bool:
        """True when the adapter has a pair of matrices for `module`."""
        if _named(self.excluded, module):
            return False
        if any(re.match(rf"(^|.*\.){name}($|\..*)", module) for name in self.saved):
            return False
        if isinstance(self.targets, str) or module in self.targets:
            return _named(self.targets, module)
        return _named(self.targets, module) and self._in_layers(module)

    def is_saved(self, module: str) -> bool:
        """True when modules_to_save means `module`."""
        return module.endswith(self.saved) if self.saved else False

    def _in_layers(self, module: str) -> bool:
        if not self.layers:
            return True
        patterns = self.layers_patterns or (r"[^.]*",)
        for pattern in patterns:
            found = re.match(rf"(?:^|.*?\.){pattern}\.(\d+)\.", module)
            if found:
                return int(found.group(1)) in self.layers
        return False


def _named(names: Names, module: str) -> bool:
    if isinstance(names, str):
        return bool(names) and re.fullmatch(names, module) is not None
    return module in names or module.endswith(tuple(f".{name}" for name in names))


def _pattern(patterns: Iterable[str], module: str) -> str:
    return next((key for key in patterns if re.match(rf"(.*\.)?({key})$", module)), module)


def read_lora_settings(directory: Path) -> LoraSettings:
    """The settings of the LoRA in `directory`.

    Raises:
        StartupError: it holds none, or one that is garbled or of another kind.
    """
    path = directory / ADAPTER_CONFIG
    if not is_there(path) and (directory / "config.json").is_file():
        raise StartupError(
            f"{directory} holds a whole model, no LoRA ({ADAPTER_CONFIG} is missing): pass it as "
            "--base_model"
        )
    config = Fields(read_json(path), str(path))
    kind = config.text("peft_type", "LORA")
    if kind != "LORA":
        raise StartupError(f"{path}: peft_type {kind!r} is not supported; only 'LORA'")
    for name in _REFUSED:
        if config.values.get(name):
            raise StartupError(
                f"{path} has {name!r}: such an adapter cannot be merged into a base model"
            )
    settings = LoraSettings(
        directory=directory,
        base_name=config.text("base_model_name_or_path", ""),
        rank=config.integer("r", 8),
        alpha=config.number("lora_alpha", 8, above=-1e9),
        rank_pattern=_pattern_table(config, "rank_pattern", int),
        alpha_pattern=_pattern_table(config, "alpha_pattern", float),
        rslora=config.boolean("use_rslora", False),
        dora=config.boolean("use_dora", False),
        biased=config.boolean("lora_bias", False),
        targets=_names(config, "target_modules"),
        excluded=_names(config, "exclude_modules"),
        saved=_list(config, "modules_to_save"),
        layers=config.ids("layers_to_transform"),
        layers_patterns=_list(config, "layers_pattern"),
        keeps_ties=config.boolean("ensure_weight_tying", False),
        unusual=_unusual(config),
        token_ids=_token_ids(config),
    )
    _check_patterns(settings, path)
    return settings


def _unusual(config: Fields) -> str:
    init = config.values.get("init_lora_weights")
    if isinstance(init, str) and init.startswith(_INITS):
        return f"init_lora_weights {init!r}"
    return next((name for name in _UNUSUAL if config.values.get(name)), "")


def _names(config: Fields, name: str) -> Names:
    value = config.values.get(name)
    if value == "all-linear":
        return r".*\.(self_attn|mlp)\.[a-z]+_proj"
    return value if isinstance(value, str) else _list(config, name)


def _list(config: Fields, name: str) -> tuple[str, ...]:
    value = config.values.get(name)
    found = [value] if isinstance(value, str) else (value or [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise config.wrong(name, "a list of names")
    if len(found) > MAX_NAMES:
        raise StartupError(f"{config.source}: {name} has {len(found):,} names; at most {MAX_NAMES}")
    return tuple(found)


def _token_ids(config: Fields) -> tuple[int, ...]:
    value: Any = config.values.get("trainable_token_indices")
    lists = list(value.values()) if isinstance(value, dict) else [value or []]
    found = [item for part in lists if isinstance(part, list) for item in part]
    if any(type(item) is not int or not 0 <= item < MAX_TOKENS for item in found):
        raise config.wrong("trainable_token_indices", f"token ids below {MAX_TOKENS:,}")
    return tuple(found)


def _pattern_table(config: Fields, name: str, kind: type) -> dict[str, Any]:
    value = config.values.get(name) or {}
    numbers = (int,) if kind is int else (int, float)
    if not isinstance(value, dict) or any(type(item) not in numbers for item in value.values()):
        raise config.wrong(name, "an object of numbers")
    if len(value) > MAX_NAMES or not all(abs(item) < 1e30 for item in value.values()):
        raise config.wrong(name, f"at most {MAX_NAMES} finite numbers")
    if kind is int and any(item < 1 for item in value.values()):
        raise config.wrong(name, "ranks of 1 or more")
    return value


def _check_patterns(settings: LoraSettings, path: Path) -> None:
    """Every pattern is tried once, so that a broken one is found here."""
    try:
        settings.is_target("model.layers.0.self_attn.q_proj")
        settings.scale_of("model.layers.0.self_attn.q_proj")
    except re.error as error:
        raise StartupError(f"{path} has a broken regular expression: {error}") from None
