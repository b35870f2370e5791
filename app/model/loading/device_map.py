"""Distributes a model over several GPUs: accelerate's device map, and tensors moved by it.

CI has no GPUs: tests use fake devices, on which an operation with a tensor of another device fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.gguf_file import read_gguf
from app.checkpoint.gguf.hf_config import config_values
from app.model.loading.build_weights import Source
from app.model.stored_matrix import whole

#: A module's name ("" is the whole model) to its device.
DeviceMap = Mapping[str, torch.device]

#: Fraction of a GPU's free memory for weights; the rest is for the KV cache.
_WEIGHTS_FRACTION = 0.8


def balanced_device_map(directory: Path, dtype: torch.dtype, gpus: tuple[int, ...]) -> DeviceMap:
    """accelerate's balanced device map of the model in `directory` over `gpus`.

    Raises:
        StartupError: the model does not fit on them.
    """
    memory = {gpu: int(torch.cuda.mem_get_info(gpu)[0] * _WEIGHTS_FRACTION) for gpu in gpus}
    return device_map_for_memory(directory, dtype, memory)


def device_map_for_memory(directory: Path, dtype: torch.dtype, memory: dict[int, int]) -> DeviceMap:
    """As `balanced_device_map`. memory: bytes for weights by GPU index.

    Raises:
        StartupError: the model does not fit on them.
    """
    from accelerate import infer_auto_device_map, init_empty_weights
    from accelerate.utils import get_balanced_memory
    from transformers import AutoConfig, AutoModelForCausalLM

    if directory.is_file():  # GGUF
        values = config_values(read_gguf(directory))
        config = AutoConfig.for_model(values.pop("model_type"), **values)
    else:
        config = AutoConfig.from_pretrained(directory, local_files_only=True)
        if hasattr(config, "quantization_config"):  # weights are on the devices as floats
            del config.quantization_config
    with init_empty_weights():
        model: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.tie_weights()
    options = {"no_split_module_classes": list(model._no_split_modules), "dtype": dtype}
    balanced = get_balanced_memory(model, max_memory=memory, **options)
    indices: dict[str, Any] = infer_auto_device_map(model, max_memory=balanced, **options)
    if not all(isinstance(index, int) for index in indices.values()):
        sizes = ", ".join(f"GPU {gpu} {size / 1e9:.1f} GB" for gpu, size in memory.items())
        raise StartupError(
            f"the model does not fit on these GPUs ({sizes} for weights): name more of them with "
            "--gpus, or try --load_in_8bit"
        )
    return {name: torch.device("cuda", index) for name, index in indices.items()}


def device_of(device_map: DeviceMap, name: str) -> torch.device:
    """The device of the tensor `name`: that of its innermost module in the map."""
    while name not in device_map and name:
        name = name.rpartition(".")[0]
    return device_map[name]


def on_devices(source: Source, device_map: DeviceMap, tied: bool) -> Source:
    """`source` with each tensor on its device. tied: lm_head is the embedding, so it stays on the
    embedding's device."""

    def moved(name: str) -> Tensor:
        tensor = whole(source(name))
        # The final norm is on the device of lm_head, which reads its output.
        like = {"model.norm.weight": "lm_head.weight"}.get(name, name)
        if like == "lm_head.weight" and (tied or not {"lm_head", ""} & device_map.keys()):
            like = "model.embed_tokens.weight"
        return tensor.to(device_of(device_map, like))

    return moved
