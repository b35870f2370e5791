"""Reads a LoRA's adapter_config.json: target modules, rank and scale, matched as in peft."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import Fields, read_json
from app.checkpoint.safe_open import file_exists
from app.checkpoint.vocabulary import MAX_TOKENS

ADAPTER_CONFIG = "adapter_config.json"
#: Keys of adapters that are not only W + scale · B A; peft merges these.
_UNUSUAL = (
    "use_dora", "lora_bias", "trainable_token_indices", "use_qalora", "use_bdlora", "kasa_config",
    "monteclora_config", "velora_config",
)  # fmt: skip
#: Values of init_lora_weights that also change the base model's weights.
_INITS = ("pissa", "olora", "corda", "loftq", "lora_ga", "mica")
#: Keys of adapters that cannot be merged into a base model's weights.
_REFUSED = (
    "layer_replication", "target_parameters", "alora_invocation_tokens", "arrow_config",
    "enable_lora",
)  # fmt: skip

#: Most names in a list: more than the modules of the largest models.
MAX_NAMES = 4096

Names = tuple[str, ...] | str  #: module names, or one regular expression


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """The settings of adapter_config.json that matter after training."""

    directory: Path
    base_name: str  #: base_model_name_or_path; "" if it is missing
    rank: int
    alpha: float
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    rslora: bool
    dora: bool  #: use_dora: every pair has a magnitude vector
    biased: bool  #: lora_bias: every pair of a linear layer has a bias
    targets: Names
    excluded: Names
    saved: tuple[str, ...]  #: modules_to_save: stored whole
    layers: tuple[int, ...]  #: only these; empty: all
    layers_patterns: tuple[str, ...]
    keeps_ties: bool  #: ensure_weight_tying
    unusual: str  #: the setting because of which peft must merge it; "" if none
    token_ids: tuple[int, ...]  #: trainable_token_indices

    @property
    def made_for(self) -> str:
        """A phrase about its base model, for error messages."""
        return f"the LoRA was made for {self.base_name or 'another base model'}"

    def rank_of(self, module: str) -> int:
        """The rank of `module`'s pair A, B."""
        return self.rank_pattern.get(_pattern(self.rank_pattern, module), self.rank)

    def scale_of(self, module: str) -> float:
        """The factor on B A of `module`."""
        alpha = self.alpha_pattern.get(_pattern(self.alpha_pattern, module), self.alpha)
        rank = self.rank_of(module)
        return alpha / math.sqrt(rank) if self.rslora else alpha / rank

    def is_target(self, module: str) -> bool:
        """Whether the adapter has a pair A, B for `module`."""
        if _named(self.excluded, module):
            return False
        if any(re.match(rf"(^|.*\.){name}($|\..*)", module) for name in self.saved):
            return False
        if isinstance(self.targets, str) or module in self.targets:
            return _named(self.targets, module)
        return _named(self.targets, module) and self._in_layers(module)

    def is_saved(self, module: str) -> bool:
        """Whether modules_to_save names `module`."""
        return module.endswith(self.saved) if self.saved else False

    def _in_layers(self, module: str) -> bool:
        if not self.layers:
            return True
        patterns = self.layers_patterns or (r"[^.]*",)
        for pattern in patterns:
            match = re.match(rf"(?:^|.*?\.){pattern}\.(\d+)\.", module)
            if match:
                return int(match.group(1)) in self.layers
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
        StartupError: adapter_config.json is missing or malformed, or of another kind of adapter.
    """
    path = directory / ADAPTER_CONFIG
    if not file_exists(path) and (directory / "config.json").is_file():
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
    names = [value] if isinstance(value, str) else (value or [])
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
        raise config.invalid(name, "a list of names")
    if len(names) > MAX_NAMES:
        raise StartupError(f"{config.source}: {name} has {len(names):,} names; at most {MAX_NAMES}")
    return tuple(names)


def _token_ids(config: Fields) -> tuple[int, ...]:
    value: Any = config.values.get("trainable_token_indices")
    lists = list(value.values()) if isinstance(value, dict) else [value or []]
    ids = [item for part in lists if isinstance(part, list) for item in part]
    if any(type(item) is not int or not 0 <= item < MAX_TOKENS for item in ids):
        raise config.invalid("trainable_token_indices", f"token ids below {MAX_TOKENS:,}")
    return tuple(ids)


def _pattern_table(config: Fields, name: str, kind: type) -> dict[str, Any]:
    value = config.values.get(name) or {}
    numbers = (int,) if kind is int else (int, float)
    if not isinstance(value, dict) or any(type(item) not in numbers for item in value.values()):
        raise config.invalid(name, "an object of numbers")
    if len(value) > MAX_NAMES or not all(abs(item) < 1e30 for item in value.values()):
        raise config.invalid(name, f"at most {MAX_NAMES} finite numbers")
    if kind is int and any(item < 1 for item in value.values()):
        raise config.invalid(name, "ranks of 1 or more")
    return value


def _check_patterns(settings: LoraSettings, path: Path) -> None:
    """Match each pattern once, so that an invalid regular expression is reported here."""
    try:
        settings.is_target("model.layers.0.self_attn.q_proj")
        settings.scale_of("model.layers.0.self_attn.q_proj")
    except re.error as error:
        raise StartupError(f"{path} has a broken regular expression: {error}") from None
