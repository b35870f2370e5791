"""Vocabularies written to GGUF and read back: the ids of the originals."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import pytest
import sentencepiece
from gguf import TokenType
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Backend
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.gguf_file import read_gguf
from app.tokenizer.gguf.pre_tokenizers import PRE_TOKENIZERS
from app.tokenizer.gguf.sentencepiece_model import sentencepiece_model
from app.tokenizer.gguf.vocabulary import read_vocabulary
from app.tokenizer.tokenizer import Tokenizer, load_tokenizer, load_tokenizer_files
from config import EMBEDDED_MODEL
from tests.harness.gguf_model import (
    Describe,
    bpe_vocabulary,
    sentencepiece_vocabulary,
    write_gguf,
)
from tests.harness.varied_texts import varied_texts

EMBEDDED = Path(EMBEDDED_MODEL)
COUNT, ALL = 300, 5000


def assert_same(ours: Tokenizer, original: Tokenizer, count: int) -> None:
    for text in varied_texts(count):
        assert ours.encode(text) == original.encode(text), text
        ids = ours.encode(text, allow_special=True)
        assert ids == original.encode(text, allow_special=True), text
        assert ours.decode(ids) == original.decode(ids), text
    for name in ("vocab_size", "bos_id", "special_texts", "special_ids", "token_bytes"):
        assert getattr(ours, name) == getattr(original, name), name


def counts(test: Any) -> Any:
    """Some texts in every run, all with the figures."""
    return pytest.mark.parametrize("count", [COUNT, pytest.param(ALL, marks=pytest.mark.figures)])(
        test
    )


@counts
def test_the_embedded_models(tmp_path: Path, count: int) -> None:
    vocabulary = sentencepiece_vocabulary((EMBEDDED / "tokenizer.model").read_bytes())
    ours = load_tokenizer(write_gguf(tmp_path / "a.gguf", {}, vocabulary))
    assert_same(ours, load_tokenizer(EMBEDDED), count)
    assert ours.eos_ids == (2,)


#: Texts of added tokens, and whether they are special.
ADDED = {"<|im_start|>": True, "[PAD]": True, "https": False, "  ": False}
TYPES = {
    text: TokenType.CONTROL if special else TokenType.USER_DEFINED
    for text, special in ADDED.items()
}


@counts
def test_a_llama_like_one(
    tmp_path: Path, sp_directory: Path, merged_model: bytes, count: int
) -> None:
    """Chinese pieces share their score; tokens were added after the pieces."""
    pieces = sentencepiece.SentencePieceProcessor(model_proto=merged_model).get_piece_size()
    added = {
        str(pieces + index): {"content": text, "special": special}
        for index, (text, special) in enumerate(ADDED.items())
    }
    config = {"added_tokens_decoder": added}
    (sp_directory / "tokenizer_config.json").write_text(json.dumps(config))
    vocabulary = sentencepiece_vocabulary(merged_model, TYPES)
    ours = load_tokenizer(write_gguf(tmp_path / "a.gguf", {}, vocabulary))
    assert_same(ours, load_tokenizer(sp_directory), count)


def test_pieces_scores_and_types(tmp_path: Path, merged_model: bytes) -> None:
    path = write_gguf(tmp_path / "a.gguf", {}, sentencepiece_vocabulary(merged_model))
    proto = sentencepiece_model(read_vocabulary(read_gguf(path).metadata))
    ours, original = (
        sentencepiece.SentencePieceProcessor(model_proto=each) for each in (proto, merged_model)
    )
    assert ours.get_piece_size() == original.get_piece_size()
    for token in range(ours.get_piece_size()):
        for question in ("id_to_piece", "get_score", "is_control", "is_unknown", "is_byte"):
            assert getattr(ours, question)(token) == getattr(original, question)(token)
    for name in ("bos_id", "eos_id", "unk_id"):
        assert getattr(ours, name)() == getattr(original, name)()


def test_settings_of_a_sentencepiece_vocabulary(tmp_path: Path, merged_model: bytes) -> None:
    def settings(writer: gguf.GGUFWriter) -> None:
        writer.add_add_space_prefix(False)
        writer.add_add_bos_token(False)

    padding = {f"[PAD{number}]": TokenType.UNUSED for number in range(30)}
    vocabulary = sentencepiece_vocabulary(merged_model, padding)
    ours = load_tokenizer(write_gguf(tmp_path / "a.gguf", {}, vocabulary, settings))
    original = sentencepiece.SentencePieceProcessor(model_proto=merged_model)
    assert ours.decode(ours.encode("the end")) == "the end"
    assert ours.encode("the end") == ours.encode("the end", allow_special=True)
    assert ours.encode(" the end") == tuple(original.encode("the end"))
    assert ours.vocab_size == original.get_piece_size(), "padding is no token"


#: transformers' way of cutting text for models with a pre-tokenizer, and its normalizer.
ORIGINALS = {
    "gpt-2": None,
    "smollm": pre_tokenizers.Digits(individual_digits=True),
    "llama-bpe": pre_tokenizers.Split(Regex(TikTokenConverter().pattern), "isolated"),
    "qwen2": pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated"),
}


@pytest.fixture(scope="module")
def original_bpe(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The directory of a byte-level tokenizer as transformers makes it for models with a
    pre-tokenizer."""
    return cache(lambda pre: _save_bpe(pre, tmp_path_factory.mktemp(pre)))


