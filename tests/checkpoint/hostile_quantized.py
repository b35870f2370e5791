"""Damaged quantized directories, and ones that are not read: each with a part of the error."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.harness.model_directory import config_json, write_header
from tests.harness.quantized_model import (
    CompressedTensors,
    Gptq,
    layers_only,
    quantized_tensors,
    write_directory,
)

#: Changes the config.json and the tensors of a directory.
Damage = Callable[[dict[str, Any], dict[str, Tensor]], object]
Case = tuple[str, CompressedTensors | Gptq, Damage, str]

SHAPE: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96}
PACKED = CompressedTensors(group=32)
ASYMMETRIC = CompressedTensors(group=32, symmetric=False)
INT8 = CompressedTensors(8, None, form="int-quantized")
GPTQ = Gptq(group=32)
Q = "model.layers.1.self_attn.q_proj."


@cache
def valid(scheme: CompressedTensors | Gptq) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config.json and the tensors of a directory that passes."""
    config = config_json(**SHAPE, quantization_config=scheme.config)
    return config, quantized_tensors(config, layers_only(scheme))[0]


def write(directory: Path, scheme: CompressedTensors | Gptq, damage: Damage) -> Path:
    """A directory with `damage` done to it."""
    config, tensors = valid(scheme)
    config, tensors = deepcopy(config), dict(tensors)
    damage(config, tensors)
    write_directory(directory, config, tensors)
    return directory


