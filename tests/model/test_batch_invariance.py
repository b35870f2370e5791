"""The check at load tries the decoder that serves, names a kernel and leaves nothing behind."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from app.checkpoint.config import read_config
from app.checkpoint.safetensors_index import read_index
from app.engine.batch import Batch, StepResult
from app.model import batch_invariance, forward
from app.model.batch_invariance import batch_variant_kernel
from app.model.cpu_kernels.decoder import CompiledDecoder
from app.model.cpu_kernels.kv_cache import PanelCache
from app.model.cpu_kernels.packed_weights import PanelPacker
from app.model.cpu_kernels.packers import panel_packer
from app.model.differing_stage import HEAD, NOT_REPEATED
from app.model.forward import TorchDecoder
from app.model.kv_cache import SlotCache
from app.model.linear import Linear
from app.model.loading.build_weights import build_weights
from app.model.loading.quantization import FullPrecisionPacker, Int8Packer, WeightPacker
from app.model.loading.tensor_sources import from_checkpoint
from app.model.runner import Cache, Decoder, TorchRunner
from app.model.stages import StageName
from app.model.weights import Weights
from tests.model.conftest import SaveModel
from tests.model.cpu_kernels.batch_variant_decoder import disturb

CPU = torch.device("cpu")
TORCH: WeightPacker = FullPrecisionPacker(torch.float32)


@pytest.fixture(scope="module")
def load(save_model: SaveModel) -> Callable[..., Weights]:
    """The weights of a small random model."""
    directories = {
        "llama": save_model("llama", "float16").directory,
        "qwen3": save_model("qwen3", "float16", head_dim=32).directory,
    }

    def loaded(packer: WeightPacker, kind: str = "llama") -> Weights:
        directory = directories[kind]
        config, source = read_config(directory), from_checkpoint(read_index(directory))
        return build_weights(config, source, packer, torch.float32)

    return loaded


def runner_of(weights: Weights, slots: int = 40, positions: int = 256) -> TorchRunner:
    """With the compiled decoder, where the weights are packed for it."""
    cache: Cache
    decoder: Decoder
    if hasattr(weights.lm_head, "panels"):
        cached = torch.float16 if weights.lm_head.quantized_inputs else torch.float32
        cache = PanelCache(weights.config, slots, positions, cached)
        decoder = CompiledDecoder(weights, cache)
    else:
        cache = SlotCache(weights.config, slots, positions, torch.float32, (CPU,) * 2)
        decoder = TorchDecoder(weights, cache)
    return TorchRunner(weights, cache, decoder, weights.config.vocab_size)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Steps this small take longer on several, where other processes want the cores too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """All companies are tried, however busy the machine is."""
    monkeypatch.setattr(batch_invariance, "BUDGET_S", 60.0)


PACKERS = [
    pytest.param(PanelPacker(), id="compiled"),
    pytest.param(panel_packer(8), id="compiled 8-bit"),
    pytest.param(panel_packer(4), id="compiled 4-bit"),
    pytest.param(TORCH, id="torch"),
    pytest.param(Int8Packer(), id="torch 8-bit"),
]


class Careless:
    """A product whose rows depend on how many there are."""

    scale = 1.0
    nbytes = 0

    def __init__(self, linear: Linear) -> None:
        self._linear = linear

    def __call__(self, x: Tensor) -> Tensor:
        return self._linear(x) * (1 + len(x) * 1e-6)


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_this_machine_keeps_rows_apart(
    load: Callable[..., Weights],
    patience: None,
    caplog: pytest.LogCaptureFixture,
    packer: WeightPacker,
    kind: str,
) -> None:
    torch.set_num_threads(2)
    assert batch_variant_kernel(runner_of(load(packer, kind))) is None
    assert "batch_invariant=no" not in caplog.text


@pytest.mark.parametrize(("slots", "positions"), [(1, 16), (2, 16), (3, 32), (4, 64)])
@pytest.mark.parametrize("packer", [PanelPacker(), TORCH], ids=["compiled", "torch"])
def test_small_caches(
    load: Callable[..., Weights], patience: None, packer: WeightPacker, slots: int, positions: int
) -> None:
    weights = load(packer)
    assert batch_variant_kernel(runner_of(weights, slots, positions)) is None
    careless = replace(weights, lm_head=Careless(weights.lm_head))
    assert batch_variant_kernel(runner_of(careless, slots, positions)) == HEAD


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("rms_norm", StageName.ATTENTION_NORM),
        ("attend", StageName.ATTENTION),
        ("silu", StageName.SWIGLU),
    ],
)
def test_operations_of_torch_that_depend_on_the_batch(
    load: Callable[..., Weights], monkeypatch: pytest.MonkeyPatch, name: str, stage: StageName
) -> None:
    plain = getattr(forward, name)

    def careless(rows: Tensor, *rest: Any) -> Tensor:
        result: Tensor = plain(rows, *rest)
        return result * (1 + len(rows) * 1e-6)

    monkeypatch.setattr(forward, name, careless)
    assert batch_variant_kernel(runner_of(load(TORCH))) == f"{stage} of layer 0"


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("qkv_proj", StageName.QKV),
        ("o_proj", StageName.O_PROJ),
        ("gate_up_proj", StageName.GATE_UP),
        ("down_proj", StageName.DOWN),
    ],
)
def test_products_that_depend_on_the_batch(
    load: Callable[..., Weights], caplog: pytest.LogCaptureFixture, name: str, stage: StageName
) -> None:
    weights = load(TORCH)
    first, second = weights.layers
    second = replace(second, **{name: Careless(getattr(second, name))})
    runner = runner_of(replace(weights, layers=(first, second)))
    assert batch_variant_kernel(runner) == f"{stage} of layer 1"
    (record,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert record.getMessage().startswith(f"batch_invariant=no: {stage} of layer 1 gives a row ")


COMPILED = [StageName.QKV, StageName.ROPE, StageName.ATTENTION, StageName.O_PROJ]
COMPILED += [StageName.GATE_UP, StageName.DOWN]
#: With 8-bit products, these kernels' floats are read by nothing: they round them themselves.
COMPILED_FULL = [StageName.ATTENTION_NORM, StageName.MLP_NORM, StageName.SWIGLU]


@pytest.mark.parametrize(
    ("packer", "stage"),
    [
        *((PanelPacker(), stage) for stage in COMPILED + COMPILED_FULL),
        *((panel_packer(8), stage) for stage in COMPILED),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else type(value).__name__,
)
def test_compiled_stages_that_depend_on_the_batch(
    load: Callable[..., Weights],
    monkeypatch: pytest.MonkeyPatch,
    packer: WeightPacker,
    stage: StageName,
) -> None:
    disturb(monkeypatch, 1, stage)
    assert batch_variant_kernel(runner_of(load(packer))) == f"{stage} of layer 1"


def test_a_difference_that_does_not_come_again(load: Callable[..., Weights]) -> None:
    runner = runner_of(load(TORCH))
    plain, steps = runner.decoder.run, []

    def once(batch: Batch, *rest: Any) -> Tensor:
        steps.append(batch)
        return plain(batch, *rest) * (1.001 if len(steps) == 3 else 1)

    runner.decoder.run = once  # type: ignore[method-assign]
    assert batch_variant_kernel(runner) == NOT_REPEATED


def test_three_steps_of_a_slow_model_are_enough(
    load: Callable[..., Weights], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_invariance, "BUDGET_S", 0.0)
    runner = runner_of(load(PanelPacker()))
    plain, sizes = runner.run, []

    def counted(batch: Batch) -> StepResult:
        sizes.append(batch.tokens)
        return plain(batch)

    runner.run = counted  # type: ignore[method-assign, assignment]
    assert batch_variant_kernel(runner) is None
    assert sizes == [5, 1, 5 + 1 + 6 + 3]


@pytest.mark.parametrize("packer", [PanelPacker(), TORCH], ids=["compiled", "torch"])
def test_nothing_is_left_in_the_cache(
    load: Callable[..., Weights], patience: None, packer: WeightPacker
) -> None:
    weights = load(packer)
    runner = runner_of(weights)
    batch_variant_kernel(runner)
    cache = runner._cache
    layers = (
        [cache.layer(number) for number in range(2)]
        if isinstance(cache, PanelCache)
        else cache.layers
    )
    assert not any(layer.any() for layer in layers)


def test_steps_are_reported_but_for_the_first(load: Callable[..., Weights]) -> None:
    steps: list[tuple[int, float]] = []
    batch_variant_kernel(runner_of(load(TORCH)), steps.append)
    assert steps[0][0] == 1, "a decode row"
    assert steps[1][0] > 8, "a batch of rows and chunks"
    assert all(seconds > 0 for _, seconds in steps)
