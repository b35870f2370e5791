"""Reads a quantization_config of compressed-tensors, as llm-compressor writes it."""

from __future__ import annotations

from app.checkpoint.json_file import Fields
from app.checkpoint.quantization.refusals import refuse
from app.checkpoint.quantization.scheme import Layout, Quantization, WeightScheme

METHOD = "compressed-tensors"
_LAYOUTS = {
    "pack-quantized": Layout.PACKED,
    "int-quantized": Layout.PLAIN,
    "naive-quantized": Layout.PLAIN,
}
#: Orders of calibration that leave the columns where they are.
_COLUMNS_IN_PLACE = (None, False, "weight", "static")
MAX_GROUP = 2**20


def parse_compressed_tensors(config: Fields) -> Quantization:
    """What the values of a quantization_config say.

    Raises:
        StartupError: a value is malformed, or the weights are stored in a way that is not read.
    """
    _refuse_more_than_weights(config)
    groups = config.values.get("config_groups")
    if not isinstance(groups, dict) or not groups:
        raise config.invalid("config_groups", "an object that is not empty")
    schemes = []
    for name, group in groups.items():
        if not isinstance(group, dict):
            where = Fields(groups, f"{config.source}: config_groups")
            raise where.invalid(name, "an object")
        schemes.append(_scheme(config, Fields(group, f"{config.source}: config_groups.{name}")))
    return Quantization(METHOD, config.source, tuple(dict.fromkeys(schemes)))


def _refuse_more_than_weights(config: Fields) -> None:
    if config.values.get("kv_cache_scheme"):
        raise refuse(config.source, f"{METHOD} with a quantized KV cache (kv_cache_scheme)")
    if config.values.get("transform_config"):
        raise refuse(config.source, f"{METHOD} with transforms (transform_config)")
    sparsity = config.values.get("sparsity_config")
    if sparsity and not (isinstance(sparsity, dict) and sparsity.get("format") == "dense"):
        raise refuse(config.source, f"{METHOD} with sparse weights (sparsity_config)")


def _scheme(config: Fields, group: Fields) -> WeightScheme:
    """The scheme of one of config_groups."""
    stored = group.text("format", config.text("format", "dense"))
    weights = group.values.get("weights")
    if not isinstance(weights, dict):
        raise group.invalid("weights", "an object: how the weights are quantized")
    fields = Fields(weights, f"{group.source}.weights")
    bits = fields.integer("num_bits", 8, maximum=64)
    if group.values.get("input_activations") or group.values.get("output_activations"):
        kind = f"quantized activations ({_activation_name(group, bits)})"
        raise refuse(config.source, f"{METHOD} with {kind}")
    if fields.text("type", "int").lower() != "int":
        raise refuse(config.source, f"{METHOD} with weights of type FP{bits} ({stored})")
    if stored not in _LAYOUTS:
        raise refuse(config.source, f"{METHOD} in the format {stored!r}")
    layout = _LAYOUTS[stored]
    if bits not in ((8,) if layout is Layout.PLAIN else (4, 8)):
        raise refuse(config.source, f"{METHOD} with {bits} bits in the format {stored!r}")
    if fields.values.get("actorder") not in _COLUMNS_IN_PLACE:
        raise refuse(config.source, f"{METHOD} with act-order (actorder)")
    symmetric = fields.boolean("symmetric", True)
    return WeightScheme(layout, bits, _group_size(config, fields), symmetric)


def _activation_name(group: Fields, bits: int) -> str:
    """W8A8, W4A8 …"""
    inputs = group.values.get("input_activations") or group.values["output_activations"]
    if not isinstance(inputs, dict):
        return f"W{bits}"
    fields = Fields(inputs, f"{group.source}.input_activations")
    return f"W{bits}A{fields.integer('num_bits', 8, maximum=64)}"


def _group_size(config: Fields, weights: Fields) -> int | None:
    size = weights.integer("group_size", -1, minimum=-1, maximum=MAX_GROUP)
    given = weights.values.get("group_size") is not None
    inferred = "tensor" if not given else "channel" if size == -1 else "group"
    strategy = weights.text("strategy", inferred).lower()
    if strategy == "channel":
        return None
    if strategy != "group":
        raise refuse(config.source, f"{METHOD} with the strategy {strategy!r}")
    if size < 1:
        raise weights.invalid("group_size", f"a whole number from 1 to {MAX_GROUP}")
    return size
