"""Reads the tokenizer in a GGUF file with the classes that read a directory's."""

from __future__ import annotations

from pathlib import Path

from app.checkpoint.gguf.gguf_file import GgufFile
from app.tokenizer.config_files import TokenizerFiles, parse_tokenizer_files
from app.tokenizer.fast_tokenizer import FastTokenizer
from app.tokenizer.gguf.byte_level_bpe import tokenizer_json
from app.tokenizer.gguf.sentencepiece_model import sentencepiece_model
from app.tokenizer.gguf.tokenizer_config import tokenizer_config
from app.tokenizer.gguf.vocabulary import GgufVocabulary, read_vocabulary
from app.tokenizer.sentencepiece_file import check_model
from app.tokenizer.sentencepiece_tokenizer import SentencePieceTokenizer


def read_gguf_tokenizer(gguf: GgufFile) -> FastTokenizer | SentencePieceTokenizer:
    """The tokenizer in a GGUF file.

    Raises:
        StartupError: its vocabulary is malformed or not supported.
    """
    path, vocabulary = gguf.path, read_vocabulary(gguf.metadata)
    files = _files(vocabulary, path)
    if vocabulary.kind == "gpt2":
        return FastTokenizer(tokenizer_json(vocabulary), files, path)
    proto = sentencepiece_model(vocabulary)
    check_model(proto, path)
    return SentencePieceTokenizer(proto, files, path)


def read_gguf_tokenizer_files(gguf: GgufFile) -> TokenizerFiles:
    """What the files beside a vocabulary would say: named and added tokens, chat template.

    Raises:
        StartupError: its vocabulary is malformed or not supported.
    """
    return _files(read_vocabulary(gguf.metadata), gguf.path)


def _files(vocabulary: GgufVocabulary, path: Path) -> TokenizerFiles:
    return parse_tokenizer_files(path, tokenizer_config(vocabulary))
