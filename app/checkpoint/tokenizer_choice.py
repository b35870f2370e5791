"""Which directory's tokenizer is used.

Knows nothing about tokenizers: only which files they consist of.
"""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.hub import local_directory
from app.checkpoint.json_file import read_json
from app.checkpoint.lora.delta import Lora
from app.checkpoint.safe_open import is_there
from config import Config


def choose_tokenizer(config: Config, base: Path, loras: tuple[Lora, ...]) -> Path:
    """--tokenizer_path, else the last LoRA that holds a tokenizer, else the base model.

    Raises:
        StartupError: there is none there, or one that brings its own code.
    """
    directory = base
    for lora in loras:
        if _holds_tokenizer(lora.settings.directory):
            directory = lora.settings.directory
    if config.TOKENIZER_PATH is not None:
        directory = local_directory(config.TOKENIZER_PATH, "--tokenizer_path")
    if not _holds_tokenizer(directory):
        raise StartupError(
            f"{directory} holds no tokenizer (tokenizer.model or tokenizer.json); pass the "
            "directory of one with --tokenizer_path"
        )
    settings = directory / "tokenizer_config.json"
    if is_there(settings) and read_json(settings).get("auto_map"):
        raise StartupError(
            f"{settings} has 'auto_map': tokenizers that bring their own code are refused"
        )
    return directory


def _holds_tokenizer(directory: Path) -> bool:
    return any(is_there(directory / name) for name in ("tokenizer.model", "tokenizer.json"))
