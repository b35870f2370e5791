"""Resolves a model's or LoRA's name to local files, or to a download from the Hub."""

from __future__ import annotations

import re
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.gguf_file import SUFFIX, is_gguf

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_FILES = ["*.json", "*.jinja", "*.safetensors", "tokenizer.model"]
_PICKLES = ["pytorch_model*.bin", "adapter_model.bin"]
#: A start-up error, such as an unreachable Hub, must be reported within 10 seconds.
_CONNECT_TIMEOUT_S = 4.0


def local_model(name: str, flag: str, *, allow_pickle: bool = False) -> Path:
    """The path of a local GGUF file, else as `local_directory`.

    Raises:
        StartupError: it is neither, nor a model that the Hub provides.
    """
    path = Path(name).expanduser()
    if path.exists() and not path.is_dir() and is_gguf(path):
        return path.absolute()  # not resolved: a link's target may have another name
    return local_directory(name, flag, allow_pickle=allow_pickle)


def local_directory(name: str, flag: str, *, allow_pickle: bool = False) -> Path:
    """The directory of `name`, downloaded into the Hub's cache if it is not local (HF_HOME,
    HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE apply). `flag` names the setting in errors.

    Raises:
        StartupError: it is neither a directory nor a model that the Hub provides.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        _refuse_gguf_files(path, flag)
        return path.resolve()
    if path.exists():
        if path.suffix.lower() == SUFFIX:
            raise StartupError(
                f"{flag} is {name!r}: GGUF files are read as --base_model or --tokenizer_path only"
            )
        raise StartupError(f"{flag} is {name!r}, which is a file; pass the directory it lies in")
    if not _HUB_NAME.fullmatch(name):
        raise StartupError(f"{flag} is {name!r}: there is no such directory")
    return _download(name, flag, allow_pickle)


def _refuse_gguf_files(directory: Path, flag: str) -> None:
    """Raise StartupError for a directory of GGUF files only: "config.json is missing" would
    mislead."""
    names = sorted(path.name for path in directory.glob("*.*"))
    files = [name for name in names if name.lower().endswith(SUFFIX)]
    others = ("config.json", "adapter_config.json", "tokenizer.json", "tokenizer.model")
    if files and set(names).isdisjoint(others):
        raise StartupError(
            f"{flag} is {str(directory)!r}, which holds GGUF files: pass one of them, such as "
            f"{str(directory / files[0])!r}"
        )


def _download(name: str, flag: str, allow_pickle: bool) -> Path:
    import huggingface_hub  # slow to import, and rarely needed
    from huggingface_hub import errors

    try:
        return Path(
            huggingface_hub.snapshot_download(
                name,
                allow_patterns=_FILES + (_PICKLES if allow_pickle else []),
                etag_timeout=_CONNECT_TIMEOUT_S,
            )
        )
    except errors.GatedRepoError:
        reason = "the Hub asks you to accept its licence and to set HF_TOKEN"
    except errors.RepositoryNotFoundError:
        reason = "the Hub has no such model, or only with another HF_TOKEN"
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        reason = "the Hub cannot be reached and its cache does not hold it"
    except Exception as error:  # its client also raises httpx's errors and OSError
        first_line = (str(error).splitlines() or [""])[0]
        reason = f"asking the Hub failed: {type(error).__name__}: {first_line[:200]}"
    raise StartupError(f"{flag} is {name!r}: there is no such directory, and {reason}")
