"""The memory figures of docs/models.md are those of `--check` for models of these shapes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app.checkpoint.config import read_config
from app.checkpoint.memory import memory_table
from app.checkpoint.safetensors_index import TensorIndex
from tests.harness.server import ROOT

PAGE = (ROOT / "docs" / "models.md").read_text()
#: (architecture, hidden, intermediate, layers, heads, key/value heads, head_dim, vocabulary,
#: positions, head tied)
SHAPES = {
    "SmolLM2-135M-Instruct": ("Llama", 576, 1536, 30, 9, 3, 64, 49152, 8192, True),
    "TinyLlama-1.1B-Chat": ("Llama", 2048, 5632, 22, 32, 4, 64, 32000, 2048, False),
    "Llama-3.2-1B-Instruct": ("Llama", 2048, 8192, 16, 32, 8, 64, 128256, 131072, True),
    "Llama-3.2-3B-Instruct": ("Llama", 3072, 8192, 28, 24, 8, 128, 128256, 131072, True),
    "Llama-3.1-8B-Instruct": ("Llama", 4096, 14336, 32, 32, 8, 128, 128256, 131072, False),
    "Mistral-7B-Instruct-v0.3": ("Mistral", 4096, 14336, 32, 32, 8, 128, 32768, 32768, False),
    "Qwen2.5-0.5B-Instruct": ("Qwen2", 896, 4864, 24, 14, 2, 64, 151936, 32768, True),
    "Qwen2.5-1.5B-Instruct": ("Qwen2", 1536, 8960, 28, 12, 2, 128, 151936, 32768, True),
    "Qwen2.5-7B-Instruct": ("Qwen2", 3584, 18944, 28, 28, 4, 128, 152064, 32768, False),
    "Qwen3-0.6B": ("Qwen3", 1024, 3072, 28, 16, 8, 128, 151936, 40960, True),
    "Qwen3-4B": ("Qwen3", 2560, 9728, 36, 32, 8, 128, 151936, 40960, True),
    "Qwen3-8B": ("Qwen3", 4096, 12288, 36, 32, 8, 128, 151936, 40960, False),
    "Chinese-Alpaca(-Plus)-7B, merged": ("Llama", 4096, 11008, 32, 32, 32, 128, 49954, 2048, False),
    "Chinese-Alpaca-2-7B": ("Llama", 4096, 11008, 32, 32, 32, 128, 55296, 4096, False),
    "Chinese-Alpaca-2-13B": ("Llama", 5120, 13824, 40, 40, 40, 128, 55296, 4096, False),
}
ROW = re.compile(r"^\| ([^|]+?) " + 4 * r"\| ([\d.]+) GB " + r"\| (.+?) \|$", re.M)
ROWS = {row[0]: row[1:] for row in ROW.findall(PAGE)}


def gigabytes(directory: Path, name: str) -> tuple[str, ...]:
    """Weights in 16, 8 and 4 bits, and the KV cache of 4,096 tokens in 16 bits."""
    kind, hidden, inner, layers, heads, kv_heads, head_dim, vocab, positions, tied = SHAPES[name]
    config = {
        "architectures": [f"{kind}ForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "vocab_size": vocab,
        "max_position_embeddings": positions,
        "tie_word_embeddings": tied,
        "dtype": "bfloat16",
    }
    (directory / "config.json").write_text(json.dumps(config))
    model = read_config(directory)
    index = TensorIndex(directory, {})
    tables = [
        memory_table(
            model,
            index,
            kv_cache_mb=None,
            kv_cache_dtype="float32",
            available=None,
            weight_bits=bits,
            positions=model.max_positions,
        )
        for bits in (None, 8, 4)
    ]
    sizes = (*(table.needed for table in tables), 4096 * tables[0].kv_bytes_per_token)
    return tuple(f"{size / 1e9:.1f}" for size in sizes)


@pytest.mark.parametrize("name", SHAPES)
def test_memory(tmp_path: Path, name: str) -> None:
    assert ROWS[name][:4] == gigabytes(tmp_path, name)


def test_untested_models_are_marked() -> None:
    assert set(ROWS) == set(SHAPES)
    tried = [name for name, row in ROWS.items() if row[4].startswith("tried")]
    assert tried == ["SmolLM2-135M-Instruct"]
    assert all(row[4].startswith("untried") for name, row in ROWS.items() if name not in tried)
    assert len(PAGE.splitlines()) <= 120