def nothing(config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """A valid directory."""


def says(**values: Any) -> Damage:
    """Other values in quantization_config."""
    return lambda config, tensors: config["quantization_config"].update(values)


def weights_say(**values: Any) -> Damage:
    """Other values in how compressed-tensors describes weights."""

    def damage(config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        config["quantization_config"]["config_groups"]["group_0"]["weights"].update(values)

    return damage


def group_says(**values: Any) -> Damage:
    """Other values beside them."""

    def damage(config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        config["quantization_config"]["config_groups"]["group_0"].update(values)

    return damage


def method(name: object) -> Damage:
    return lambda config, tensors: config.update(quantization_config={"quant_method": name})


def without(name: str) -> Damage:
    return lambda config, tensors: tensors.pop(name)


def holds(name: str, change: Callable[[Tensor], Tensor]) -> Damage:
    """The tensor `name` changed."""
    return lambda config, tensors: tensors.update({name: change(tensors[name])})


def has(name: str, tensor: Tensor) -> Damage:
    """Another tensor."""
    return lambda config, tensors: tensors.update({name: tensor})


def swapped(columns: Tensor) -> Tensor:
    """Two columns of different groups in each other's place."""
    return columns[[40, *range(1, 40), 0, *range(41, len(columns))]]


NUMBERS: list[Case] = [
    ("no bits", GPTQ, lambda config, _: config["quantization_config"].pop("bits"), "bits is None"),
    ("bits in a string", GPTQ, says(bits="4"), "bits is '4'; expected a whole number"),
    ("2**40 bits", GPTQ, says(bits=2**40), "expected a whole number from 1 to 64"),
    ("3 bits", GPTQ, says(bits=3), "GPTQ with 3 bits are not read; pass"),
    ("groups of 0", GPTQ, says(group_size=0), "group_size is 0; expected -1 or a whole number"),
    ("groups of -5", GPTQ, says(group_size=-5), "group_size is -5"),
    ("groups of 2**60", GPTQ, says(group_size=2**60), "group_size is 11529.*expected"),
    ("groups of 48", GPTQ, says(group_size=48), "groups of 48 do not divide the 64 inputs of"),
    ("other groups", GPTQ, says(group_size=64), r"shape \[2, 64\].*groups of 64\) expects \[1, 64"),
    (
        "other bits",
        GPTQ,
        says(bits=8),
        r"\[8, 64\].*8 bits.* expects \[16, 64\]",
    ),
    ("dynamic is a list", GPTQ, says(dynamic=[1]), r"dynamic is \[1\]; expected an object"),
    ("dynamic is absurd", GPTQ, says(dynamic={"+:a": {"bits": -4}}), "bits is -4; expected"),
    (
        "many kinds of matrices",
        GPTQ,
        says(dynamic={f"+:{n}": {"group_size": n + 1} for n in range(100_000)}),
        "describes 100000 kinds of matrices; at most 64",
    ),
    ("desc_act is 3", GPTQ, says(desc_act=3), "desc_act is 3; expected true or false"),
    ("no config_groups", PACKED, says(config_groups={}), "config_groups is {}; expected an object"),
    ("config_groups is 1", PACKED, says(config_groups=1), "config_groups is 1; expected"),
    ("a group is null", PACKED, says(config_groups={"a": None}), "config_groups: a is None"),
    ("no weights", PACKED, group_says(weights=None), "weights is None; expected an object"),
    ("num_bits is true", PACKED, weights_say(num_bits=True), "num_bits is True; expected"),
    ("ct groups of 2**60", PACKED, weights_say(group_size=2**60), "group_size is 11529.*expected"),
    ("ct groups of 0", PACKED, weights_say(group_size=0), "group_size is 0; expected"),
    ("ct groups of 0 alone", PACKED, weights_say(group_size=0, strategy=None), "group_size is 0"),
    ("ct other bits", PACKED, weights_say(num_bits=8), "weight_packed' has shape.*8 bits"),
    ("ct other groups", PACKED, weights_say(group_size=16), "weight_scale' has shape.*of 16"),
]
TENSORS: list[Case] = [
    ("qweight too short", GPTQ, holds(Q + "qweight", lambda t: t[1:]), r"has shape \[7, 64"),
    ("qweight in floats", GPTQ, holds(Q + "qweight", lambda t: t.float()), "is F32"),
    ("qweight flat", GPTQ, holds(Q + "qweight", lambda t: t.flatten()), r"has shape \[512\]"),
    ("qweight of one value", GPTQ, holds(Q + "qweight", lambda t: t[0, 0]), r"has shape \[\]"),
    ("scales too few", GPTQ, holds(Q + "scales", lambda t: t[:1]), r"scales' has shape \[1, 64\]"),
    ("scales in bytes", GPTQ, holds(Q + "scales", lambda t: t.char()), "scales' is I8; supported"),
    ("qzeros too many", GPTQ, holds(Q + "qzeros", lambda t: torch.cat((t, t))), r"has shape"),
    ("no qzeros", GPTQ, without(Q + "qzeros"), "lacks the tensor.*q_proj.qzeros'"),
    ("no scales", GPTQ, without(Q + "scales"), "lacks the tensor.*q_proj.scales'"),
    ("no qweight", GPTQ, without(Q + "qweight"), "lacks the tensor.*q_proj.qweight'"),
    ("g_idx too large", GPTQ, holds(Q + "g_idx", lambda t: t + 2), "from 2 to 3, but there are 2"),
    ("g_idx negative", GPTQ, holds(Q + "g_idx", lambda t: t - 2**31), "groups from -2147483648"),
    ("g_idx too short", GPTQ, holds(Q + "g_idx", lambda t: t[1:]), r"g_idx' has shape \[63\]"),
    ("g_idx in floats", GPTQ, holds(Q + "g_idx", lambda t: t.float()), "g_idx' is F32; supported"),
    ("both", GPTQ, has(Q + "weight", torch.zeros(64, 64)), "has both .*q_proj.weight' and"),
    ("a bias", GPTQ, has(Q + "bias", torch.ones(64)), "q_proj.bias', which config.json's"),
    ("something else", GPTQ, has(Q + "lut", torch.ones(4)), "q_proj.lut', which config.json's"),
    ("another width", GPTQ, lambda config, _: config.update(hidden_size=128), "has shape"),
    ("no scale", PACKED, without(Q + "weight_scale"), "lacks the tensor.*weight_scale'"),
    ("no zero point", ASYMMETRIC, without(Q + "weight_zero_point"), "lacks.*weight_zero_point'"),
    ("few zero points", ASYMMETRIC, holds(Q + "weight_zero_point", lambda t: t[1:]), "has shape"),
    ("zero points beside symmetric", ASYMMETRIC, weights_say(symmetric=True), "says symmetric"),
    ("other shape", PACKED, has(Q + "weight_shape", torch.tensor([64, 62])), r"says \[64, 62\]"),
    ("shape of three", PACKED, has(Q + "weight_shape", torch.ones(3).int()), "has shape"),
    ("words too few", PACKED, holds(Q + "weight_packed", lambda t: t[:, 1:]), "has shape"),
    ("no integers", INT8, without(Q + "weight"), "lacks the tensor.*q_proj.weight'"),
    ("floats", INT8, holds(Q + "weight", lambda t: t.half()), "is F16; supported: I8"),
    ("int8 too few", INT8, holds(Q + "weight", lambda t: t[:, 1:]), "q_proj.weight' has shape"),
]  # fmt: skip
REFUSED: list[Case] = [
    *(
        (name, GPTQ, method(value), f"of the kind {name} are not read; pass")
        for name, value in {
            "AWQ": "awq", "FP8": "fp8", "bitsandbytes": "bitsandbytes", "HQQ": "hqq",
            "AutoRound": "auto-round", "MXFP4": "mxfp4", "torchao": "torchao", "'new'": "new",
        }.items()
    ),
    ("no method", GPTQ, method(None), "without a quant_method are not read"),
    ("method 3", GPTQ, method(3), "quant_method is 3; expected a string"),
    ("a list", GPTQ, lambda config, _: config.update(quantization_config=[1]), "an object"),
    ("act-order", GPTQ, holds(Q + "g_idx", swapped), "GPTQ with act-order .*g_idx.*are not read"),
    ("act-order without g_idx", Gptq(group=32, order=False), says(desc_act=True), "with act-order"),
    ("ct act-order", PACKED, weights_say(actorder="group"), "with act-order"),
    ("ct g_idx", PACKED, has(Q + "weight_g_idx", torch.arange(64).int() % 2), "with act-order"),
    ("Marlin", GPTQ, says(checkpoint_format="marlin"), "GPTQ in the format 'marlin'"),
    ("Marlin, early", GPTQ, says(is_marlin_format=True), "GPTQ in the format 'marlin'"),
    ("int16 words", GPTQ, says(pack_dtype="int16"), "GPTQ packed in 'int16'"),
    ("rotation", GPTQ, says(rotation="hadamard"), "GPTQ with rotation"),
    ("W8A8", INT8, group_says(input_activations={"num_bits": 8}), r"activations \(W8A8\)"),
    ("W4A8", PACKED, group_says(input_activations={"num_bits": 8}), r"activations \(W4A8\)"),
    ("ct FP8", PACKED, weights_say(type="float", num_bits=8), "type FP8"),
    ("NVFP4", PACKED, says(format="nvfp4-pack-quantized"), "'nvfp4-pack-quantized'"),
    ("2:4", PACKED, says(format="marlin-24"), "in the format 'marlin-24'"),
    ("ct 3 bits", PACKED, weights_say(num_bits=3), "with 3 bits in the format"),
    ("per tensor", PACKED, weights_say(strategy="tensor"), "with the strategy 'tensor'"),
    ("neither", PACKED, weights_say(strategy=None, group_size=None), "the strategy 'tensor'"),
    ("a long name", PACKED, says(format="a" * 10**6), "in the format 'aaaaaaaa.*a… are not read"),
    ("blocks", PACKED, weights_say(strategy="block"), "with the strategy 'block'"),
    ("sparse", PACKED, says(sparsity_config={"format": "sparse-24-bitmask"}), "sparse weights"),
    ("quantized KV cache", PACKED, says(kv_cache_scheme={"num_bits": 8}), "a quantized KV cache"),
    ("transforms", PACKED, says(transform_config={"config_groups": {"a": 1}}), "with transforms"),
]  # fmt: skip
CASES = NUMBERS + TENSORS + REFUSED


def absurd_size(directory: Path) -> Path:
    """Matrices of 2**50 bytes, which the file does not have."""
    write(directory, GPTQ, nothing)
    entry = {"dtype": "I32", "shape": [2**24, 2**24], "data_offsets": [0, 2**50]}
    write_header(directory / "model.safetensors", {Q + "qweight": entry}, b"\0" * 64)
    return directory
