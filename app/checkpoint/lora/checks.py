"""Compares an adapter's file with its settings and with the base model, both ways.

Knows nothing about how the adapter is applied. peft itself loads some of what is refused here,
silently and wrongly: it leaves out pairs whose module is no target, and starts pairs that the
file lacks at zero; magnitudes, biases and single tokens
that the file lacks are as if nobody had trained them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import EMBEDDING, HEAD, expected_shapes
from app.checkpoint.lora.keys import Key, Part, read_key
from app.checkpoint.lora.settings import ADAPTER_CONFIG, LoraSettings
from app.checkpoint.safetensors_index import TensorIndex
from app.checkpoint.vocabulary import Rows

_FLOATS = ("F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class Parts:
    """An adapter's keys by what they are for."""

    #: module to its keys of A and B; "" for one that is missing
    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: the base model's tensor name to (certainty, key)
    saved: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: module to its key of DoRA's magnitudes
    magnitudes: dict[str, str] = field(default_factory=dict)


def read_parts(settings: LoraSettings, tensors: TensorIndex) -> Parts:
    """Sort the keys.

    Raises:
        StartupError: there are none, one is no number, or one is of an adapter that
            adapter_config.json does not tell of.
    """
    parts = Parts()
    for name in tensors:
        if tensors[name].dtype not in _FLOATS:
            raise StartupError(
                f"{tensors[name].file}: tensor {name!r} is {tensors[name].dtype}; supported: "
                + ", ".join(_FLOATS)
            )
        _sort(settings, tensors, name, read_key(name), parts)
    if not parts.pairs and not parts.saved:
        raise StartupError(f"{settings.directory} holds an adapter without any tensor")
    return parts


def _sort(settings: LoraSettings, tensors: TensorIndex, name: str, key: Key, parts: Parts) -> None:
    if key.part in (Part.A, Part.B):
        a, b = parts.pairs.get(key.module, ("", ""))
        parts.pairs[key.module] = (name, b) if key.part is Part.A else (a, name)
    elif key.part is Part.SAVED:
        target = f"{key.module}.{key.tensor}"
        parts.saved[target] = max(parts.saved.get(target, (-1, "")), (key.certainty, name))
    elif key.part is Part.OTHER and not settings.unusual:
        raise StartupError(
            f"{tensors[name].file} has {name!r}, of a kind of adapter that {ADAPTER_CONFIG} "
            "beside it does not name; pass the directory as the training saved it"
        )
    elif key.part is Part.OTHER and ".lora_magnitude_vector" in name:
        parts.magnitudes[key.module] = name


def check_modules(
    settings: LoraSettings, tensors: TensorIndex, parts: Parts, model: ModelConfig
) -> None:
    """Every key has its module, every module that the settings name its key.

    Raises:
        StartupError: naming the first that has not.
    """
    shapes = expected_shapes(model) | {HEAD: (model.vocab_size, model.hidden_size)}
    matrices = [name.removesuffix(".weight") for name, shape in shapes.items() if len(shape) == 2]
    file = next(iter(tensors.tensors.values())).file
    for module, pair in parts.pairs.items():
        if module not in matrices:
            raise _no_module(settings, file, pair[0] or pair[1], module, model)
        if not settings.is_target(module):
            raise StartupError(
                f"{file} has {pair[0] or pair[1]!r}, but target_modules in {ADAPTER_CONFIG} beside "
                f"it does not mean {module!r}: one of the two is another LoRA's"
            )
        if not all(pair):
            lacks, has = ("lora_B", "lora_A") if pair[0] else ("lora_A", "lora_B")
            raise StartupError(f"{file} has {has} of {module!r}, but lacks its {lacks}")
    for module in matrices:
        if settings.is_target(module) and module not in parts.pairs:
            raise StartupError(
                f"{file} lacks lora_A and lora_B of {module!r}, which target_modules in "
                f"{ADAPTER_CONFIG} beside it means: one of the two is another LoRA's"
            )
    _check_magnitudes(settings, file, parts)
    _check_others(settings, tensors, file, parts)
    _check_targets(settings, matrices)
    _check_saved(settings, file, parts, shapes, model)


