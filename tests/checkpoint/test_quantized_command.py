"""The command refuses damaged quantized directories within seconds, in little memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checkpoint.hostile_quantized import CASES, Damage, absurd_size, write
from tests.checkpoint.test_gguf_command import assert_check_refuses
from tests.harness.quantized_model import CompressedTensors, Gptq


@pytest.mark.figures
@pytest.mark.parametrize(
    ("name", "scheme", "damage", "words"), CASES, ids=[case[0] for case in CASES]
)
def test_all(
    tmp_path: Path, name: str, scheme: Gptq | CompressedTensors, damage: Damage, words: str
) -> None:
    assert_check_refuses(write(tmp_path, scheme, damage), words)


def test_one(tmp_path: Path) -> None:
    assert_check_refuses(absurd_size(tmp_path), "truncated")
