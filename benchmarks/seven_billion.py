"""A 7 B LLaMA of random weights on a plain CPU box: load time, memory, speed, bandwidth.

Knows nothing about servers. 55,296 tokens, as Chinese-LLaMA-2 has. The checkpoint takes 14 GB of
disk and is written once. The last line is one JSON document.

    python -m benchmarks.seven_billion --load_in_8bit
"""

from __future__ import annotations

import argparse
import json
import resource
import threading
import time
from itertools import pairwise
from pathlib import Path

from app.model.threads import bound_spinning

bound_spinning()  # before torch

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from app.engine.types import Delta, GenerationRequest, SamplingParams  # noqa: E402
from benchmarks.loading import load_without_tokenizer  # noqa: E402
from benchmarks.offline import prompts, start  # noqa: E402

HIDDEN, INNER, LAYERS, HEADS, VOCAB = 4096, 11008, 32, 32, 55296
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCAB,
    "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "hidden_act": "silu",
    "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "dtype": "float16",
}  # fmt: skip
MATRICES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (HIDDEN, HIDDEN),
    "self_attn.v_proj": (HIDDEN, HIDDEN), "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}  # fmt: skip


def write_checkpoint(directory: Path) -> None:
    """One file per layer. All layers have the same numbers: speed does not depend on them."""
    if (directory / "model.safetensors.index.json").exists():
        return
    directory.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)

    def matrix(*shape: int) -> torch.Tensor:
        return (torch.randn(shape, generator=generator) * 0.02).half()

    layer = {f"{name}.weight": matrix(*shape) for name, shape in MATRICES.items()}
    for norm in ("input_layernorm", "post_attention_layernorm"):
        layer[f"{norm}.weight"] = torch.ones(HIDDEN).half()
    files = {
        f"model-layer-{number:02}.safetensors": {
            f"model.layers.{number}.{name}": tensor for name, tensor in layer.items()
        }
        for number in range(LAYERS)
    }
    table = matrix(VOCAB, HIDDEN)
    files["model-ends.safetensors"] = {
        "model.embed_tokens.weight": table,
        "lm_head.weight": table.clone(),
        "model.norm.weight": torch.ones(HIDDEN).half(),
    }
    places: dict[str, str] = {}
    for name, tensors in files.items():
        save_file(tensors, directory / name, {"format": "pt"})
        places |= dict.fromkeys(tensors, name)
    (directory / "config.json").write_text(json.dumps(CONFIG))
    index = {"metadata": {}, "weight_map": places}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


def private_bytes() -> int:
    """Memory of this process that no file backs."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no RssAnon in /proc/self/status")


class Peak(threading.Thread):
    """Looks at the private memory twenty times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0

    def run(self) -> None:
        """Until the process ends."""
        while True:
            self.bytes = max(self.bytes, private_bytes())
            time.sleep(0.05)


def main() -> None:
    """Print what was measured and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("build/random-7b"))
    parser.add_argument("--load_in_8bit", action="store_true")
    parser.add_argument("--rows", default="1,4")
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--bandwidth", type=float, default=30.0, help="of this machine, GB/s")
    arguments = parser.parse_args()
    write_checkpoint(arguments.model)
    peak = Peak()
    peak.start()
    began = time.perf_counter()
    model = load_without_tokenizer(arguments.model, LOAD_IN_8BIT=arguments.load_in_8bit)
    load_s = time.perf_counter() - began
    engine = start(model)
    parameters = LAYERS * sum(a * b for a, b in MATRICES.values()) + VOCAB * HIDDEN
    read = parameters * (1 if arguments.load_in_8bit else 2)
    speeds = {}
    for rows in map(int, arguments.rows.split(",")):
        request = GenerationRequest(
            tuple(tuple(prompt[:32]) for prompt in prompts(rows)),
            SamplingParams(temperature=0), max_tokens=arguments.tokens, ignore_eos=True,
        )  # fmt: skip
        ticket = engine.generate(request)
        times = []
        while not ticket.done:
            if any(isinstance(event, Delta) for event in ticket.next_events(120)):
                times.append(time.perf_counter())
        steps = sorted(b - a for a, b in pairwise(times[1:]))
        step_s = steps[len(steps) // 2]
        speeds[rows] = {"tokens_per_s": rows / step_s, "weights_gb_per_s": read / step_s / 1e9}
        print(f"{rows} rows: {rows / step_s:.2f} tok/s, {read / step_s / 1e9:.1f} GB/s of weights")
    share = speeds[1]["weights_gb_per_s"] / arguments.bandwidth
    print(f"load {load_s:.0f} s, peak private memory {peak.bytes / 1e9:.2f} GB, "
          f"{share:.0%} of {arguments.bandwidth} GB/s")  # fmt: skip
    print(json.dumps({
        "benchmark": "seven_billion", "load_in_8bit": arguments.load_in_8bit, "load_s": load_s,
        "peak_private_bytes": peak.bytes, "weight_bytes": read, "speeds": speeds,
        "bandwidth_share": share,
        "max_rss_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
