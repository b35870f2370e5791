"""Translates tensor names from Hugging Face's to ggml's."""

from __future__ import annotations

import re

EMBEDDING, HEAD = "token_embd.weight", "output.weight"
#: The factors of the rotary frequencies, for Llama 3.1 and later.
ROPE_FACTORS = "rope_freqs.weight"
_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)")
_OUTSIDE_LAYERS = {
    "model.embed_tokens.weight": EMBEDDING,
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": HEAD,
}
_IN_A_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_BY_GGML_NAME = {ggml: name for name, ggml in _IN_A_LAYER.items()}
_GGML_LAYER = re.compile(r"blk\.(\d+)\.(.+)\.(weight|bias)")


def ggml_name(name: str) -> str:
    """ggml's name of a tensor: blk.3.ffn_up.weight for model.layers.3.mlp.up_proj.weight."""
    if match := _LAYER.fullmatch(name):
        layer, module, kind = match.groups()
        return f"blk.{layer}.{_IN_A_LAYER.get(module, module)}.{kind}"
    return _OUTSIDE_LAYERS.get(name, name)


def huggingface_name(name: str) -> str:
    """The opposite of `ggml_name`; an unknown name gets the prefix of the decoder's tensors, so
    that it counts as one that the model does not have."""
    for ours, ggml in _OUTSIDE_LAYERS.items():
        if name == ggml:
            return ours
    match = _GGML_LAYER.fullmatch(name)
    if match and match[2] in _BY_GGML_NAME:
        return f"model.layers.{match[1]}.{_BY_GGML_NAME[match[2]]}.{match[3]}"
    return f"model.{name}"
