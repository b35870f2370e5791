"""Sampling parameters of generation_config.json: which are read, and in which ranges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.checkpoint.errors import StartupError
from app.checkpoint.generation_config import read_generation_config
from app.checkpoint.sampling_defaults import parse_sampling_defaults


def sampling_defaults(directory: Path) -> dict[str, float]:
    return parse_sampling_defaults(read_generation_config(directory))


def write(directory: Path, **values: object) -> Path:
    (directory / "generation_config.json").write_text(json.dumps(values))
    return directory


def test_without_the_file_there_are_none(tmp_path: Path) -> None:
    assert sampling_defaults(tmp_path) == {}


def test_those_that_requests_have(tmp_path: Path) -> None:
    read = {"temperature": 0.6, "top_p": 1, "top_k": 20, "min_p": 0, "repetition_penalty": 1.05}
    others = {"eos_token_id": 2, "do_sample": True, "max_new_tokens": 9, "length_penalty": 2.0}
    assert sampling_defaults(write(tmp_path, **read, **others)) == read
    assert sampling_defaults(write(tmp_path, temperature=None, **others)) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 2.5),
        ("temperature", "0.6"),
        ("temperature", True),
        ("top_p", -0.1),
        ("top_k", 1.5),
        ("top_k", -1),
        ("min_p", 2),
        ("repetition_penalty", 0),
        ("repetition_penalty", float("nan")),
    ],
)
def test_other_values_stop_the_start(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(StartupError, match=name):
        sampling_defaults(write(tmp_path, **{name: value}))
