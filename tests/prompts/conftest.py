"""Vocabularies, alone and as pairs of tokenizers."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer

from tests.prompts.like_transformers import Pair
from tests.tokenizer.conftest import byte_level, metaspace, sentences

__all__ = ["byte_level", "metaspace", "sentences"]


@pytest.fixture(scope="module")
def pairs(
    tmp_path_factory: pytest.TempPathFactory, metaspace: Tokenizer, byte_level: Tokenizer
) -> dict[str, Pair]:
    """One like LLaMA's, which adds BOS, and one like Qwen's, which has none."""
    llama = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    qwen = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>"}
    llama_copy, qwen_copy = (Tokenizer.from_str(t.to_str()) for t in (metaspace, byte_level))
    return {
        "llama": Pair(llama_copy, tmp_path_factory.mktemp("llama"), llama),
        "qwen": Pair(qwen_copy, tmp_path_factory.mktemp("qwen"), qwen),
    }
