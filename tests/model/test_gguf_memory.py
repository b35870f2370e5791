"""The memory for loading a GGUF file: the packed weights and two layers at most."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gguf import GGMLQuantizationType as Kind

from tests.harness.gguf_model import random_tensors, write_gguf
from tests.harness.model_directory import config_json
from tests.harness.server import ROOT

SHAPE: dict[str, Any] = {
    "vocab_size": 2048,
    "hidden_size": 1024,
    "intermediate_size": 2816,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
}
LAYERS = 8
LAYER_ELEMENTS = 4 * 1024 * 1024 + 3 * 1024 * 2816
#: Loads the first file, so that libraries and compiled kernels are in memory, then the second.
#: Prints the peak beyond what was there before, and what the weights take.
PROGRAM = """
import sys, torch
from pathlib import Path
from app.checkpoint.check import check_without_memory
from app.model.loading.load import load_weights
from app.model.loading.malloc_tuning import mmap_large_blocks
from config import Config

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(name)))

def load(path):
    config = Config(BASE_MODEL=path, ONLY_CPU=True, **eval(sys.argv[3]))
    checked = check_without_memory(config)
    before = status("VmRSS:")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
    with mmap_large_blocks(), torch.inference_mode():
        weights = load_weights(config, checked, lambda done, total: None)
    return status("VmHWM:") - before, weights.nbytes

load(sys.argv[1])
print(*load(sys.argv[2]))
"""


@pytest.mark.figures
@pytest.mark.parametrize("kind", [Kind.Q8_0, Kind.Q4_K])
@pytest.mark.parametrize(
    ("settings", "layer_bytes"),
    [
        ({"LOAD_IN_8BIT": True}, LAYER_ELEMENTS * 34 // 32),
        ({"DTYPE": "float16"}, LAYER_ELEMENTS * 2),
        ({}, LAYER_ELEMENTS * 4),
    ],
    ids=["8-bit", "float16", "float32"],
)
def test_two_layers_besides_the_weights(
    tmp_path: Path, kind: Kind, settings: dict[str, Any], layer_bytes: int
) -> None:
    paths = []
    for name, layers in (("small", 1), ("large", LAYERS)):
        shape = SHAPE | {"num_hidden_layers": layers}
        tensors = random_tensors(config_json(**shape), lambda name: kind)
        paths.append(str(write_gguf(tmp_path / f"{name}.gguf", tensors, **shape)))
    command = (sys.executable, "-c", PROGRAM, *paths, repr(settings))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    peak, weights = map(int, done.stdout.split())
    assert weights > LAYERS * layer_bytes
    assert peak < weights + 2 * layer_bytes
