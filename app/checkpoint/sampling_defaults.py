"""Reads the sampling parameters that a checkpoint's generation_config.json recommends."""

from __future__ import annotations

from collections.abc import Mapping

from app.checkpoint.json_file import Fields

#: The parameters that are read, with the API's ranges.
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "top_k": (0, 2**31),
    "min_p": (0, 1),
    "repetition_penalty": (0, 10),
}


def parse_sampling_defaults(file: Fields) -> dict[str, float]:
    """Those of a generation_config.json's values. null counts as not given.

    Raises:
        StartupError: a value is malformed, or out of the API's range.
    """
    defaults: dict[str, float] = {}
    for name, (low, high) in _RANGES.items():
        value = file.values.get(name)
        if value is None:
            continue
        kinds = (int,) if name == "top_k" else (int, float)
        allowed = type(value) in kinds and low <= value <= high
        if not allowed or (name == "repetition_penalty" and value == 0):
            whole = "a whole number" if name == "top_k" else "a number"
            raise file.invalid(name, f"{whole} from {low} to {high}")
        defaults[name] = value
    return defaults
