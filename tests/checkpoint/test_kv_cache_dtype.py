"""--kv_cache_dtype: what each device makes of it, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.checkpoint import dtypes
from app.checkpoint.check import check_model
from app.checkpoint.config import ModelConfig, read_config
from app.checkpoint.dtypes import kv_cache_dtype
from app.checkpoint.errors import StartupError
from app.checkpoint.fingerprint import fingerprint
from app.server.arguments import parse_arguments
from app.server.startup import run_check
from config import Config
from tests.harness.model_directory import PIECES, write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelConfig:
    return read_config(write_model(tmp_path_factory.mktemp("model")))


@pytest.mark.parametrize(
    ("wanted", "eight_bit", "dtype"),
    [
        ("auto", False, "float32"),
        ("auto", True, "float16"),
        ("float16", False, "float16"),
        ("float32", True, "float32"),
    ],
)
def test_on_a_cpu(model: ModelConfig, wanted: str, eight_bit: bool, dtype: str) -> None:
    config = Config(KV_CACHE_DTYPE=wanted, LOAD_IN_8BIT=eight_bit)
    assert kv_cache_dtype(config, model, ()) == dtype


def test_on_a_cpu_without_compiled_kernels(
    model: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dtypes, "missing_feature", lambda: "AVX2")
    for eight_bit in (False, True):
        config = Config(LOAD_IN_8BIT=eight_bit)
        assert kv_cache_dtype(config, model, ()) == "float32"
        assert kv_cache_dtype(replace(config, KV_CACHE_DTYPE="float32"), model, ()) == "float32"
    with pytest.raises(StartupError, match=r"needs the compiled kernels.*has no AVX2"):
        kv_cache_dtype(Config(KV_CACHE_DTYPE="float16"), model, ())


@pytest.mark.parametrize(("dtype", "computed"), [("auto", "float16"), ("bfloat16", "bfloat16")])
def test_on_a_gpu_it_is_what_the_gpu_computes_in(
    model: ModelConfig, dtype: str, computed: str
) -> None:
    assert kv_cache_dtype(Config(DTYPE=dtype), model, (0,)) == computed
    with pytest.raises(StartupError, match=f"the dtype it computes in, {computed}: pass --dtype"):
        kv_cache_dtype(Config(DTYPE=dtype, KV_CACHE_DTYPE="float32"), model, (0,))
    half = Config(DTYPE="float16", KV_CACHE_DTYPE="float16")
    assert kv_cache_dtype(half, model, (0,)) == "float16"


def test_memory_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = str(write_model(tmp_path, vocab_size=PIECES))
    sizes = {}
    for dtype in ("float32", "float16"):
        environ = parse_arguments(["--base_model", directory, "--kv_cache_dtype", dtype])
        assert environ["WESTLAKE_KV_CACHE_DTYPE"] == dtype
        config = Config.from_env(environ | {"WESTLAKE_ONLY_CPU": "1"})
        run_check(config)
        assert f"keys and values of one full context in {dtype}" in capsys.readouterr().out
        sizes[dtype] = check_model(config).memory.kv_bytes_per_token
    assert sizes["float32"] == 2 * sizes["float16"] == 2 * 2 * 2 * 8 * 4


def test_other_answers_have_another_fingerprint(tmp_path: Path) -> None:
    directory = str(write_model(tmp_path, vocab_size=PIECES))
    default, same, half = (
        fingerprint(config, check_model(config))
        for config in (
            Config(BASE_MODEL=directory, ONLY_CPU=True),
            Config(BASE_MODEL=directory, ONLY_CPU=True, KV_CACHE_DTYPE="float32"),
            Config(BASE_MODEL=directory, ONLY_CPU=True, KV_CACHE_DTYPE="float16"),
        )
    )
    assert default == same != half
