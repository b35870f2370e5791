"""Spreads a model over several devices: which layer goes where, and its tensors with it.

Knows nothing about what runs on them. The split over real GPUs is untested here; tests run it
over stand-ins, where a tensor on the wrong device fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from app.checkpoint.errors import StartupError
from app.model.loading.build_weights import Source

DeviceMap = Mapping[str, torch.device]  #: from a module's name, "" for all, to its device

#: Share of a GPU's free memory that weights may fill; the rest is for keys and values.
_SHARE = 0.8


def spread(directory: Path, dtype: torch.dtype, gpus: tuple[int, ...]) -> DeviceMap:
    """accelerate's balanced device map of the model in `directory` over `gpus`.

    Raises:
        StartupError: it does not fit on them.
    """
    memory = {gpu: int(torch.cuda.mem_get_info(gpu)[0] * _SHARE) for gpu in gpus}
    return split(directory, dtype, memory)


def split(directory: Path, dtype: torch.dtype, memory: dict[int, int]) -> DeviceMap:
    """As `spread`, over GPUs with these bytes of memory.

    Raises:
        StartupError: it does not fit on them.
    """
    from accelerate import infer_auto_device_map, init_empty_weights
    from accelerate.utils import get_balanced_memory
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(directory, local_files_only=True)
    with init_empty_weights():
        model: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.tie_weights()
    whole = {"no_split_module_classes": list(model._no_split_modules), "dtype": dtype}
    balanced = get_balanced_memory(model, max_memory=memory, **whole)
    found: dict[str, Any] = infer_auto_device_map(model, max_memory=balanced, **whole)
    if not all(isinstance(place, int) for place in found.values()):
        room = ", ".join(f"GPU {gpu} {size / 1e9:.1f} GB" for gpu, size in memory.items())
        raise StartupError(
            f"the model does not fit on these GPUs ({room} for weights): name more of them with "
            "--gpus, or try --load_in_8bit"
        )
    return {name: torch.device("cuda", place) for name, place in found.items()}


def device_of(places: DeviceMap, name: str) -> torch.device:
    """Where the tensor `name` goes: as the longest module name that it begins with."""
    while name not in places and name:
        name = name.rpartition(".")[0]
    return places[name]


def placed(source: Source, places: DeviceMap, tied: bool) -> Source:
    """`source` with each tensor on its device; a head that is the embedding stays with it."""

    def moved(name: str) -> Tensor:
        tensor = source(name)
        # The final norm goes with the head, which reads what it writes.
        where = {"model.norm.weight": "lm_head.weight"}.get(name, name)
        if where == "lm_head.weight" and (tied or not {"lm_head", ""} & places.keys()):
            where = "model.embed_tokens.weight"
        return tensor.to(device_of(places, where))

    return moved
