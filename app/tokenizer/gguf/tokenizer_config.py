"""A GGUF file's named tokens, added tokens and chat templates as a tokenizer_config.json."""

from __future__ import annotations

from typing import Any

from app.checkpoint.json_file import Fields
from app.tokenizer.gguf.pre_tokenizers import adds_bos
from app.tokenizer.gguf.vocabulary import PREFIX, GgufVocabulary, added_tokens

_TEMPLATE = "tokenizer.chat_template"
#: transformers' classes, which convert's result is loaded with.
_CLASSES = {"llama": "LlamaTokenizer", "gpt2": "PreTrainedTokenizerFast"}


def tokenizer_config(vocabulary: GgufVocabulary) -> dict[str, Any]:
    """The values of the file.

    Raises:
        StartupError: a key is malformed.
    """
    metadata = vocabulary.metadata
    config: dict[str, Any] = {
        "tokenizer_class": _CLASSES[vocabulary.kind],
        "add_bos_token": _adds_bos(vocabulary),
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        **vocabulary.named,
        "added_tokens_decoder": {str(token.pop("id")): token for token in added_tokens(vocabulary)},
    }
    if vocabulary.kind == "llama":
        config["legacy"] = False
    templates = _chat_templates(metadata)
    if templates:
        config["chat_template"] = templates
    return config


def _adds_bos(vocabulary: GgufVocabulary) -> bool:
    """add_bos_token, or llama.cpp's default."""
    default = vocabulary.kind == "llama" or adds_bos(vocabulary.metadata)
    return vocabulary.metadata.boolean(f"{PREFIX}add_bos_token", default)


def _chat_templates(metadata: Fields) -> str | list[dict[str, str]]:
    """The template, or several with their names, as tokenizer_config.json has them."""
    default = metadata.text(_TEMPLATE, "")
    named = [
        {"name": key.removeprefix(f"{_TEMPLATE}."), "template": metadata.text(key, "")}
        for key in metadata.values
        if key.startswith(f"{_TEMPLATE}.")
    ]
    if not named:
        return default
    return [{"name": "default", "template": default}, *named] if default else named
