"""Tries the compiled kernels on this very machine before a model is trusted to them.

Knows nothing about real models: small random matrices, and a layer of them, against torch's own
arithmetic. To import it is to compile what it tries; `app/model/kernel_trial.py` does so first in a
process that may be lost.
"""

from __future__ import annotations

import torch
from torch import Tensor

from app.checkpoint.config import ModelConfig, RopeConfig
from app.engine.batch import Batch, DecodeRow, Tile, Want
from app.model.cpu_kernels.packed_weights import (
    Int8PanelLinear,
    Int8PanelPacker,
    PanelLinear,
    PanelPacker,
)
from app.model.cpu_kernels.thread_pool import NoSharedOpenMPError
from app.model.forward import TorchDecoder
from app.model.kv_cache import SlotCache
from app.model.loading.build_weights import build_weights
from app.model.runner import TorchRunner

_CONFIG = ModelConfig(
    architecture="qwen3",
    vocab_size=64,
    hidden_size=64,
    intermediate_size=96,
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=24,
    norm_eps=1e-6,
    rope=RopeConfig(10_000.0, "default", {}),
    max_positions=64,
    tied_head=False,
    qkv_bias=True,
    o_bias=False,
    mlp_bias=False,
    qk_norm=True,
    windows=(None, 24),
    dtype="float32",
    eos_ids=(),
)


def kernels_match_torch(eight_bit: bool) -> bool:
    """Whether all kernels of this precision run and agree with torch, on a team of two."""
    torch.set_num_threads(2)
    with torch.inference_mode():
        return gemm_matches_torch(eight_bit) and layers_match_torch(eight_bit)


def gemm_matches_torch(eight_bit: bool) -> bool:
    """Whether the products of this precision run and agree with torch."""
    weight, x = _random("weight", 80, 128), _random("x", 17, 128)
    linears = (
        [Int8PanelLinear(weight)]
        if eight_bit
        else [PanelLinear(weight.to(kind)) for kind in (torch.float32, torch.float16)]
    )
    tolerance = 0.05 if eight_bit else 5e-3
    try:
        return all(
            torch.allclose(linear(x), x @ weight.T, atol=tolerance * 11.3) for linear in linears
        )
    except NoSharedOpenMPError:
        return False


def layers_match_torch(eight_bit: bool) -> bool:
    """Whether all kernels together agree with torch's operations, whose layers have the same
    weights, over a prompt and a token after it."""
    from app.model.cpu_kernels.decoder import CompiledDecoder
    from app.model.cpu_kernels.kv_cache import PanelCache

    packer = Int8PanelPacker() if eight_bit else PanelPacker()
    weights = build_weights(_CONFIG, _tensor, packer, torch.float32, lambda done, total: None)
    cpu = torch.device("cpu")
    plain = SlotCache(_CONFIG, 2, 64, torch.float32, (cpu,) * _CONFIG.layers)
    panels = PanelCache(_CONFIG, 2, 64, torch.float16 if eight_bit else torch.float32)
    runners = [
        TorchRunner(weights, panels, CompiledDecoder(weights, panels), _CONFIG.vocab_size),
        TorchRunner(weights, plain, TorchDecoder(weights, plain), _CONFIG.vocab_size),
    ]
    prompt = Batch((), (Tile(1, 0, tuple(range(3, 35)), Want.LOGITS),))
    for batch in (prompt, Batch((DecodeRow(1, 32, 9, True),), ())):
        mine, theirs = (runner.run(batch).logits for runner in runners)
        # Rounding to 8 bits turns a difference in the last bit into one of a whole step.
        tolerance = (0.35 if eight_bit else 2e-3) * float(theirs.abs().max())
        if not torch.allclose(mine, theirs, rtol=0, atol=tolerance):
            return False
    return True


def _tensor(name: str) -> Tensor:
    """The weights of `_CONFIG` by their names."""
    c = _CONFIG
    width, shared = c.heads * c.head_dim, c.kv_heads * c.head_dim
    shapes = {
        "q_proj.weight": (width, c.hidden_size),
        "k_proj.weight": (shared, c.hidden_size),
        "v_proj.weight": (shared, c.hidden_size),
        "o_proj.weight": (c.hidden_size, width),
        "q_proj.bias": (width,),
        "k_proj.bias": (shared,),
        "v_proj.bias": (shared,),
        "q_norm.weight": (c.head_dim,),
        "k_norm.weight": (c.head_dim,),
        "gate_proj.weight": (c.intermediate_size, c.hidden_size),
        "up_proj.weight": (c.intermediate_size, c.hidden_size),
        "down_proj.weight": (c.hidden_size, c.intermediate_size),
        "embed_tokens.weight": (c.vocab_size, c.hidden_size),
        "lm_head.weight": (c.vocab_size, c.hidden_size),
    }
    short = ".".join(name.split(".")[-2:])
    shape = shapes.get(short, (c.hidden_size,))  # the others are norms
    return _random(name, *shape) * (0.12 if len(shape) > 1 else 0.3) + (len(shape) == 1)


def _random(name: str, *shape: int) -> Tensor:
    seed = int.from_bytes(name.encode()[-7:], "big")
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
