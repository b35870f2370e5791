"""The environment of gunicorn: paths are absolute, names and templates unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.server.gunicorn_environment import gunicorn_environment
from config import Config


def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model", "lora"):
        (tmp_path / name).mkdir()
    config = Config(
        BASE_MODEL="model",
        LORA_MODEL=("lora", "org/name"),
        CHAT_TEMPLATE="chat.jinja",
        API_KEYS_FILE="keys",
    )
    environ = gunicorn_environment({"PATH": "/bin", "WESTLAKE_BASE_MODEL": "model"}, config)
    assert environ == {
        "PATH": "/bin",
        "WESTLAKE_BASE_MODEL": str(tmp_path / "model"),
        "WESTLAKE_MODEL_NAME": config.MODEL_NAME,
        "WESTLAKE_LORA_MODEL": f"{tmp_path / 'lora'},org/name",
        "WESTLAKE_CHAT_TEMPLATE": str((tmp_path / "chat.jinja").resolve()),
        "WESTLAKE_API_KEYS_FILE": str((tmp_path / "keys").resolve()),
    }


def test_names_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    environ = gunicorn_environment({}, Config(BASE_MODEL="org/name", CHAT_TEMPLATE="chatml"))
    assert environ["WESTLAKE_BASE_MODEL"] == "org/name"
    assert "WESTLAKE_CHAT_TEMPLATE" not in environ