def _save_bpe(pre: str, directory: Path) -> Path:
    first = ORIGINALS[pre]
    words = pre_tokenizers.ByteLevel(
        add_prefix_space=False, use_regex=not isinstance(first, pre_tokenizers.Split)
    )
    backend = Backend(models.BPE(ignore_merges=pre == "llama-bpe"))
    backend.pre_tokenizer = pre_tokenizers.Sequence([first, words]) if first else words
    backend.decoder = decoders.ByteLevel()
    if pre == "qwen2":
        backend.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(varied_texts(1500, seed=1), trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    tokenizer.add_tokens([AddedToken("<think>", special=False, normalized=False)])
    special = [AddedToken(text, normalized=False) for text in ("<|im_start|>", "<|im_end|>")]
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.save_pretrained(directory)
    return directory


@counts
@pytest.mark.parametrize("pre", ORIGINALS)
def test_byte_level_bpe(
    tmp_path: Path, original_bpe: Callable[[str], Path], pre: str, count: int
) -> None:
    directory = original_bpe(pre)

    def no_bos(writer: gguf.GGUFWriter) -> None:
        writer.add_add_bos_token(False)

    vocabulary = bpe_vocabulary(directory, pre)
    ours = load_tokenizer(write_gguf(tmp_path / "a.gguf", {}, vocabulary, no_bos))
    assert_same(ours, load_tokenizer(directory), count)


@pytest.mark.parametrize("pre", PRE_TOKENIZERS)
def test_every_pre_tokenizer_loses_nothing(
    tmp_path: Path, original_bpe: Callable[[str], Path], pre: str
) -> None:
    vocabulary = bpe_vocabulary(original_bpe("gpt-2"), pre)
    ours = load_tokenizer(write_gguf(tmp_path / "a.gguf", {}, vocabulary))
    for text in varied_texts(120):
        if not PRE_TOKENIZERS[pre].nfc:
            assert ours.decode(ours.encode(text)) == text


@pytest.mark.parametrize("pre", ["dolphin", ""])
def test_unknown_pre_tokenizers_are_refused_by_name(
    tmp_path: Path, original_bpe: Callable[[str], Path], pre: str
) -> None:
    vocabulary = bpe_vocabulary(original_bpe("gpt-2"), pre)
    path = write_gguf(tmp_path / "a.gguf", {}, vocabulary)
    with pytest.raises(StartupError, match=f"pre-tokenizer.*{pre}.*--tokenizer_path"):
        load_tokenizer(path)


def with_keys(**keys: str) -> Describe:
    def describe(writer: gguf.GGUFWriter) -> None:
        for key, value in keys.items():
            writer.add_string(key.replace("__", "."), value)

    return describe


def test_chat_templates(tmp_path: Path, merged_model: bytes) -> None:
    """The default, and the one for requests with tools."""
    vocabulary = sentencepiece_vocabulary(merged_model)
    keys = {"tokenizer__chat_template": "plain", "tokenizer__chat_template__tool_use": "tools"}
    path = write_gguf(tmp_path / "a.gguf", {}, vocabulary, with_keys(**keys))
    files = load_tokenizer_files(path)
    assert (files.chat_template, files.tool_chat_template) == ("plain", "tools")
    tokenizer = load_tokenizer(path)
    assert (tokenizer.chat_template, tokenizer.tool_chat_template) == ("plain", "tools")
    assert dict(tokenizer.named_tokens)["bos_token"] == "<s>"
