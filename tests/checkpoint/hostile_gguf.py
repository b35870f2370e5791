"""Damaged and hostile GGUF files, which must not hang the start or exhaust its memory.

`Raw` writes any header, valid or not; each case changes one of a valid file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.model_directory import SIZES

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
_CODES = {U8: "B", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q"}
F16_TENSOR, Q4_K_TENSOR = 1, 12
HIDDEN, MLP, ROWS = 32, 48, 64


def text(value: str | bytes, length: int | None = None) -> bytes:
    """A string; length: the one that is written before it."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw) if length is None else length) + raw


def array(kind: int, values: list[bytes], count: int | None = None) -> bytes:
    """The value of an array; count: the one that is written before it."""
    size = len(values) if count is None else count
    return struct.pack("<IQ", kind, size) + b"".join(values)


@dataclass
class Raw:
    """A GGUF file's contents."""

    keys: dict[str, tuple[int, bytes]]
    #: name, dimensions in GGUF's order, type
    tensors: list[tuple[str, tuple[int, ...], int]]
    magic: bytes = b"GGUF"
    version: int = 3
    key_count: int | None = None
    tensor_count: int | None = None
    offsets: dict[str, int] = field(default_factory=dict)
    extra: bytes = b""  #: after the keys
    data_bytes: int | None = None  #: instead of what the tensors need

    def write(self, path: Path) -> Path:
        """Write the file; its data are zeros, not on the disk."""
        counts = (
            len(self.tensors) if self.tensor_count is None else self.tensor_count,
            len(self.keys) if self.key_count is None else self.key_count,
        )
        raw = self.magic + struct.pack("<IQQ", self.version, *counts)
        for key, (kind, value) in self.keys.items():
            raw += text(key) + struct.pack("<I", kind) + value
        raw += self.extra
        offset = 0
        for name, shape, kind in self.tensors:
            dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
            place = struct.pack("<IQ", kind, self.offsets.get(name, min(offset, 2**63)))
            raw += text(name) + dimensions + place
            elements = 1
            for each in shape:
                elements *= each
            offset += -(-elements * (4 if kind == 0 else 2) // 32) * 32
        data = min(offset, 2**20) if self.data_bytes is None else self.data_bytes
        with path.open("wb") as file:
            file.write(raw)
            file.truncate(-(-len(raw) // 32) * 32 + data)
        return path

    def number(self, key: str, value: float, kind: int = U32) -> None:
        """Set a key."""
        self.keys[key] = (kind, struct.pack(f"<{_CODES[kind]}", value))

    def string(self, key: str, value: str | bytes, length: int | None = None) -> None:
        """Set a key."""
        self.keys[key] = (STRING, text(value, length))

    def strings(self, key: str, values: list[str]) -> None:
        """Set a key."""
        self.keys[key] = (ARRAY, array(STRING, list(map(text, values))))


def valid() -> Raw:
    """A tiny llama with a sentencepiece vocabulary."""
    tensors = [
        ("token_embd.weight", (HIDDEN, ROWS), F16_TENSOR),
        ("output_norm.weight", (HIDDEN,), 0),
    ]
    for layer in range(SIZES["num_hidden_layers"]):
        for name, shape in (
            ("attn_q", (HIDDEN, HIDDEN)), ("attn_k", (HIDDEN, HIDDEN // 2)),
            ("attn_v", (HIDDEN, HIDDEN // 2)), ("attn_output", (HIDDEN, HIDDEN)),
            ("ffn_gate", (HIDDEN, MLP)), ("ffn_up", (HIDDEN, MLP)), ("ffn_down", (MLP, HIDDEN)),
        ):  # fmt: skip
            tensors.append((f"blk.{layer}.{name}.weight", shape, F16_TENSOR))
        for name in ("attn_norm", "ffn_norm"):
            tensors.append((f"blk.{layer}.{name}.weight", (HIDDEN,), 0))
    raw = Raw({}, tensors)
    raw.string("general.architecture", "llama")
    for key, value in {
        "context_length": 256, "embedding_length": HIDDEN, "block_count": 2,
        "feed_forward_length": MLP, "attention.head_count": 4, "attention.head_count_kv": 2,
    }.items():  # fmt: skip
        raw.number(f"llama.{key}", value)
    raw.number("llama.attention.layer_norm_rms_epsilon", 1e-5, F32)
    raw.string("tokenizer.ggml.model", "llama")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = ["<unk>", "<s>", "</s>", "▁", *letters]
    raw.strings("tokenizer.ggml.tokens", pieces)
    types, scores = [2, 3, 3, *[1] * (len(pieces) - 3)], [0.0, 0.0, 0.0, *map(float, range(27))]
    raw.keys["tokenizer.ggml.token_type"] = (
        ARRAY,
        array(I32, [struct.pack("<i", t) for t in types]),
    )
    raw.keys["tokenizer.ggml.scores"] = (ARRAY, array(F32, [struct.pack("<f", -s) for s in scores]))
    raw.number("tokenizer.ggml.bos_token_id", 1)
    raw.number("tokenizer.ggml.eos_token_id", 2)
    return raw


Damage = Callable[[Raw], object]


def cut(size: int) -> Callable[[Path], None]:
    """Cut the file off."""

    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            file.truncate(size)

    return damage


def tensor(
    index: int,
    name: str | None = None,
    shape: tuple[int, ...] | None = None,
    kind: int | None = None,
) -> Damage:
    """Change one tensor's entry."""

    def damage(raw: Raw) -> None:
        old = raw.tensors[index]
        raw.tensors[index] = (
            old[0] if name is None else name,
            old[1] if shape is None else shape,
            old[2] if kind is None else kind,
        )

    return damage


def strings_of(key: str, kind: int, count: int, values: list[bytes] | None = None) -> Damage:
    """An array with a wrong count."""
    return lambda raw: raw.keys.update({key: (ARRAY, array(kind, values or [], count))})


def alter(**changes: object) -> Damage:
    """Set attributes."""
    return lambda raw: [setattr(raw, name, value) for name, value in changes.items()]


def drop(key: str) -> Damage:
    """Remove a key."""
    return lambda raw: raw.keys.pop(key)


def number(key: str, value: float, kind: int = U32) -> Damage:
    return lambda raw: raw.number(key, value, kind)


def string(key: str, value: str | bytes, length: int | None = None) -> Damage:
    return lambda raw: raw.string(key, value, length)


EPSILON = "llama.attention.layer_norm_rms_epsilon"
LONG_TOKENS = [text(f"{number:2}" * 2**19) for number in range(30)]
TOKENS = "tokenizer.ggml.tokens"
#: Name, what is changed, and a part of the error.
CASES: list[tuple[str, Damage, str]] = [
    ("another magic", alter(magic=b"GGML"), "not a GGUF file"),
    ("a git-LFS pointer", alter(magic=b"vers", version=0x206E6F69), "git-LFS pointer"),
    ("version 1", alter(version=1), "version 1"),
    ("big-endian", alter(version=3 << 24), "big-endian"),
    ("2**63 tensors", alter(tensor_count=2**63), "tensors; at most"),
    ("2**40 keys", alter(key_count=2**40), "metadata keys; at most"),
    ("one key more", alter(key_count=40), "malformed|not a valid|truncated"),
    ("one tensor more", alter(tensor_count=99, data_bytes=0), "truncated|not a valid"),
    ("a string of 2**62 bytes", string("general.name", "a", 2**62), "ends inside general.name"),
    ("a string of 2**64 - 1 bytes", string("general.name", "a", 2**64 - 1), "ends inside"),
    ("a key that is not UTF-8", alter(extra=text(b"\xff\xfe") + b"\0" * 5, key_count=14),
     "not a valid GGUF"),
    ("text that is not UTF-8", string("general.name", b"\xff\xfe"), "not UTF-8"),
    ("2**60 tokens", strings_of(TOKENS, STRING, 2**60), "more than"),
    ("2**21 tokens in no file", strings_of(TOKENS, STRING, 2**21), "ends inside|download it again"),
    ("2**40 scores", strings_of("tokenizer.ggml.scores", F32, 2**40), "more than"),
    ("an array of arrays", strings_of(TOKENS, ARRAY, 2), "an array of arrays"),
    ("an array of an unknown type", strings_of(TOKENS, 77, 2), "unknown type 77"),
    ("a value of an unknown type", lambda raw: raw.keys.update({"a": (200, b"")}), "unknown type"),
    ("alignment 0", number("general.alignment", 0), "general.alignment is 0"),
    ("alignment 2**31", number("general.alignment", 2**31), "general.alignment"),
    ("an unsupported type", tensor(3, kind=16), "IQ2_XXS, which is not supported"),
    ("an unknown type", tensor(3, kind=250), "the type 250"),
    ("blocks that do not divide a row", tensor(3, kind=Q4_K_TENSOR), "no multiple of the 256"),
    ("2**62 rows", tensor(3, shape=(HIDDEN, 2**62)), "has the shape"),
    ("2**40 rows", tensor(0, shape=(HIDDEN, 2**40)), "truncated: tensor 'token_embd"),
    ("no dimensions", tensor(3, shape=()), "has 0 dimensions"),
    ("9 dimensions", tensor(3, shape=(2,) * 9), "has 9 dimensions"),
    ("a dimension of 0", tensor(3, shape=(HIDDEN, 0)), "has the shape"),
    ("a tensor twice", tensor(3, name="output_norm.weight"), "twice|overlaps"),
    ("overlapping tensors", alter(offsets={"blk.0.attn_q.weight": 0}), "overlaps"),
    ("an offset beyond the file", alter(offsets={"blk.0.attn_q.weight": 2**50}), "truncated"),
    ("no data", alter(data_bytes=0), "truncated"),
    ("a missing tensor", tensor(3, name="blk.0.attn_kk.weight"), "lacks the tensor 'blk.0.attn_k"),
    ("a tensor of another layer", tensor(3, name="blk.9.attn_k.weight"), "attn_k.weight"),
    ("another architecture", string("general.architecture", "gpt-oss"), "'gpt-oss' is not supp"),
    ("no architecture", drop("general.architecture"), "architecture"),
    ("an adapter", string("general.type", "adapter"), "holds no model but 'adapter'"),
    ("experts", number("llama.expert_count", 8), "expert_count"),
    ("2**31 layers", number("llama.block_count", 2**31), "num_hidden_layers|block_count"),
    ("text for a number", string("llama.block_count", "two"), "block_count"),
    ("no hidden size", drop("llama.embedding_length"), "lacks the key llama.embedding_length"),
    ("heads of 0", number("llama.attention.head_count", 0), "head_count"),
    ("a NaN for epsilon", number(EPSILON, float("nan"), F32), "epsilon"),
    ("a RoPE scaling", string("llama.rope.scaling.type", "longrope"), "'longrope' is not supp"),
    ("no vocabulary", drop(TOKENS), "tokens"),
    ("another tokenizer", string("tokenizer.ggml.model", "t5"), "'t5'.*--tokenizer_path"),
    ("no scores", drop("tokenizer.ggml.scores"), "scores"),
    ("a token twice", strings_of(TOKENS, STRING, 30, [text("<unk>")] * 30), "twice"),
    ("numbers for tokens", strings_of(TOKENS, U8, 4, [b"abcd"]), "an array of str"),
    ("tokens of a megabyte", strings_of(TOKENS, STRING, 30, LONG_TOKENS), "characters; at most"),
    ("a chat template that fails", string("tokenizer.chat_template", "{{ raise_exception('no') }}"),
     "chat template"),
]  # fmt: skip
