"""A model on several devices, tested with fake GPUs (see fake_devices.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from app.checkpoint.config import read_config
from app.checkpoint.errors import StartupError
from app.checkpoint.hf_directory import read_directory
from app.checkpoint.safetensors_index import read_index
from app.model.forward import TorchDecoder
from app.model.kv_cache import SlotCache
from app.model.linear import TorchLinear
from app.model.loading.build_weights import build_weights
from app.model.loading.convert import convert
from app.model.loading.device_map import DeviceMap, device_map_for_memory, device_of, on_devices
from app.model.loading.quantization import FullPrecisionPacker
from app.model.loading.quantized_source import from_quantized
from app.model.loading.tensor_sources import from_checkpoint
from app.model.runner import TorchRunner
from app.model.stored_matrix import whole
from app.model.weights import Weights
from tests.harness.quantized_model import Gptq, write_quantized
from tests.model.conftest import SaveModel
from tests.model.fake_devices import FakeDevices
from tests.model.test_loading import outputs, runner_of, weights_of

GPUS = [torch.device("cuda", index) for index in range(3)]
LAYERS = 6


@pytest.fixture(scope="module", params=["llama", "qwen3", "tied"])
def directory(request: pytest.FixtureRequest, save_model: SaveModel) -> Path:
    tied = request.param == "tied"
    kind = "llama" if tied else request.param
    saved = save_model(
        kind, "float16", num_hidden_layers=LAYERS, tie_word_embeddings=tied, head_dim=16
    )
    return saved.directory


def split_over(directory: Path, gpus: Sequence[int]) -> DeviceMap:
    return device_map_for_memory(directory, torch.float16, dict.fromkeys(gpus, 300_000))


def test_accelerates_map_is_balanced_and_complete(directory: Path) -> None:
    device_map = split_over(directory, (0, 1, 2))
    used = [device_of(device_map, f"model.layers.{n}.mlp.up_proj.weight") for n in range(LAYERS)]
    assert used == sorted(used, key=lambda device: device.index)
    assert set(used) == set(GPUS)
    with pytest.raises(StartupError, match=r"does not fit on these GPUs \(GPU 0 0\.0 GB"):
        device_map_for_memory(directory, torch.float16, {0: 100_000})


def split_weights(directory: Path, device_map: DeviceMap) -> Weights:
    """Weights distributed over fake GPUs."""
    config = read_config(directory)
    source = on_devices(from_checkpoint(read_index(directory)), device_map, config.tied_head)
    full = torch.float32
    return build_weights(config, source, FullPrecisionPacker(full), full)


def split_runner(weights: Weights, devices: Sequence[torch.device]) -> TorchRunner:
    cache = SlotCache(weights.config, 4, 256, torch.float32, tuple(devices))
    decoder = TorchDecoder(weights, cache)
    return TorchRunner(weights, cache, decoder, weights.config.vocab_size, untrained=(3, 5))


def test_a_split_is_right_and_gives_the_bits_of_one_device(directory: Path) -> None:
    """If a tensor was not on its layer's device, the fake devices would fail."""
    device_map = split_over(directory, (0, 1, 2))
    with FakeDevices():
        weights = split_weights(directory, device_map)
        devices = [layer.device for layer in weights.layers]
        assert set(devices) == set(GPUS)
        for layer in weights.layers:
            values = [getattr(layer, item.name) for item in fields(layer)]
            assert {each.device for each in values if isinstance(each, Tensor)} == {layer.device}
        assert weights.norm.device == weights.lm_head_norm.device
        split_outputs = outputs(split_runner(weights, devices))
        assert split_outputs[0].device == weights.lm_head_norm.device
        alone = split_weights(directory, {"": GPUS[0]})
        expected = outputs(split_runner(alone, [GPUS[0]] * LAYERS))
    assert len(split_outputs) == 3
    for ours, theirs in zip(split_outputs, expected, strict=True):
        assert torch.equal(ours, theirs)
    assert torch.isneginf(split_outputs[0][:, [3, 5]]).all()
    on_cpu = outputs(runner_of(weights_of(directory)))
    kept = [token for token in range(weights.config.vocab_size) if token not in (3, 5)]
    assert torch.allclose(split_outputs[0][:, kept], on_cpu[0][:, kept], atol=1e-4)


@pytest.mark.parametrize("misplaced", ["cache", "norm", "matrix"])
def test_the_fake_devices_see_a_tensor_on_the_wrong_device(directory: Path, misplaced: str) -> None:
    device_map = split_over(directory, (0, 1, 2))
    with FakeDevices():
        weights = split_weights(directory, device_map)
        devices = [layer.device for layer in weights.layers]
        last = weights.layers[-1]
        if misplaced == "cache":
            devices[-1] = GPUS[0]
        elif misplaced == "norm":
            last = replace(last, mlp_norm=last.mlp_norm.to(GPUS[0]))
        else:
            last = replace(last, down_proj=TorchLinear(torch.zeros(64, 192).to(GPUS[0])))
        weights = replace(weights, layers=(*weights.layers[:-1], last))
        with pytest.raises(RuntimeError, match="different devices"):
            outputs(split_runner(weights, devices))


def test_a_quantized_directory_is_unpacked_and_split(tmp_path: Path) -> None:
    """The map is that of the plain model: what is on the devices is not quantized."""
    shape = {"num_hidden_layers": LAYERS, "hidden_size": 64, "intermediate_size": 96}
    write_quantized(tmp_path / "a", Gptq(group=32), **shape, model_type="llama")
    convert(tmp_path / "a", tmp_path / "b")
    device_map = split_over(tmp_path / "a", (0, 1, 2))
    assert device_map == split_over(tmp_path / "b", (0, 1, 2))
    model, tensors, _ = read_directory(tmp_path / "a")
    read = from_quantized(tensors)
    values = {name: whole(read(name)) for name in tensors}  # fake devices know no CPU
    with FakeDevices():
        source = on_devices(values.__getitem__, device_map, model.tied_head)
        full = torch.float32
        packer = FullPrecisionPacker(full)
        weights = build_weights(model, source, packer, full)
        devices = [layer.device for layer in weights.layers]
        assert len(set(devices)) > 1
        found = outputs(split_runner(weights, devices))
        alone = split_weights(tmp_path / "b", {"": GPUS[0]})
        expected = outputs(split_runner(alone, [GPUS[0]] * LAYERS))
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)
