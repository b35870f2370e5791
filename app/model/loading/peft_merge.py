"""Merges with peft the LoRAs that cannot be merged tensor by tensor.

These are DoRA, trainable token indices, initialisations that change the base model, and others.
It needs the whole model in float32 and seconds of imports: `lora_merge.py` merges all other LoRAs.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch

from app.checkpoint.check import CheckedModel
from app.checkpoint.errors import StartupError
from app.checkpoint.lora.adapter import Lora

if TYPE_CHECKING:
    from torch.nn import Module

_WHOLE_EMBEDDING = ".token_adapter.base_layer.weight"

log = logging.getLogger(__name__)


def merge_with_peft(checked: CheckedModel) -> Module:
    """The base model of transformers with all LoRAs merged in, in float32 on the CPU.

    Raises:
        StartupError: peft cannot merge them.
    """
    from transformers import AutoModelForCausalLM

    unusual = next(lora.settings.unusual for lora in checked.loras if lora.settings.unusual)
    log.warning(
        "the LoRA has %s: peft merges it into the whole model, in float32 in memory", unusual
    )
    # peft changes weights in place, and its warnings are for adapter developers
    with torch.inference_mode(False), warnings.catch_warnings(action="ignore"):
        model: Any = AutoModelForCausalLM.from_pretrained(
            checked.directory,
            dtype=torch.float32,
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=not checked.pickled,
        )
        for lora in checked.loras:
            model = _merged(model, lora)
    return model  # type: ignore[no-any-return]


def _merged(model: Any, lora: Lora) -> Any:
    from peft import PeftModel

    # trainable token indices are saved with the whole embedding
    sizes = [
        t.shape[0] for name, t in lora.tensors.tensors.items() if name.endswith(_WHOLE_EMBEDDING)
    ]
    ids = [token + 1 for token in lora.settings.token_ids]
    rows = max([lora.rows.embedding, *sizes, *ids])
    if rows > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(rows, mean_resizing=False)
    try:
        return PeftModel.from_pretrained(model, str(lora.settings.directory)).merge_and_unload()
    except Exception as error:  # peft, torch and transformers document no exception types
        line = (str(error).splitlines() or [""])[0]
        raise StartupError(
            f"peft cannot merge the LoRA in {lora.settings.directory}: {line[:300]}; merge it "
            "where it was trained, and pass the whole model as --base_model"
        ) from error


def head_is_embedding(model: Any) -> bool:
    """Whether the merged model's lm_head and embedding are one matrix."""
    return bool(
        model.get_output_embeddings().weight.data_ptr()
        == model.get_input_embeddings().weight.data_ptr()
    )
