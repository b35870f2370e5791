"""Finds out how the weights of a directory are quantized."""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import Fields, read_json
from app.checkpoint.quantization.compressed_tensors import METHOD, parse_compressed_tensors
from app.checkpoint.quantization.gptq import parse_gptq
from app.checkpoint.quantization.refusals import method_name, refuse
from app.checkpoint.quantization.scheme import Quantization
from app.checkpoint.safe_open import file_exists

#: Keys of config.json; the second is that of early files of compressed-tensors.
KEYS = ("quantization_config", "compression_config")
#: Where AutoGPTQ wrote it before config.json had a place for it.
QUANTIZE_CONFIG = "quantize_config.json"
#: Each is compared with every matrix.
MAX_SCHEMES = 64


def read_quantization(directory: Path) -> Quantization | None:
    """What `directory`'s config.json or quantize_config.json says; None: it is not quantized.

    Raises:
        StartupError: a file is malformed, or the weights are stored in a way that is not read.
    """
    config = read_json(directory / "config.json")
    for key in KEYS:
        if config.get(key):
            fields = Fields(config, str(directory / "config.json"))
            if not isinstance(config[key], dict):
                raise fields.invalid(key, "an object")
            return _parse(Fields(config[key], f"{fields.source}: {key}"))
    path = directory / QUANTIZE_CONFIG
    if not file_exists(path):
        return None
    values = read_json(path)
    return _parse(Fields({"quant_method": "gptq"} | values, str(path)))


def _parse(config: Fields) -> Quantization:
    quantization = _parsed(config)
    if len(quantization.schemes) > MAX_SCHEMES:
        raise StartupError(
            f"{config.source}: describes {len(quantization.schemes)} kinds of matrices; at most "
            f"{MAX_SCHEMES}"
        )
    return quantization


def _parsed(config: Fields) -> Quantization:
    method = config.text("quant_method", "")
    if method == "gptq":
        return parse_gptq(config)
    if method == METHOD or (not method and "config_groups" in config.values):
        return parse_compressed_tensors(config)
    raise refuse(config.source, method_name(method) if method else "without a quant_method")
