"""Refuses quantized checkpoints that are not read, by name, with what to do."""

from __future__ import annotations

from app.checkpoint.errors import StartupError

#: Values of quant_method, and what people call them.
_NAMES = {
    "aqlm": "AQLM",
    "auto-round": "AutoRound",
    "awq": "AWQ",
    "bitnet": "BitNet",
    "bitsandbytes": "bitsandbytes",
    "eetq": "EETQ",
    "exl2": "EXL2",
    "exl3": "EXL3",
    "fbgemm_fp8": "FBGEMM FP8",
    "fp8": "FP8",
    "higgs": "HIGGS",
    "hqq": "HQQ",
    "marlin": "Marlin",
    "modelopt": "ModelOpt",
    "mxfp4": "MXFP4",
    "quanto": "Quanto",
    "quark": "Quark",
    "spqr": "SpQR",
    "torchao": "torchao",
    "vptq": "VPTQ",
}
#: Most characters of what is refused.
_LONGEST = 200


def method_name(method: str) -> str:
    """What people call a quant_method."""
    return _NAMES.get(method, repr(method))


def refuse(source: str, what: str) -> StartupError:
    """The error for weights that are stored as `what`, which may be text of the file."""
    what = what if len(what) <= _LONGEST else what[:_LONGEST] + "…"
    return StartupError(
        f"{source}: quantized weights of the kind {what} are not read; pass the original 16-bit "
        "checkpoint (--load_in_8bit or --load_in_4bit rounds it here), or the model as GGUF, GPTQ "
        "without act-order, or compressed-tensors W4A16 or W8A16"
    )
