"""What a key of an adapter's file means: which module, and which part of the adapter.

Knows nothing about shapes or settings. Spellings differ between peft's versions: with and
without the adapter's name, `.modules_to_save.` and `.weight`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto


class Part(Enum):
    """What a tensor of an adapter is."""

    A = auto()  #: [rank, in]; of an embedding [rank, vocabulary]
    B = auto()  #: [out, rank]; of an embedding [hidden, rank]
    SAVED = auto()  #: takes the place of the base model's tensor
    IGNORED = auto()  #: a copy of what the base model had
    OTHER = auto()  #: a part of an unusual adapter


@dataclass(frozen=True, slots=True)
class Key:
    """One key, read."""

    part: Part
    module: str  #: in the base model, such as "model.layers.0.self_attn.q_proj"
    #: for SAVED: "weight" or "bias", and the surer spelling wins over the other
    tensor: str = "weight"
    certainty: int = 0


_PREFIX = "base_model.model."
_PAIR = re.compile(r"(.+)\.lora_(?:embedding_)?([AB])(?:\.(?!weight$|bias$)[^.]+)?(?:\.weight)?")
_WRAPPED = re.compile(
    r"(.+)\.(modules_to_save|original_module|base_layer)(?:\.(?!weight$|bias$)[^.]+)?\.(weight|bias)"
)
_PLAIN = re.compile(r"(.+?)(?:\.default)?\.(weight|bias)")
_OTHER = re.compile(r"(.+?)\.(?:lora_|token_adapter\.|trainable_tokens_).+")


def read_key(key: str) -> Key:
    """What `key` means; a name that fits nothing is SAVED, of a module of its own name."""
    name = key.removeprefix(_PREFIX)
    if found := _PAIR.fullmatch(name):
        return Key(Part.A if found[2] == "A" else Part.B, found[1])
    if found := _OTHER.fullmatch(name):
        return Key(Part.OTHER, found[1])
    if found := _WRAPPED.fullmatch(name):
        module, wrapper, tensor = found.groups()
        if wrapper == "original_module":
            return Key(Part.IGNORED, module)
        return Key(Part.SAVED, module, tensor, 2 if wrapper == "modules_to_save" else 0)
    if name.endswith(".rotary_emb.inv_freq"):
        return Key(Part.IGNORED, name)
    if found := _PLAIN.fullmatch(name):
        return Key(Part.SAVED, found[1], found[2], 1)
    return Key(Part.SAVED, name)
