"""The memory for loading a checkpoint: the packed weights and two layers at most; with --cache_dir
almost none at the next start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from app.checkpoint.config import read_config
from app.checkpoint.expected_tensors import expected_shapes
from tests.harness.model_directory import write_config
from tests.harness.server import ROOT

SHAPE: dict[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
}
LAYERS = 6
LAYER_ELEMENTS = 4 * 1024 * 1024 + 3 * 1024 * 2816
#: Loads the first model, so that libraries and compiled kernels are in memory, then the second,
#: twice. Prints for both loads the peak beyond what was there before; then what the weights take.
#: Only memory that no file backs counts.
PROGRAM = """
import sys, torch
from benchmarks.memory import Peak, private_bytes
from os import getpid
import benchmarks.memory
from app.checkpoint.check import check_without_memory
from app.model.loading.load import load_weights
from app.model.loading.malloc_tuning import mmap_large_blocks
from config import Config
benchmarks.memory.LOOK_EVERY_S = 0.001

def load(path):
    config = Config(BASE_MODEL=path, ONLY_CPU=True, **eval(sys.argv[3]))
    checked, before = check_without_memory(config), private_bytes(getpid())
    with mmap_large_blocks(), torch.inference_mode(), Peak() as peak:
        weights = load_weights(config, checked, lambda done, total: None)
    return peak.bytes - before, weights.nbytes - weights.embedding.nbytes

load(sys.argv[1])
print(load(sys.argv[2])[0], *load(sys.argv[2]))
"""


def write_random(directory: Path, layers: int) -> str:
    """A float16 checkpoint whose norms have outliers, so that factors move into the weights."""
    write_config(directory, **SHAPE, num_hidden_layers=layers)
    (directory / "tokenizer.json").touch()
    tensors = {}
    for name, shape in expected_shapes(read_config(directory)).items():
        tensors[name] = torch.ones(shape).half()
        if len(shape) > 1:
            tensors[name] = (torch.randn(shape) * 0.02).half()
        else:
            tensors[name][7] = 64
    save_file(tensors, directory / "model.safetensors")
    return str(directory)


@pytest.mark.parametrize(
    ("settings", "layer_bytes"),
    [
        ({"LOAD_IN_4BIT": True}, LAYER_ELEMENTS * 37 // 64),
        pytest.param({"LOAD_IN_8BIT": True}, LAYER_ELEMENTS * 17 // 16, marks=pytest.mark.figures),
        pytest.param({}, LAYER_ELEMENTS * 2, marks=pytest.mark.figures),
    ],
    ids=["4-bit", "8-bit", "full"],
)
def test_two_layers_besides_the_weights(
    tmp_path: Path, settings: dict[str, Any], layer_bytes: int
) -> None:
    paths = [write_random(tmp_path / f"{layers}", layers) for layers in (1, LAYERS)]
    given = settings | {"CACHE_DIR": str(tmp_path / "cache")}
    command = (sys.executable, "-c", PROGRAM, *paths, repr(given))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    packed, mapped, weights = json.loads(f"[{done.stdout.strip().replace(' ', ',')}]")
    assert weights > LAYERS * layer_bytes
    assert packed < weights + 2 * layer_bytes
    assert mapped < layer_bytes
