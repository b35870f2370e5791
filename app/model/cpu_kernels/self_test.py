"""Self-test of the compiled kernels on this machine: small random models against torch.

Importing it compiles the kernels; `app/model/self_test_process.py` does so in a child process
first, because a compiler or a kernel may crash the process.
"""

from __future__ import annotations

import torch
from torch import Tensor

from app.checkpoint.config import ModelConfig, RopeConfig
from app.engine.batch import Batch, DecodeRow, OutputKind, PrefillChunk
from app.model.cpu_kernels.int8_microkernel import GROUP
from app.model.cpu_kernels.packed_int4_weights import Int4PanelLinear
from app.model.cpu_kernels.packed_int8_weights import Int8PanelLinear, RepackedInt8Linear
from app.model.cpu_kernels.packed_weights import PanelLinear
from app.model.cpu_kernels.packers import panel_packer
from app.model.cpu_kernels.quantized_linear import AnyPanelLinear
from app.model.cpu_kernels.thread_pool import NoSharedOpenMPError
from app.model.forward import TorchDecoder
from app.model.kv_cache import SlotCache
from app.model.loading.build_weights import build_weights
from app.model.runner import TorchRunner
from app.model.stored_matrix import StoredMatrix

_FLOATS = (torch.float32, torch.float16)
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


def kernels_match_torch(weight_bits: int | None) -> bool:
    """Whether all kernels of this precision run on two threads and agree with torch."""
    torch.set_num_threads(2)
    with torch.inference_mode():
        return gemm_matches_torch(weight_bits) and layers_match_torch(weight_bits)


def gemm_matches_torch(weight_bits: int | None) -> bool:
    """Whether the GEMM kernels of this precision run and agree with torch."""
    weight, x = _random("weight", 80, 128), _random("x", 17, 128)
    linears: list[AnyPanelLinear] = [PanelLinear(weight.to(kind)) for kind in _FLOATS]
    if weight_bits:
        linears = [Int4PanelLinear(weight)] if weight_bits == 4 else []
        # lm_head has 8 bits beside 4.
        linears += [Int8PanelLinear(weight), RepackedInt8Linear(StoredMatrix([_Int8Rows(weight)]))]
    tolerance = {8: 0.05, 4: 0.4, None: 5e-3}[weight_bits]
    try:
        return all(
            torch.allclose(linear(x), x @ weight.T, atol=tolerance * 11.3) for linear in linears
        )
    except NoSharedOpenMPError:
        return False


class _Int8Rows:
    """A weight as 8-bit integers with float16 scales; implements `stored_matrix.RowReader`."""

    dtype, int8_groups, int4_groups = torch.float32, True, False

    def __init__(self, weight: Tensor) -> None:
        self.shape = (weight.shape[0], weight.shape[1])
        groups = weight.view(weight.shape[0], -1, GROUP)
        self._scales = (groups.abs().amax(-1) / 127).half()
        self._values = (groups / self._scales[..., None]).round().clamp(-127, 127).to(torch.int8)

    def rows(self, rows: slice) -> Tensor:
        """See `RowReader.rows`."""
        return (self._values[rows] * self._scales[rows, :, None].float()).flatten(1)

    def int8_rows(self, rows: slice) -> tuple[Tensor, Tensor]:
        """See `RowReader.int8_rows`."""
        return self._values[rows].flatten(1), self._scales[rows]


def layers_match_torch(weight_bits: int | None) -> bool:
    """Whether the compiled decoder agrees with the torch decoder on the same weights, for a
    prompt and one decoded token."""
    from app.model.cpu_kernels.decoder import CompiledDecoder
    from app.model.cpu_kernels.kv_cache import PanelCache

    packer = panel_packer(weight_bits)
    weights = build_weights(_CONFIG, _tensor, packer, torch.float32)
    cpu = torch.device("cpu")
    slot_cache = SlotCache(_CONFIG, 2, 64, torch.float32, (cpu,) * _CONFIG.layers)
    panel_cache = PanelCache(_CONFIG, 2, 64, torch.float16 if weight_bits else torch.float32)
    runners = [
        TorchRunner(
            weights, panel_cache, CompiledDecoder(weights, panel_cache), _CONFIG.vocab_size
        ),
        TorchRunner(weights, slot_cache, TorchDecoder(weights, slot_cache), _CONFIG.vocab_size),
    ]
    prompt = Batch((), (PrefillChunk(1, 0, tuple(range(3, 35)), OutputKind.LOGITS),))
    for batch in (prompt, Batch((DecodeRow(1, 32, 9, True),), ())):
        compiled, reference = (runner.run(batch).logits for runner in runners)
        # Where values are rounded to 8 bits, a last-bit difference may become a whole step.
        tolerance = (0.35 if weight_bits else 2e-3) * float(reference.abs().max())
        if not torch.allclose(compiled, reference, rtol=0, atol=tolerance):
            return False
    return True


def _tensor(name: str) -> Tensor:
    """A random tensor of the shape that `_CONFIG` gives to this checkpoint name."""
    c = _CONFIG
    width, kv_width = c.heads * c.head_dim, c.kv_heads * c.head_dim
    shapes = {
        "q_proj.weight": (width, c.hidden_size),
        "k_proj.weight": (kv_width, c.hidden_size),
        "v_proj.weight": (kv_width, c.hidden_size),
        "o_proj.weight": (c.hidden_size, width),
        "q_proj.bias": (width,),
        "k_proj.bias": (kv_width,),
        "v_proj.bias": (kv_width,),
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
