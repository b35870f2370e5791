"""What a benchmark found, as one sentence for docs/benchmarks.md.

Knows nothing about how it was measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.report import median

#: How models of `benchmarks.quality` are called.
_MODELS = {
    "smollm2": "SmolLM2-135M-Instruct",
    "jittered": "the same with its weights jittered inside their quantization step",
    "embedded": "the embedded model",
}


def eight_bits(runs: Iterable[dict[str, Any]]) -> str:
    """What stands below every speed in 8 bits: its cost, from the run of `benchmarks.quality`."""
    for run in runs:
        if run["benchmark"] == "quality":
            losses = "; ".join(
                f"{_MODELS[name]}: {_losses(model['precisions'])}"
                for name, model in run["models"].items()
            )
            return (
                "¹ Growth of perplexity in the mean of the texts (and at most), and how often the "
                f"likeliest token is the same as in full precision. {losses}. In the tables: the "
                "jittered model."
            )
    return "¹ What 8 bits cost in quality was not measured in this run."


def _losses(precisions: dict[str, dict[str, Any]]) -> str:
    return ", ".join(
        f"{name} {each['mean_loss']:+.2%} ({each['worst_loss']:+.2%}), {each['top_1']:.3f}"
        for name, each in precisions.items()
    )


_SENTENCES = {
    "limits": (
        "The most that probes reach on this machine: {read:.1f} GB/s read, {float_gemm:.0f} "
        "GFLOP/s in float32, {int8_gemm:.0f} GOP/s in 8 bits."
    ),
    "conversation": (
        "Turn 10 of a chat, {history_tokens:.0f} tokens of history: first token after "
        "{with_reuse_s:.2f} s, {without_s:.2f} s without reuse ({times_less:.1f} × less)."
    ),
    "long_prompt": (
        "A 1,500-token prompt beside 8 streams{bits}: worst gap {worst_gap_in_steps:.2f} usual "
        "steps of {usual_step_s:.3f} s. One row of 1,024 tokens among fifteen of 96: a step takes "
        "{one_long_row_over_alike:.2f} × that of sixteen alike."
    ),
    "fairness": (
        "Two streams of SmolLM2 beside a prompt at position 7,800: a step takes "
        "{slowdown_mean_at_7792:.1f} × as long; 20 tokens behind 6,000 of the same key are "
        "answered after {behind_same_key_at_3008} steps."
    ),
    "depth": (
        "SmolLM2{bits}, KV cache in {kv_cache_dtype}: 256 prompt tokens take {prompt_0:.0f} ms at "
        "position 0 and {prompt_7680:.0f} at 7,680, a decoded token {decode_16:.1f} ms at 16 and "
        "{decode_8000:.1f} at 8,000."
    ),
    "embeddings": (
        "Embeddings of {sentences} sentences, {model}{bits}: {seconds:.2f} s; transformers, one "
        "at a time in float32, {transformers_seconds:.2f} s ({ratio:.2f} ×)."
    ),
    "http_cost": (
        "CPU time a token, {streams} streams of the embedded model: {http_us_per_token:.0f} µs "
        "over HTTP, {engine_us_per_token:.0f} µs the engine alone ({ratio:.2f} ×)."
    ),
    "upstream": (
        "In front of an upstream of 100 streams, 2,000 tokens a second in all: "
        "{throughput_ratio:.1%} of its throughput, first token {first_token_added_ms:.1f} ms "
        "later, 99 % of the gaps at most {gap_p99_ms:.0f} ms ({gap_p99_direct_ms:.0f} without it, "
        "50 being the upstream's own), {cpu_us_per_token:.0f} µs of CPU time a token, "
        "{memory_mib:.0f} MiB."
    ),
    "neighbour": (
        "Beside another busy process: {beside_tokens_per_s:.0f} of {alone_tokens_per_s:.0f} tokens "
        "a second ({kept:.0%} kept)."
    ),
    "start": (
        "The embedded model is ready after {start_s:.1f} s. Peak private memory less the cache "
        "and 1.2 × the weights: {memory}."
    ),
    "seven_billion": ("7 B shape{bits}: {tokens_per_s}{share}, peak {peak:.1f} GB{llama}."),
}


def said(run: dict[str, Any]) -> str | None:
    """A benchmark's JSON document in words; None for those that are drawn or tabled."""
    sentence = _SENTENCES.get(run["benchmark"])
    if sentence is None:
        return None
    words = run | {"bits": _bits(run)}
    if run["benchmark"] == "limits":
        kinds = ("read", "float_gemm", "int8_gemm")
        words |= {kind: max(run[kind].values()) / 1e9 for kind in kinds}
    if run["benchmark"] == "depth":
        for kind in ("prompt", "decode"):
            words |= {f"{kind}_{at}": each for at, each in run[f"{kind}_ms"].items()}
    if run["benchmark"] == "start":
        over = {name: each["over_20_percent_mb"] for name, each in run["memory"].items()}
        words["memory"] = ", ".join(f"{name} {left:.0f} MB" for name, left in over.items())
    if run["benchmark"] == "seven_billion":
        words["peak"] = run["peak_private_bytes"] / 1e9
        words["tokens_per_s"] = _speeds(run["tokens_per_s"])
        peers = [f"; llama-server {kind} {_speeds(each)}" for kind, each in run["llama"].items()]
        words["llama"] = "".join(peers)
        words["share"] = _share(run)
    return sentence.format(**words)


def _bits(run: dict[str, Any]) -> str:
    return next((f" in {n} bits ¹" for n in (4, 8) if run.get(f"load_in_{n}bit")), "")


def _share(run: dict[str, Any]) -> str:
    if "read_shares" not in run:
        return ""
    limit = median([max(each["read"].values()) for each in run["limits"]])
    return f" ({run['read_shares']['1']:.0%} of the {limit / 1e9:.1f} GB/s it can read, at 1)"


def _speeds(by_rows: dict[str, float]) -> str:
    return ", ".join(f"{speed:.1f} tok/s at {rows}" for rows, speed in by_rows.items())