def _check_magnitudes(settings: LoraSettings, file: Path, parts: Parts) -> None:
    for module in parts.pairs if settings.dora else ():
        if module not in parts.magnitudes:
            raise StartupError(
                f"{file} lacks lora_magnitude_vector of {module!r}, which use_dora in "
                f"{ADAPTER_CONFIG} beside it means: one of the two is another LoRA's"
            )
    for module, key in parts.magnitudes.items():
        if not settings.dora or module not in parts.pairs:
            raise StartupError(
                f"{file} has {key!r}, but use_dora or target_modules in {ADAPTER_CONFIG} beside "
                "it does not mean it: one of the two is another LoRA's"
            )


def _check_others(settings: LoraSettings, tensors: TensorIndex, file: Path, parts: Parts) -> None:
    for module, (_, b) in parts.pairs.items() if settings.biased else ():
        bias = b.removesuffix(".weight") + ".bias"
        if ".lora_embedding_" not in b and bias not in tensors.tensors:
            raise StartupError(
                f"{file} lacks the bias of {module!r}, which lora_bias in {ADAPTER_CONFIG} beside "
                "it means: one of the two is another LoRA's"
            )
    if settings.token_ids and not any("trainable_tokens_" in name for name in tensors):
        raise StartupError(
            f"{file} lacks trainable_tokens_delta, which trainable_token_indices in "
            f"{ADAPTER_CONFIG} beside it means: one of the two is another LoRA's"
        )


def _check_targets(settings: LoraSettings, matrices: list[str]) -> None:
    if isinstance(settings.targets, str):
        return
    for target in settings.targets:
        if target not in matrices and not any(m.endswith(f".{target}") for m in matrices):
            have = ", ".join(dict.fromkeys(module.rpartition(".")[2] for module in matrices))
            raise StartupError(
                f"{settings.directory / ADAPTER_CONFIG} targets {target!r}, which the base model "
                f"does not have (it has {have}); {settings.made_for}: pass that as --base_model"
            )


def _check_saved(
    settings: LoraSettings,
    file: Path,
    parts: Parts,
    shapes: dict[str, tuple[int, ...]],
    model: ModelConfig,
) -> None:
    for name, (_, key) in parts.saved.items():
        if name not in shapes:
            raise _no_module(settings, file, key, name, model)
    for name in shapes:
        module, _, tensor = name.rpartition(".")
        if tensor == "weight" and settings.is_saved(module) and name not in parts.saved:
            if name == HEAD and model.tied_head and settings.keeps_ties:
                continue
            raise StartupError(
                f"{file} lacks {module!r}, which modules_to_save in {ADAPTER_CONFIG} beside it "
                "names: one of the two is another LoRA's"
            )


def _no_module(
    settings: LoraSettings, file: Path, key: str, module: str, model: ModelConfig
) -> StartupError:
    return StartupError(
        f"{file} has {key!r}, but the base model, a {model.architecture} of {model.layers} "
        f"layers, has no {module!r}; {settings.made_for}: pass that as --base_model"
    )


def check_pairs(
    settings: LoraSettings, tensors: TensorIndex, parts: Parts, model: ModelConfig, rows: Rows
) -> None:
    """Every tensor has the shape that the base model and the rank ask for.

    Raises:
        StartupError: naming the first that has not.
    """
    shapes = expected_shapes(model) | {
        EMBEDDING: (rows.embedding, model.hidden_size),
        HEAD: (rows.head, model.hidden_size),
    }
    for name, (_, key) in parts.saved.items():
        _check_shape(settings, tensors, key, shapes[name])
    for module, (a, b) in parts.pairs.items():
        out, into = shapes[f"{module}.weight"]
        if f"{module}.weight" == EMBEDDING:
            out, into = into, out
        rank = settings.rank_of(module)
        found = (*tensors[a].shape[:1], *tensors[b].shape[1:])
        if found != (rank, rank) and len(found) == 2:
            raise StartupError(
                f"{tensors[a].file}: {a!r} has shape {list(tensors[a].shape)} and {b!r} "
                f"{list(tensors[b].shape)}, but {ADAPTER_CONFIG} beside it says rank {rank}: one "
                "of the two is another LoRA's"
            )
        _check_shape(settings, tensors, a, (rank, into))
        _check_shape(settings, tensors, b, (out, rank))


def _check_shape(
    settings: LoraSettings, tensors: TensorIndex, key: str, shape: tuple[int, ...]
) -> None:
    if tensors[key].shape != shape:
        raise StartupError(
            f"{tensors[key].file}: {key!r} has shape {list(tensors[key].shape)}, the base model "
            f"needs {list(shape)}; {settings.made_for}: pass that as --base_model"
        )
