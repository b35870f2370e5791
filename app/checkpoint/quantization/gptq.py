"""Reads a quantization_config of GPTQ, as AutoGPTQ, GPTQModel and transformers write it."""

from __future__ import annotations

from app.checkpoint.json_file import Fields
from app.checkpoint.quantization.compressed_tensors import MAX_GROUP
from app.checkpoint.quantization.refusals import refuse
from app.checkpoint.quantization.scheme import Layout, Quantization, WeightScheme

METHOD = "GPTQ"
_LAYOUTS = {"gptq": Layout.GPTQ, "gptq_v2": Layout.GPTQ_V2}


def parse_gptq(config: Fields) -> Quantization:
    """What the values of a quantization_config or a quantize_config.json say.

    Whether zero points are all the same (sym) makes no difference: they are stored.

    Raises:
        StartupError: a value is malformed, or the weights are stored in a way that is not read.
    """
    stored = config.text("checkpoint_format", config.text("format", "gptq"))
    if config.boolean("is_marlin_format", False):
        stored = "marlin"
    if stored not in _LAYOUTS:
        raise refuse(config.source, f"{METHOD} in the format {stored!r}")
    packed = config.text("pack_dtype", "int32").removeprefix("torch.")
    if packed != "int32":
        raise refuse(config.source, f"{METHOD} packed in {packed!r}")
    for name in ("rotation", "adapter"):
        if config.values.get(name):
            raise refuse(config.source, f"{METHOD} with {name}")
    schemes = [
        _scheme(Fields(values, config.source), _LAYOUTS[stored])
        for values in (config.values, *_overrides(config))
    ]
    act_order = config.boolean("desc_act", False)
    return Quantization(METHOD, config.source, tuple(dict.fromkeys(schemes)), act_order)


def _overrides(config: Fields) -> list[dict[str, object]]:
    """The config of each kind of matrix that has its own bits or groups (`dynamic`)."""
    dynamic = config.values.get("dynamic")
    if dynamic is None:
        return []
    if not isinstance(dynamic, dict) or not all(isinstance(v, dict) for v in dynamic.values()):
        raise config.invalid("dynamic", "an object of objects")
    return [config.values | values for values in dynamic.values()]


def _scheme(config: Fields, layout: Layout) -> WeightScheme:
    if config.values.get("bits") is None:
        raise config.invalid("bits", "4 or 8")
    bits = config.integer("bits", 4, maximum=64)
    if bits not in (4, 8):
        raise refuse(config.source, f"{METHOD} with {bits} bits")
    size = config.integer("group_size", 128, minimum=-1, maximum=MAX_GROUP)
    if not size:
        raise config.invalid("group_size", f"-1 or a whole number from 1 to {MAX_GROUP}")
    return WeightScheme(layout, bits, size if size > 0 else None)
