"""Selects the directory, or the GGUF file, whose tokenizer is used."""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.hub import local_model
from app.checkpoint.json_file import read_json
from app.checkpoint.lora.adapter import Lora
from app.checkpoint.safe_open import file_exists
from config import Config


def select_tokenizer(config: Config, base: Path, loras: tuple[Lora, ...]) -> Path:
    """--tokenizer_path, else the last LoRA that has a tokenizer, else the base model.

    Raises:
        StartupError: the directory has no tokenizer, or one with its own code.
    """
    directory = base
    for lora in loras:
        if _has_tokenizer(lora.settings.directory):
            directory = lora.settings.directory
    if config.TOKENIZER_PATH is not None:
        directory = local_model(config.TOKENIZER_PATH, "--tokenizer_path")
    if not _has_tokenizer(directory):
        raise StartupError(
            f"{directory} holds no tokenizer (tokenizer.model or tokenizer.json); pass the "
            "directory of one with --tokenizer_path"
        )
    if directory.is_file():
        return directory
    settings = directory / "tokenizer_config.json"
    if file_exists(settings) and read_json(settings).get("auto_map"):
        raise StartupError(
            f"{settings} has 'auto_map': tokenizers that bring their own code are refused"
        )
    return directory


def _has_tokenizer(directory: Path) -> bool:
    if directory.is_file():  # GGUF
        return True
    return any(file_exists(directory / name) for name in ("tokenizer.model", "tokenizer.json"))
