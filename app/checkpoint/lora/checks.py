"""Checks an adapter's tensors against adapter_config.json and against the base model.

peft loads some of the adapters refused here silently and wrongly: it ignores pairs whose module is
not a target, and uses initial values for pairs, magnitudes, biases and tokens that are missing in
the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import EMBEDDING, HEAD, expected_shapes
from app.checkpoint.lora.keys import AdapterKey, KeyKind, read_key
from app.checkpoint.lora.settings import ADAPTER_CONFIG, LoraSettings
from app.checkpoint.safetensors_index import TensorIndex
from app.checkpoint.vocabulary import TrainedRows

_FLOATS = ("F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class KeysByKind:
    """An adapter's keys by kind."""

    #: module to its keys of A and B; "" if one is missing
    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: the base model's tensor name to (certainty, key)
    saved: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: module to its key of DoRA's magnitudes
    magnitudes: dict[str, str] = field(default_factory=dict)


def classify_keys(settings: LoraSettings, tensors: TensorIndex) -> KeysByKind:
    """Classify the adapter's keys.

    Raises:
        StartupError: there are none, one is not a float tensor, or one belongs to a kind of
            adapter that adapter_config.json does not name.
    """
    keys = KeysByKind()
    for name in tensors:
        if tensors[name].dtype not in _FLOATS:
            raise StartupError(
                f"{tensors[name].file}: tensor {name!r} is {tensors[name].dtype}; supported: "
                + ", ".join(_FLOATS)
            )
        _classify(settings, tensors, name, read_key(name), keys)
    if not keys.pairs and not keys.saved:
        raise StartupError(f"{settings.directory} holds an adapter without any tensor")
    return keys


def _classify(
    settings: LoraSettings, tensors: TensorIndex, name: str, key: AdapterKey, keys: KeysByKind
) -> None:
    if key.kind in (KeyKind.A, KeyKind.B):
        a, b = keys.pairs.get(key.module, ("", ""))
        keys.pairs[key.module] = (name, b) if key.kind is KeyKind.A else (a, name)
    elif key.kind is KeyKind.SAVED:
        target = f"{key.module}.{key.tensor}"
        keys.saved[target] = max(keys.saved.get(target, (-1, "")), (key.certainty, name))
    elif key.kind is KeyKind.OTHER and not settings.unusual:
        raise StartupError(
            f"{tensors[name].file} has {name!r}, of a kind of adapter that {ADAPTER_CONFIG} "
            "beside it does not name; pass the directory as the training saved it"
        )
    elif key.kind is KeyKind.OTHER and ".lora_magnitude_vector" in name:
        keys.magnitudes[key.module] = name


def check_modules(
    settings: LoraSettings, tensors: TensorIndex, keys: KeysByKind, model: ModelConfig
) -> None:
    """Check that every key has its module, and every module in the settings its keys.

    Raises:
        StartupError: one is missing; the message names the first.
    """
    shapes = expected_shapes(model) | {HEAD: (model.vocab_size, model.hidden_size)}
    matrices = [name.removesuffix(".weight") for name, shape in shapes.items() if len(shape) == 2]
    file = next(iter(tensors.tensors.values())).file
    for module, pair in keys.pairs.items():
        if module not in matrices:
            raise _missing_module(settings, file, pair[0] or pair[1], module, model)
        if not settings.is_target(module):
            raise StartupError(
                f"{file} has {pair[0] or pair[1]!r}, but target_modules in {ADAPTER_CONFIG} beside "
                f"it does not mean {module!r}: one of the two is another LoRA's"
            )
        if not all(pair):
            lacks, has = ("lora_B", "lora_A") if pair[0] else ("lora_A", "lora_B")
            raise StartupError(f"{file} has {has} of {module!r}, but lacks its {lacks}")
    for module in matrices:
        if settings.is_target(module) and module not in keys.pairs:
            raise StartupError(
                f"{file} lacks lora_A and lora_B of {module!r}, which target_modules in "
                f"{ADAPTER_CONFIG} beside it means: one of the two is another LoRA's"
            )
    _check_magnitudes(settings, file, keys)
    _check_others(settings, tensors, file, keys)
    _check_targets(settings, matrices)
    _check_saved(settings, file, keys, shapes, model)


def _check_magnitudes(settings: LoraSettings, file: Path, keys: KeysByKind) -> None:
    for module in keys.pairs if settings.dora else ():
        if module not in keys.magnitudes:
            raise StartupError(
                f"{file} lacks lora_magnitude_vector of {module!r}, which use_dora in "
                f"{ADAPTER_CONFIG} beside it means: one of the two is another LoRA's"
            )
    for module, key in keys.magnitudes.items():
        if not settings.dora or module not in keys.pairs:
            raise StartupError(
                f"{file} has {key!r}, but use_dora or target_modules in {ADAPTER_CONFIG} beside "
                "it does not mean it: one of the two is another LoRA's"
            )


def _check_others(
    settings: LoraSettings, tensors: TensorIndex, file: Path, keys: KeysByKind
) -> None:
    for module, (_, b) in keys.pairs.items() if settings.biased else ():
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
    keys: KeysByKind,
    shapes: dict[str, tuple[int, ...]],
    model: ModelConfig,
) -> None:
    for name, (_, key) in keys.saved.items():
        if name not in shapes:
            raise _missing_module(settings, file, key, name, model)
    for name in shapes:
        module, _, tensor = name.rpartition(".")
        if tensor == "weight" and settings.is_saved(module) and name not in keys.saved:
            if name == HEAD and model.tied_head and settings.keeps_ties:
                continue
            raise StartupError(
                f"{file} lacks {module!r}, which modules_to_save in {ADAPTER_CONFIG} beside it "
                "names: one of the two is another LoRA's"
            )


def _missing_module(
    settings: LoraSettings, file: Path, key: str, module: str, model: ModelConfig
) -> StartupError:
    return StartupError(
        f"{file} has {key!r}, but the base model, a {model.architecture} of {model.layers} "
        f"layers, has no {module!r}; {settings.made_for}: pass that as --base_model"
    )


def check_shapes(
    settings: LoraSettings,
    tensors: TensorIndex,
    keys: KeysByKind,
    model: ModelConfig,
    rows: TrainedRows,
) -> None:
    """Check that every tensor has the shape given by the base model and the rank.

    Raises:
        StartupError: one has another shape; the message names the first.
    """
    shapes = expected_shapes(model) | {
        EMBEDDING: (rows.embedding, model.hidden_size),
        HEAD: (rows.head, model.hidden_size),
    }
    for name, (_, key) in keys.saved.items():
        _check_shape(settings, tensors, key, shapes[name])
    for module, (a, b) in keys.pairs.items():
        out, into = shapes[f"{module}.weight"]
        if f"{module}.weight" == EMBEDDING:
            out, into = into, out
        rank = settings.rank_of(module)
        ranks = (*tensors[a].shape[:1], *tensors[b].shape[1:])
        if ranks != (rank, rank) and len(ranks) == 2:
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
