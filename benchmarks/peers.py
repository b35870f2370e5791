"""The servers we are compared with: how each is started, and on which form of the model.

Knows nothing about figures. `benchmarks.peer_install` puts them where this looks for them. All use
every core, and none keeps one free for itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from app.checkpoint.hardware.cpu_features import DISABLE_VARIABLE
from benchmarks import amx
from benchmarks.model_forms import Places, checkpoint, gguf, openvino, w8a8
from benchmarks.servers import Server, westlake

SLOTS = 16


def ours_16bit(places: Places) -> Server:
    """A float16 checkpoint, whose values are kept in 16 bits: the same numbers."""
    return _ours(places, "float16", "16bit")


def ours_float32(places: Places) -> Server:
    """A float32 checkpoint."""
    return _ours(places, "float32", "float32")


def ours_8bit(places: Places) -> Server:
    """--load_in_8bit."""
    return _ours(places, "float16", "8bit", "--load_in_8bit")


def _ours(places: Places, dtype: str, name: str, *flags: str) -> Server:
    environ = {DISABLE_VARIABLE: "avx512f,avxvnni"} if places.avx2 else {}
    return westlake(checkpoint(places, dtype), *flags, name=name, environ=environ)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def vllm(places: Places, model: Path, name: str) -> Server:
    """vLLM on both cores of two: by default it keeps one for itself."""
    command = (
        str(places.peers / "vllm/bin/python"), "-m", "vllm.entrypoints.openai.api_server",
        "--model", str(model), "--dtype", "float32", "--max-model-len", "1024",
        "--served-model-name", "model", "--host", "127.0.0.1", "--port", "{port}",
    )  # fmt: skip
    environ = {
        "VLLM_CPU_OMP_THREADS_BIND": f"0-{_cores() - 1}",
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        "VLLM_CPU_KVCACHE_SPACE": "2",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    if not amx.works():
        environ["PYTHONPATH"] = str(Path(__file__).with_name("without_amx"))
    return Server(name, command, "/health", environ)


def vllm_float32(places: Places) -> Server:
    """vLLM on the checkpoint as it is."""
    return vllm(places, checkpoint(places, "float32"), "vllm-fp32")


def vllm_w8a8(places: Places) -> Server:
    """vLLM on 8-bit weights and activations."""
    return vllm(places, w8a8(places), "vllm-w8a8")


def llama(places: Places, model: Path, name: str, slots: int = SLOTS) -> Server:
    """llama-server."""
    program = places.peers / ("llama-avx2" if places.avx2 else "llama") / "bin/llama-server"
    command = (
        str(program), "-m", str(model), "-t", str(_cores()), "-np", str(slots), "-c",
        str(256 * slots), "--host", "127.0.0.1", "--port", "{port}",
    )  # fmt: skip
    return Server(name, command, "/health")


def llama_float32(places: Places) -> Server:
    """llama-server in float32."""
    return llama(places, gguf(places, "F32"), "llama-f32")


def llama_float16(places: Places) -> Server:
    """llama-server in float16, which is also what it rounds a product's inputs to."""
    return llama(places, gguf(places, "F16"), "llama-f16")


def llama_q8_0(places: Places) -> Server:
    """llama-server in its own 8 bits."""
    return llama(places, gguf(places, "Q8_0"), "llama-q8_0")


def transformers(places: Places, name: str, *flags: str) -> Server:
    """`transformers serve`, float32."""
    model = str(checkpoint(places, "float32"))
    command = (
        str(places.peers / "transformers/bin/transformers"), "serve", model, "--device", "cpu",
        "--dtype", "float32", "--host", "127.0.0.1", "--port", "{port}", *flags,
    )  # fmt: skip
    never_ends = json.dumps({"eos_token_id": None, "do_sample": False, "pad_token_id": 0})
    fields = {"model": model, "ignore_eos": None, "generation_config": never_ends}
    return Server(name, command, "/health", {"HF_HUB_OFFLINE": "1"}, fields)


def transformers_batching(places: Places) -> Server:
    """With continuous batching."""
    return transformers(places, "transformers-batching", "--continuous-batching")


def transformers_default(places: Places) -> Server:
    """As it comes: one request at a time."""
    return transformers(places, "transformers-default")


def openvino_loop(places: Places, kind: str) -> tuple[str, ...]:
    """OpenVINO GenAI, which is no server: a program that loads itself."""
    python = str(places.peers / "openvino/bin/python")
    return (python, "-m", "benchmarks.openvino_loop", str(openvino(places, kind)))


OURS: dict[str, Callable[[Places], Server]] = {
    "16bit": ours_16bit,
    "float32": ours_float32,
    "8bit": ours_8bit,
}
PEERS: dict[str, Callable[[Places], Server]] = {
    "vllm-fp32": vllm_float32,
    "vllm-w8a8": vllm_w8a8,
    "llama-f32": llama_float32,
    "llama-f16": llama_float16,
    "llama-q8_0": llama_q8_0,
    "transformers-batching": transformers_batching,
    "transformers-default": transformers_default,
}
IN_PROCESS: dict[str, Callable[[Places], tuple[str, ...]]] = {
    "openvino-fp32": lambda places: openvino_loop(places, "fp32"),
    "openvino-int8": lambda places: openvino_loop(places, "int8"),
}
