"""Small vocabularies trained for the tests: an English one merged with Chinese pieces as
`tokenizer.model`, and a byte-level and a metaspace one as `tokenizer.json`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as sentencepiece_proto
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    """9,720 English and Chinese sentences."""
    rows = (DATA / "tatoeba_en_zh.tsv").read_text(encoding="utf-8").splitlines()
    return [sentence for row in rows for sentence in row.split("\t")[:2]]


@pytest.fixture(scope="session")
def merged_model(sentences: list[str]) -> bytes:
    """An English BPE with LLaMA's settings, then the Chinese pieces, all with score 0."""
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences[::2]),
        model_writer=trained,
        model_type="bpe",
        vocab_size=3000,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        num_threads=1,
        minloglevel=2,
    )
    merged = sentencepiece_proto.ModelProto.FromString(trained.getvalue())
    chinese = sentencepiece_proto.ModelProto.FromString((DATA / "chinese_sp.model").read_bytes())
    known = {piece.piece for piece in merged.pieces}
    for piece in chinese.pieces:
        if piece.piece not in known:
            merged.pieces.add(piece=piece.piece, score=0.0)
    return merged.SerializeToString()


@pytest.fixture(scope="session")
def reference(merged_model: bytes) -> sentencepiece.SentencePieceProcessor:
    """sentencepiece's own tokenizer."""
    return sentencepiece.SentencePieceProcessor(model_proto=merged_model)


@pytest.fixture
def sp_directory(tmp_path: Path, merged_model: bytes) -> Path:
    """A directory that contains only tokenizer.model."""
    (tmp_path / "tokenizer.model").write_bytes(merged_model)
    return tmp_path


@pytest.fixture(scope="session")
def byte_level(sentences: list[str]) -> Tokenizer:
    """Like Qwen's: GPT-2's byte-level characters, no BOS."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences[:3000], trainer)
    return tokenizer


@pytest.fixture(scope="session")
def metaspace(sentences: list[str]) -> Tokenizer:
    """Like LLaMA's tokenizer.json: `▁`, byte fallback, BOS from the post-processor."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=2000, special_tokens=["<unk>", "<s>", "</s>", *bytes_], show_progress=False
    )
    tokenizer.train_from_iterator(sentences[:2000:2], trainer)
    source = json.loads(tokenizer.to_str())
    source["added_tokens"] = source["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(source))
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    return tokenizer
