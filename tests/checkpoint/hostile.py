"""Damaged and hostile model directories, which must not hang the start or exhaust its memory.

Each case has a function that damages a valid directory (see `model_directory.write_model`), and a
part of the one-line error that must refuse it.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.harness.model_directory import PIECES, config_json, write_header

Damage = Callable[[Path], object]
Case = tuple[str, Damage, str]
MIB = 2**20
ENTRY = {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}
NAMES = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "tokenizer.model",
    "model.safetensors",
    "model.safetensors.index.json",
)


def replace_by(name: str, make: Callable[[Path], object]) -> Damage:
    """Replace the file `name` by what `make` creates."""

    def damage(directory: Path) -> None:
        (directory / name).unlink(missing_ok=True)
        make(directory / name)

    return damage


def replace_contents(name: str, content: str | bytes | dict[str, Any]) -> Damage:
    """Replace the contents of the file `name`."""
    if isinstance(content, dict):
        content = json.dumps(content)
    raw = content.encode() if isinstance(content, str) else content
    return lambda directory: (directory / name).write_bytes(raw)


def sparse(name: str, size: int) -> Damage:
    """Replace the file `name` by a sparse file of `size` bytes."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return replace_by(name, make)


def replace_by_link(name: str, target: str) -> Damage:
    return replace_by(name, lambda path: path.symlink_to(target))


def config(**changes: Any) -> Damage:
    return replace_contents("config.json", config_json(**({"vocab_size": PIECES} | changes)))


def header(value: object, data: bytes = b"") -> Damage:
    return lambda directory: write_header(directory / "model.safetensors", value, data)


def many_shards(directory: Path) -> None:
    (directory / "model.safetensors").unlink()
    names = [f"model-{n:05}-of-01000.safetensors" for n in range(1000)]
    for name in names:
        write_header(directory / name, {"a": ENTRY}, b"\0" * 4)
    index = {"weight_map": {f"t{n}": name for n, name in enumerate(names)}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


def tokenizer_json(**changes: Any) -> dict[str, Any]:
    """A small byte-level tokenizer.json."""
    from app.tokenizer.token_bytes import _byte_characters

    vocab = {character: index for index, character in enumerate(_byte_characters())}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    model = {"type": "BPE", "vocab": vocab, "merges": []} | changes.pop("model", {})
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": model,
    } | changes


def use_tokenizer_json(**changes: Any) -> Damage:
    """Replace tokenizer.model by a tokenizer.json."""

    def damage(directory: Path) -> None:
        (directory / "tokenizer.model").unlink()
        (directory / "tokenizer.json").write_text(json.dumps(tokenizer_json(**changes)))

    return damage


def added_tokens_list(count: int, length: int = 1) -> list[dict[str, Any]]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return [
        {"id": 256 + index, "content": f"<{index}>" * length, **flags} for index in range(count)
    ]


def doubling_normalizer(times: int) -> dict[str, Any]:
    step = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    return {"type": "Sequence", "normalizers": [step] * times}


def regex_pre_tokenizer(pattern: str) -> dict[str, Any]:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    return {"type": "Sequence", "pretokenizers": [split | {"invert": False}]}


def truncate_model(share: float) -> Damage:
    def damage(directory: Path) -> None:
        path = directory / "tokenizer.model"
        raw = path.read_bytes()
        path.write_bytes(raw[: int(len(raw) * share)])

    return damage


def truncate_after_the_pieces(directory: Path) -> None:
    """Truncate the file between two records: it is still valid protobuf."""
    path = directory / "tokenizer.model"
    raw = path.read_bytes()
    end = 0
    for _ in range(PIECES):
        end += 2 + raw[end + 1]
    assert raw[end] == 0x12, "the trainer's settings begin here"
    path.write_bytes(raw[:end])


