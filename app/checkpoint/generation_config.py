"""Reads a checkpoint's generation_config.json: EOS ids, and sampling parameters it recommends."""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.json_file import Fields, read_json
from app.checkpoint.safe_open import file_exists

GENERATION_CONFIG = "generation_config.json"


def read_generation_config(directory: Path) -> Fields:
    """The file's values; none if there is no such file.

    Raises:
        StartupError: it cannot be read, or is not a JSON object.
    """
    path = directory / GENERATION_CONFIG
    return Fields(read_json(path) if file_exists(path) else {}, str(path))
