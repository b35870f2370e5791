"""Builds the engine over an upstream from the settings. Imports neither torch nor numpy."""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.errors import StartupError
from app.upstream.connection import UpstreamAddress
from app.upstream.upstream_engine import UpstreamEngine
from config import Config

_MAX_KEY_BYTES = 1 << 16


def upstream_address(config: Config) -> UpstreamAddress:
    """The address that the settings give.

    Raises:
        StartupError: the key's or the certificates' file cannot be read.
    """
    assert config.UPSTREAM is not None
    key = None if config.UPSTREAM_KEY_FILE is None else _read_key(config.UPSTREAM_KEY_FILE)
    if config.UPSTREAM_CA_FILE is not None and not Path(config.UPSTREAM_CA_FILE).is_file():
        raise StartupError(f"--upstream_ca_file: {config.UPSTREAM_CA_FILE} is not a file")
    address = UpstreamAddress(config.UPSTREAM, key, config.UPSTREAM_CA_FILE)
    try:
        address.client()
    except OSError as error:  # ssl.SSLError is one
        raise StartupError(
            f"--upstream_ca_file: {config.UPSTREAM_CA_FILE} has no certificates: {error}"
        ) from None
    return address


def build_upstream_engine(config: Config) -> UpstreamEngine:
    """An engine that will ask the upstream when it is started. Raises StartupError."""
    return UpstreamEngine(
        upstream_address(config), config.MAX_IN_FLIGHT, max_per_owner=config.MAX_PER_KEY
    )


def _read_key(name: str) -> str:
    """The one key in a file: its only line that is neither empty nor a comment."""
    path = Path(name)
    try:
        if not path.is_file():
            raise StartupError(f"--upstream_key_file: {name} is not a file")
        if path.stat().st_size > _MAX_KEY_BYTES:
            raise StartupError(f"--upstream_key_file: {name} is too large")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StartupError(f"--upstream_key_file: cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StartupError(f"--upstream_key_file: {name} is not UTF-8") from None
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if len(keys) != 1 or not keys[0].isascii() or not keys[0].isprintable() or " " in keys[0]:
        raise StartupError(f"--upstream_key_file: {name} must hold one line with the key")
    return keys[0]