def lora(change: Callable[[Path], object]) -> Damage:
    """Add a LoRA directory and damage it with `change`."""

    def damage(directory: Path) -> None:
        path = directory / "lora"
        path.mkdir()
        settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
        (path / "adapter_config.json").write_text(json.dumps(settings))
        pair = {}
        for layer in range(2):
            module = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
            pair[f"{module}.lora_A.weight"], pair[f"{module}.lora_B.weight"] = (2, 32), (32, 2)
        entries, end = {}, 0
        for name, shape in pair.items():
            size = 4 * shape[0] * shape[1]
            offsets = [end, end + size]
            entries[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": offsets}
            end += size
        write_header(path / "adapter_model.safetensors", entries, b"\0" * end)
        change(path)

    return damage


def adapter(**changes: Any) -> Damage:
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
    return lora(replace_contents("adapter_config.json", settings | changes))


FILES: list[Case] = [
    *((f"{name} is a pipe", replace_by(name, os.mkfifo), f"{name} is a pipe") for name in NAMES),
    *(
        (f"{name} is a directory", replace_by(name, Path.mkdir), f"{name} is a directory")
        for name in NAMES
    ),
    *(
        (f"{name} is {device}", replace_by_link(name, device), f"{name} is a device")
        for name in ("config.json", "model.safetensors", "tokenizer.model")
        for device in ("/dev/zero", "/dev/random", "/dev/tty")
    ),
    *((f"{name} is huge", sparse(name, 2**40), f"{name} is over") for name in NAMES[:8]),
    ("the index is huge", sparse(NAMES[9], 2**40), "index.json is over 32 MiB"),
    (
        "a link to itself",
        replace_by_link("config.json", "config.json"),
        "config.json cannot be read: Too many",
    ),
    (
        "a link to nothing",
        replace_by_link("generation_config.json", "gone"),
        "is a link to a file that is not",
    ),
    ("a link to memory", replace_by_link("config.json", "/proc/self/mem"), "config.json"),
    (
        "weights as a link to nothing",
        replace_by_link("model.safetensors", "gone"),
        "that is not there",
    ),
]

JSON_FILES: list[Case] = [
    (
        "a key twice",
        replace_contents("config.json", '{"vocab_size": 1, "vocab_size": 2}'),
        "'vocab_size' twice",
    ),
    ("deep lists", replace_contents("config.json", "[" * 200_000), "nested too deeply"),
    ("deep objects", replace_contents("config.json", '{"a":' * 200_000), "nested too deeply"),
    (
        "empty lists",
        replace_contents("config.json", '{"a": [' + "[]," * 4_000_000 + "[]]}"),
        "more than 2,000,000",
    ),
    (
        "a long number",
        replace_contents("config.json", '{"a": ' + "9" * 1_000_000 + "}"),
        "1000000 digits",
    ),
    (
        "half a character",
        replace_contents("config.json", b'{"a": "\xe8\xa5"}'),
        "config.json is not valid JSON",
    ),
    ("layers", config(num_hidden_layers=10**9), "num_hidden_layers is 1000000000"),
    ("no heads", config(num_attention_heads=0), "num_attention_heads is 0"),
    ("negative width", config(hidden_size=-32), "hidden_size is -32"),
    ("no head_dim", config(head_dim=0), "head_dim is 0"),
    ("odd head_dim", config(head_dim=7), "head_dim 7 is odd"),
    ("not a number", config(rms_norm_eps=float("nan")), "rms_norm_eps is nan"),
    ("infinite base", config(rope_theta=float("inf")), "rope_theta is inf"),
    ("a long list", config(hidden_size=[[1] * 1000] * 1000), "hidden_size is [[1"),
    ("positions", config(max_position_embeddings=2**31), "max_position_embeddings is 2147483648"),
    ("a vocabulary", config(vocab_size=2**31), "vocab_size is 2147483648"),
    ("a rope of nonsense", config(rope_scaling={"type": "linear", "factor": "x"}), "factor is 'x'"),
    ("an endless rope", config(rope_scaling={"type": "linear", "factor": 1e29}), "factor is 1e+29"),
    ("a rope of lists", config(rope_scaling=[[]]), "rope_scaling is [[]]"),
    ("a rope of a rope", config(rope_scaling={"a": {}}), "differ between layers"),
    (
        "a yarn below zero",
        config(rope_scaling={"type": "yarn", "factor": 2, "beta_fast": -1e-10}),
        "beta_fast is -1e-10",
    ),
]

WEIGHTS: list[Case] = [
    (
        "dimensions",
        header({"a": ENTRY | {"shape": [2**63] * 400_000}}),
        "400,000 dimensions; at most 8",
    ),
    ("dimensions of 1", header({"a": ENTRY | {"shape": [1] * 400_000}}), "400,000 dimensions"),
    (
        "a long header",
        replace_contents("model.safetensors", struct.pack("<Q", 2**63) + b"{}"),
        "header of 9223372036854775808 bytes",
    ),
    ("a header of 99 MB", sparse("model.safetensors", 200 * MIB), "is not valid JSON"),
    (
        "overflowing offsets",
        header({"a": ENTRY | {"data_offsets": [2**63 - 4, 2**63]}}),
        "malformed shape or offset",
    ),
    (
        "overlapping",
        header({"a": ENTRY, "b": ENTRY | {"data_offsets": [2, 6]}}, b"\0" * 6),
        "overlaps",
    ),
    ("a new dtype", header({"a": ENTRY | {"dtype": "F4"}}, b"\0" * 4), "unknown dtype 'F4'"),
    (
        "tensors",
        header({f"t{n}": ENTRY | {"shape": [0], "data_offsets": [0, 0]} for n in range(200_001)}),
        "more than 2,000,000",
    ),
    (
        "a tensor twice",
        header(b'{"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}, "a": 1}', b"\0" * 4),
        "'a' twice",
    ),
    ("a thousand shards", many_shards, "names 1000 files; at most 512"),
    (
        "shards elsewhere",
        replace_contents("model.safetensors.index.json", {"weight_map": {"a": "../../x"}}),
        "is not a file name",
    ),
    (
        "shards above",
        replace_contents("model.safetensors.index.json", {"weight_map": {"a": ".."}}),
        "is not a file name",
    ),
    (
        "a shard of nothing",
        replace_contents("model.safetensors.index.json", {"weight_map": {"a": "b\0c"}}),
        "'b\\x00c', which is not a file name",
    ),
]

TOKENIZERS: list[Case] = [
    (
        "ids",
        use_tokenizer_json(model={"vocab": {"a": 0, "b": 4294967295}}),
        "the id 4294967295; ids lie below 2,097,152",
    ),
    ("negative ids", use_tokenizer_json(model={"vocab": {"a": 0, "b": -1}}), "the id -1"),
    (
        "added ids",
        use_tokenizer_json(added_tokens=[added_tokens_list(1)[0] | {"id": 4294967295}]),
        "the id 4294967295",
    ),
    (
        "added tokens",
        use_tokenizer_json(added_tokens=added_tokens_list(300_000)),
        "300,000 added tokens; at most 65,536",
    ),
    (
        "a long added token",
        use_tokenizer_json(added_tokens=added_tokens_list(1, 10_000)),
        "a token of 30,000 characters",
    ),
    (
        "a long token",
        use_tokenizer_json(model={"vocab": {"a" * 5000: 0}}),
        "a token of 5,000 characters",
    ),
    (
        "doubling",
        use_tokenizer_json(normalizer=doubling_normalizer(40)),
        "tokenizer.json is rejected: reading it, or trying",
    ),
    ("doubling a little", use_tokenizer_json(normalizer=doubling_normalizer(6)), "such as"),
    (
        "a prefix of 1 MB",
        use_tokenizer_json(normalizer={"type": "Prepend", "prepend": "x" * MIB}),
        "such as",
    ),
    ("(a+)+", use_tokenizer_json(pre_tokenizer=regex_pre_tokenizer(r"(a+)+$")), "tokenizer.json"),
    (
        "(x+x+)+y",
        use_tokenizer_json(pre_tokenizer=regex_pre_tokenizer(r"(x+x+)+y")),
        "tokenizer.json",
    ),
    (
        "digits",
        use_tokenizer_json(pre_tokenizer=regex_pre_tokenizer(r"(\d|[0-9]|[7])*:$")),
        "tokenizer.json",
    ),
    (
        "a broken pattern",
        use_tokenizer_json(pre_tokenizer=regex_pre_tokenizer(r"(a")),
        "tokenizer.json cannot be read",
    ),
    ("no model", use_tokenizer_json(model={"type": "Nonsense"}), "tokenizer.json cannot be read"),
    (
        "added of nonsense",
        use_tokenizer_json(added_tokens={"a": 1}),
        "added_tokens should be a list",
    ),
    (
        "many added by name",
        replace_contents("added_tokens.json", {f"<{n}>": PIECES + n for n in range(70_000)}),
        "70,",
    ),
    (
        "far added by name",
        replace_contents("added_tokens.json", {"<x>": 2**24 - 1}),
        "the id '16777215'",
    ),
    (
        "an empty model",
        replace_contents("tokenizer.model", b""),
        "tokenizer.model is not a sentencepiece model",
    ),
    ("zeros", sparse("tokenizer.model", MIB), "tokenizer.model is not a sentencepiece model"),
    *(
        (f"cut at {share}", truncate_model(share), "tokenizer.model is not a sentencepiece model")
        for share in (0.1, 0.5, 0.99)
    ),
    ("cut between records", truncate_after_the_pieces, "or cut off"),
    (
        "a template of 100 MB",
        sparse("chat_template.jinja", 100 * MIB),
        "chat_template.jinja is over 1 MiB",
    ),
    (
        "a template inside",
        replace_contents("tokenizer_config.json", {"chat_template": "x" * 2 * MIB}),
        "is over 1 MiB",
    ),
]

LORAS: list[Case] = [
    (
        "settings",
        lora(replace_by("adapter_config.json", Path.mkdir)),
        "adapter_config.json is a directory",
    ),
    (
        "settings that wait",
        lora(replace_by("adapter_config.json", os.mkfifo)),
        "adapter_config.json is a pipe",
    ),
    (
        "weights that wait",
        lora(replace_by("adapter_model.safetensors", os.mkfifo)),
        "safetensors is a pipe",
    ),
    (
        "endless weights",
        lora(replace_by_link("adapter_model.safetensors", "/dev/zero")),
        "is a device",
    ),
    ("rank", adapter(r=10**9), "says rank 1000000000"),
    ("alpha", adapter(lora_alpha=float("nan")), "lora_alpha is nan"),
    ("an alpha's pattern", adapter(alpha_pattern={"q_proj": float("nan")}), "alpha_pattern"),
    (
        "targets",
        adapter(target_modules=[f"x{n}" for n in range(100_000)]),
        "has 100,000 names; at most 4096",
    ),
    (
        "a slow target",
        adapter(target_modules=r"(.*.*.*.*.*.*.*.*.*.*)+x"),
        "adapter_config.json is rejected",
    ),
    ("a broken rank pattern", adapter(rank_pattern={"a(": 2}), "broken regular expression"),
    ("token ids", adapter(trainable_token_indices=[10**12]), "trainable_token_indices"),
]

ALL = [*FILES, *JSON_FILES, *WEIGHTS, *TOKENIZERS, *LORAS]
