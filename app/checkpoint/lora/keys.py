"""Parses the keys of an adapter's file: the module, and the kind of tensor.

peft's versions name keys differently: with and without the adapter's name, `.modules_to_save.` and
`.weight`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto


class KeyKind(Enum):
    """The kind of a tensor in an adapter."""

    A = auto()  #: [rank, in]; of an embedding [rank, vocabulary]
    B = auto()  #: [out, rank]; of an embedding [hidden, rank]
    SAVED = auto()  #: replaces the base model's tensor (modules_to_save)
    IGNORED = auto()  #: a copy of what the base model had
    OTHER = auto()  #: part of an adapter that only peft can merge


@dataclass(frozen=True, slots=True)
class AdapterKey:
    """A parsed key."""

    kind: KeyKind
    module: str  #: in the base model, such as "model.layers.0.self_attn.q_proj"
    #: for SAVED: "weight" or "bias"; of several keys for one tensor the highest certainty wins
    tensor: str = "weight"
    certainty: int = 0


_PREFIX = "base_model.model."
_PAIR = re.compile(r"(.+)\.lora_(?:embedding_)?([AB])(?:\.(?!weight$|bias$)[^.]+)?(?:\.weight)?")
_WRAPPED = re.compile(
    r"(.+)\.(modules_to_save|original_module|base_layer)(?:\.(?!weight$|bias$)[^.]+)?\.(weight|bias)"
)
_PLAIN = re.compile(r"(.+?)(?:\.default)?\.(weight|bias)")
_OTHER = re.compile(r"(.+?)\.(?:lora_|token_adapter\.|trainable_tokens_).+")


def read_key(key: str) -> AdapterKey:
    """Parse `key`; an unknown name is SAVED, with the whole name as its module."""
    name = key.removeprefix(_PREFIX)
    if match := _PAIR.fullmatch(name):
        return AdapterKey(KeyKind.A if match[2] == "A" else KeyKind.B, match[1])
    if match := _OTHER.fullmatch(name):
        return AdapterKey(KeyKind.OTHER, match[1])
    if match := _WRAPPED.fullmatch(name):
        module, wrapper, tensor = match.groups()
        if wrapper == "original_module":
            return AdapterKey(KeyKind.IGNORED, module)
        return AdapterKey(KeyKind.SAVED, module, tensor, 2 if wrapper == "modules_to_save" else 0)
    if name.endswith(".rotary_emb.inv_freq"):
        return AdapterKey(KeyKind.IGNORED, name)
    if match := _PLAIN.fullmatch(name):
        return AdapterKey(KeyKind.SAVED, match[1], match[2], 1)
    return AdapterKey(KeyKind.SAVED, name)
