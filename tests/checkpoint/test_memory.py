"""The memory a model needs, and the memory that the machine and its cgroups allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.checkpoint import check
from app.checkpoint.check import check_model
from app.checkpoint.errors import StartupError
from app.checkpoint.hardware.available_memory import available_bytes
from app.checkpoint.hardware.gpus import find_gpus
from app.checkpoint.memory import RUNTIME_BYTES
from config import Config
from tests.harness.model_directory import write_model


def test_a_16_bit_checkpoint_takes_two_bytes_a_weight(tmp_path: Path) -> None:
    table = check_model(Config(BASE_MODEL=str(write_model(tmp_path)), KV_CACHE_MB=3)).memory
    assert table.linears == 2 * 2 * (32 * 32 + 2 * 16 * 32 + 32 * 32 + 3 * 48 * 32)
    assert table.embedding == table.head == 2 * 64 * 32
    assert table.small == 4 * (2 * 2 * 32 + 32)
    assert table.kv_pool == 3 * 2**20
    assert table.kv_bytes_per_token == 2 * 2 * 2 * 8 * 4
    assert table.needed == table.weights + 3 * 2**20 + RUNTIME_BYTES


def test_a_tied_head_counts_twice(tmp_path: Path) -> None:
    tied = write_model(tmp_path, tie_word_embeddings=True)
    table = check_model(Config(BASE_MODEL=str(tied))).memory
    assert table.head == table.embedding == 2 * 64 * 32


def test_pickles_are_counted_by_the_config(tmp_path: Path) -> None:
    write_model(tmp_path)
    expected = check_model(Config(BASE_MODEL=str(tmp_path))).memory.weights
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    model = check_model(Config(BASE_MODEL=str(tmp_path), ALLOW_PICKLE=True))
    assert model.pickled
    assert model.memory.weights == expected


@pytest.mark.parametrize(
    ("kv_mb", "available", "words"),
    [
        (None, RUNTIME_BYTES, "needs 0.7 GB of CPU memory.*0.7 GB are available; try a smaller m"),
        (5000, 2 * 10**9, "needs 5.9 GB.*2.0 GB are available; try a smaller --kv_cache_mb"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kv_mb: int | None,
    available: int,
    words: str,
) -> None:
    monkeypatch.setattr(check, "available_bytes", lambda: available)
    with pytest.raises(StartupError, match=words):
        check_model(Config(BASE_MODEL=str(write_model(tmp_path)), KV_CACHE_MB=kv_mb))


def machine(root: Path, groups: str, files: dict[str, str]) -> int | None:
    """available_bytes() of a simulated machine with 1,000 kB of free memory."""
    files = {"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:   1000 kB\n", **files}
    files["proc/self/cgroup"] = groups
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return available_bytes(root / "proc", root / "cg")


def test_no_limits_leave_the_machine(tmp_path: Path) -> None:
    assert machine(tmp_path, "0::/\n", {}) == 1000 * 1024


def test_version_2_limits_of_parents_count_and_cache_gives_way(tmp_path: Path) -> None:
    files = {
        "cg/a/memory.max": "500000",
        "cg/a/memory.current": "200000",
        "cg/a/memory.stat": "anon 1\ninactive_file 40000\nactive_file 10000\n",
        "cg/a/b/memory.max": "max",
        "cg/a/b/memory.current": "100",
    }
    assert machine(tmp_path, "0::/a/b\n", files) == 500000 - 150000


def test_version_1_limits_count(tmp_path: Path) -> None:
    files = {
        "cg/memory/memory.limit_in_bytes": "300000",
        "cg/memory/memory.usage_in_bytes": "100000",
    }
    groups = "5:cpu,cpuacct:/x\n4:memory:/docker/no-such-path-here\n"
    assert machine(tmp_path, groups, files) == 200000


def test_version_1_without_a_limit(tmp_path: Path) -> None:
    files = {
        "cg/memory/memory.limit_in_bytes": str(2**63 - 4096),
        "cg/memory/memory.usage_in_bytes": "1",
    }
    assert machine(tmp_path, "4:memory:/\n", files) == 1000 * 1024


def test_the_driver_can_be_queried() -> None:
    assert all(size > 0 for size in find_gpus().total_bytes)


def test_too_many_positions_are_refused_before_they_are_allocated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path, max_position_embeddings=2**24, head_dim=128)
    monkeypatch.setattr(check, "available_bytes", lambda: 24 * 10**9)
    with pytest.raises(StartupError, match=r"34.4 GB of CPU memory.*smaller --max_model_len"):
        check_model(Config(BASE_MODEL=str(tmp_path), ONLY_CPU=True))
    check_model(Config(BASE_MODEL=str(tmp_path), ONLY_CPU=True, MAX_MODEL_LEN=131072))
