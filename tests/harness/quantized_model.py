"""Writes quantized directories: compressed-tensors' by its package, GPTQ's in AutoGPTQ's layout.

Integers and zero points are random bits; scales have 16 bits. Beside the tensors of the files
each writer gives the float32 values that they stand for: those of the package, or, for GPTQ, of
the integers that were packed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from safetensors.torch import save_file
from torch import Tensor

from app.checkpoint.config import parse_config
from app.checkpoint.expected_tensors import expected_shapes
from app.checkpoint.json_file import Fields
from config import EMBEDDED_MODEL
from tests.harness.model_directory import config_json

#: The tensors that hold a matrix by the last part of their names, and its float32 values.
Quantized = tuple[dict[str, Tensor], Tensor]
#: Makes a matrix of a shape [out, in].
Quantize = Callable[[tuple[int, int], torch.Generator], Quantized]


@dataclass(frozen=True)
class CompressedTensors:
    """A scheme of compressed-tensors."""

    bits: int = 4
    group: int | None = 128
    symmetric: bool = True
    form: str = "pack-quantized"
    scale_dtype: torch.dtype = torch.bfloat16

    @property
    def scheme(self) -> dict[str, Any]:
        """One of config_groups."""
        strategy = {"strategy": "group", "group_size": self.group}
        weights = {"num_bits": self.bits, "type": "int", "symmetric": self.symmetric}
        weights |= strategy if self.group else {"strategy": "channel"}
        return {"targets": ["Linear"], "weights": weights | {"dynamic": False}}

    @property
    def config(self) -> dict[str, Any]:
        """The quantization_config."""
        return {
            "quant_method": "compressed-tensors",
            "format": self.form,
            "quantization_status": "compressed",
            "config_groups": {"group_0": self.scheme},
            "ignore": ["lm_head"],
        }

    def __call__(self, shape: tuple[int, int], generator: torch.Generator) -> Quantized:
        """Random weights, quantized and dequantized by the package."""
        groups, middle = shape[1] // (self.group or shape[1]), 2 ** (self.bits - 1)
        scales = _scales((shape[0], groups), self.bits, self.scale_dtype, generator)
        zero_points = torch.zeros(shape[0], groups, dtype=torch.int8)
        if not self.symmetric:
            zero_points.random_(-middle, middle, generator=generator)
        integers = torch.empty(shape, dtype=torch.int8).random_(
            -middle, middle, generator=generator
        )
        spread = [each.repeat_interleave(shape[1] // groups, 1) for each in (scales, zero_points)]
        scheme = QuantizationScheme(
            targets=["Linear"], weights=QuantizationArgs(**self.scheme["weights"])
        )
        compressor = BaseCompressor.get_value_from_registry(self.form)
        module = {
            "weight": (integers.float() - spread[1].float()) * spread[0].float(),
            "weight_scale": scales,
            "weight_zero_point": zero_points,
        }
        exact = module | {"weight_scale": scales.float()}
        stored = compressor.compress(module, scheme)
        values = compressor.decompress(compressor.compress(exact, scheme), scheme)["weight"]
        assert values.dtype == torch.float32 and values.equal(module["weight"])
        return stored, values


@dataclass(frozen=True)
class Gptq:
    """A scheme of GPTQ, packed as by AutoGPTQ (v1) and GPTQModel (v2)."""

    bits: int = 4
    group: int | None = 128
    symmetric: bool = True
    form: str = "gptq"
    scale_dtype: torch.dtype = torch.float16
    order: bool = True  #: write g_idx

    @property
    def config(self) -> dict[str, Any]:
        """The quantization_config."""
        return {
            "quant_method": "gptq",
            "bits": self.bits,
            "group_size": self.group or -1,
            "sym": self.symmetric,
            "desc_act": False,
            "checkpoint_format": self.form,
        }

    def __call__(self, shape: tuple[int, int], generator: torch.Generator) -> Quantized:
        """Random integers, packed field by field."""
        outputs, inputs = shape
        group, top = self.group or inputs, 2**self.bits
        scales = _scales((inputs // group, outputs), self.bits, self.scale_dtype, generator)
        integers = torch.empty(inputs, outputs, dtype=torch.int64).random_(
            0, top, generator=generator
        )
        zero_points = torch.full((inputs // group, outputs), top // 2)
        if not self.symmetric:  # with zeros, which borrow when one is subtracted
            zero_points.random_(0, top, generator=generator)
        g_idx = torch.arange(inputs, dtype=torch.int32) // group
        values = (integers - zero_points[g_idx]).float() * scales[g_idx].float()
        one = sum(1 << shift for shift in range(0, 32, self.bits)) if self.form == "gptq" else 0
        stored = {
            "qweight": _packed(integers.T, self.bits).T.contiguous(),
            "qzeros": _packed(zero_points, self.bits, one),
            "scales": scales,
        }
        return stored | ({"g_idx": g_idx} if self.order else {}), values.T.contiguous()


def _packed(integers: Tensor, bits: int, subtracted: int = 0) -> Tensor:
    """Rows of integers as rows of int32 words, the first in the lowest bits; less `subtracted`."""
    words = np.zeros((integers.shape[0], -(-integers.shape[1] * bits // 32)), np.uint32)
    fields = 32 // bits
    for column, values in enumerate(integers.numpy().astype(np.uint32).T):
        words[:, column // fields] |= values << np.uint32(bits * (column % fields))
    return torch.from_numpy((words - np.uint32(subtracted)).view(np.int32))


def _scales(
    shape: tuple[int, int], bits: int, dtype: torch.dtype, generator: torch.Generator
) -> Tensor:
    """With which weights are about 0.1."""
    return (torch.rand(shape, generator=generator) * 0.8 + 0.2).div(5 * 2 ** (bits - 1)).to(dtype)


def quantized_tensors(
    config: Mapping[str, Any], scheme_of: Callable[[str], Quantize | None], seed: int = 0
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The tensors of the files for a config.json's model, and the values that they stand for.

    scheme_of: of the matrix with a name; None stores it in float16."""
    generator = torch.Generator().manual_seed(seed)
    model = parse_config(Fields(dict(config), "test"), Fields({}, ""))
    stored: dict[str, Tensor] = {}
    values: dict[str, Tensor] = {}
    for name, shape in expected_shapes(model).items():
        scheme = scheme_of(name) if len(shape) == 2 else None
        if scheme is None:
            low = 0.5 if "norm" in name else -0.1
            tensor = (torch.rand(shape, generator=generator) * (-2 * min(low, -0.1)) + low).half()
            stored[name], values[name] = tensor, tensor.float()
            continue
        parts, values[name] = scheme((shape[0], shape[1]), generator)
        prefix = name.removesuffix("weight")
        stored |= {prefix + part: tensor for part, tensor in parts.items()}
    return stored, values


def layers_only(scheme: Quantize) -> Callable[[str], Quantize | None]:
    """`scheme` for the layers' matrices; embedding and lm_head are not quantized."""
    return lambda name: scheme if "layers" in name else None


def write_quantized(
    directory: Path,
    scheme: CompressedTensors | Gptq,
    scheme_of: Callable[[str], Quantize | None] | None = None,
    seed: int = 0,
    **changes: Any,
) -> dict[str, Tensor]:
    """A complete directory with the embedded model's tokenizer. Returns the values of its tensors.

    scheme_of: by default `layers_only(scheme)`; changes: to `config_json`."""
    given = {"quantization_config": scheme.config} | changes
    config = config_json(**given)
    stored, values = quantized_tensors(config, scheme_of or layers_only(scheme), seed)
    write_directory(directory, config, stored)
    return values


def write_directory(directory: Path, config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """A directory with the embedded model's tokenizer."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config))
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, directory / "model.safetensors")
    shutil.copy(Path(EMBEDDED_MODEL) / "tokenizer.model", directory)
