"""`python wsgi.py convert FILE.gguf OUT`: writes a GGUF file as a Hugging Face directory.

Values are not rounded: 16-bit and float32 tensors keep their dtype, quantized ones become float32.
"""

from __future__ import annotations

import json
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import check_tensors
from app.checkpoint.gguf.gguf_file import GgufFile, read_gguf
from app.checkpoint.gguf.hf_config import config_values, generation_values
from app.checkpoint.gguf.model_config import read_model_config
from app.checkpoint.gguf.tensors import tensor_index
from app.checkpoint.rope import FREQUENCY_FACTORS
from app.model.loading.gguf_source import from_gguf
from app.model.loading.new_directory import new_directory
from app.model.loading.plain_directory import write_weights
from app.tokenizer.gguf.byte_level_bpe import tokenizer_json
from app.tokenizer.gguf.sentencepiece_model import sentencepiece_model
from app.tokenizer.gguf.tokenizer_config import tokenizer_config
from app.tokenizer.gguf.vocabulary import read_vocabulary


def convert_gguf(source: Path, target: Path) -> list[Path]:
    """Convert the GGUF file `source` into the new directory `target`; returns the written files of
    weights.

    Raises:
        StartupError: `target` exists already, or `source` is malformed or not supported.
    """
    gguf = read_gguf(source)
    model, tensors = read_model_config(gguf), tensor_index(gguf)
    check_tensors(model, tensors)
    if model.rope.kind == FREQUENCY_FACTORS:
        raise StartupError(
            f"{source} cannot be converted: the factors of its rotary frequencies (rope_freqs) are "
            "none that a config.json can have; serve the file itself"
        )
    with new_directory(target) as directory:
        _write_descriptions(gguf, directory)
        names = write_weights(model, tensors, from_gguf(tensors, model), directory)
    return [target / name for name in names]


def _write_descriptions(gguf: GgufFile, directory: Path) -> None:
    vocabulary = read_vocabulary(gguf.metadata)
    files: dict[str, object] = {
        "config.json": config_values(gguf),
        "generation_config.json": generation_values(gguf),
        "tokenizer_config.json": tokenizer_config(vocabulary),
    }
    if vocabulary.kind == "gpt2":
        files["tokenizer.json"] = tokenizer_json(vocabulary)
    else:
        (directory / "tokenizer.model").write_bytes(sentencepiece_model(vocabulary))
    for name, values in files.items():
        text = json.dumps(values, ensure_ascii=False, indent=1)
        (directory / name).write_text(text + "\n", encoding="utf-8")
