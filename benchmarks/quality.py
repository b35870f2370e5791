"""What 8 and 4 bits cost in quality, beside llama.cpp's on the same token ids.

Knows nothing about speed. Perplexity and top-1 agreement against full precision in the same
engine, teacher-forced: SmolLM2-135M-Instruct, a copy with its weights jittered inside their
quantization step (`benchmarks.jittered_model`), one with its channels permuted
(`benchmarks.permuted_model`), where the 4 bits of its file are of no help, and the embedded model.
llama.cpp's full precision is float32. Results are also kept in build/quality.json, for what is
printed beside a speed. The last line is one JSON document.

    python -m benchmarks.quality
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import engine_scores, llama_scores
from benchmarks.gguf_model import write_gguf
from benchmarks.gguf_quantized import quantized
from benchmarks.jittered_model import write_jittered
from benchmarks.permuted_model import write_permuted
from benchmarks.quality_inputs import Text, embedded_model_texts, real_model_texts
from benchmarks.quality_limits import EMBEDDED_MODEL, REAL_MODEL, exceeded, exceeded_in_4_bits
from benchmarks.quality_results import QUALITY
from benchmarks.report import finish, listed, table
from benchmarks.revision import revision
from benchmarks.token_scores import Comparison, Summary, TokenScores, compare, summary
from config import EMBEDDED_MODEL as EMBEDDED_DIRECTORY

MODELS = ("smollm2", "jittered", "permuted", "embedded")
EIGHT, FOUR = "8bit", "4bit"
#: llama.cpp's precisions by the names that `benchmarks.peers` gives its servers.
LLAMA = {"llama-f16": "F16", "llama-q8_0": "Q8_0"}
LLAMA_4_BITS = {"llama-q4_0": "Q4_0", "llama-q4_1": "Q4_1"}
PROGRAM = "llama-logprobs"
_WRITERS = {"jittered": write_jittered, "permuted": write_permuted}
COLUMNS = ("precision", "text", "tokens", "full", "reduced", "loss", "error", "top-1")

Scores = Mapping[str, TokenScores]


def compare_texts(full: Scores, reduced: Scores) -> dict[str, Comparison]:
    """By the text's name."""
    return {name: compare(full[name], reduced[name]) for name in full}


def ours(
    directory: Path, texts: Sequence[Text], bits: Sequence[int]
) -> dict[str, dict[str, Comparison]]:
    """This engine, by precision and text."""
    full = engine_scores.score(directory, texts, None)
    return {
        f"{each}bit": compare_texts(full, engine_scores.score(directory, texts, each))
        for each in bits
    }


def llama(
    directory: Path, texts: Sequence[Text], programs: Path, kinds: Mapping[str, str]
) -> dict[str, dict[str, Comparison]]:
    """llama.cpp, by precision and text; each beside its own float32. programs: their folder."""

    def scores(kind: str) -> Scores:
        model = directory.with_name(f"{directory.name}-{kind.lower()}.gguf")
        if kind in LLAMA_4_BITS.values():
            source = directory.with_name(f"{directory.name}-f32.gguf")
            quantized(programs / "llama-quantize", source, model, kind)
        else:
            write_gguf(directory, model, kind)
        return llama_scores.score(programs / PROGRAM, model, texts)

    full = scores("F32")
    return {name: compare_texts(full, scores(kind)) for name, kind in kinds.items()}


def measure(name: str, arguments: argparse.Namespace) -> dict[str, dict[str, Comparison]]:
    """One model's precisions, by text. Only the real model is also computed by llama.cpp, where
    that is installed."""
    if name == "embedded":
        directory = Path(EMBEDDED_DIRECTORY)
        return ours(directory, embedded_model_texts(directory), (8, 4))
    directory = arguments.smollm2
    if name in _WRITERS:
        directory = _WRITERS[name](directory, arguments.models_dir / f"smollm2-{name}")
    texts = real_model_texts(directory, arguments.starts)
    found = ours(directory, texts, (8, 4) if name == "permuted" else (8,))
    programs = arguments.peers_dir / "llama/bin"
    if not (programs / PROGRAM).exists():
        print(f"no {programs / PROGRAM}: llama.cpp is left out (make peers)")
        return found
    kinds = LLAMA | LLAMA_4_BITS if name == "permuted" else LLAMA
    return found | llama(directory, texts, programs, kinds)


def rows(precision: str, texts: Mapping[str, Comparison], whole: Summary) -> list[list[object]]:
    """For people: a line for each text, and their mean."""
    shown: list[list[object]] = [
        [precision, name, text.tokens, f"{text.perplexity_full:.3f}", f"{text.perplexity:.3f}",
         f"{text.loss:+.2%}", f"{text.loss_error:.2%}", f"{text.top_1:.3f}"]
        for name, text in texts.items()
    ]  # fmt: skip
    mean = ["", "", "", f"{whole.mean_loss:+.2%}", "", f"{whole.top_1:.3f}"]
    return [*shown, [precision, "mean", *mean]]


def report(name: str, found: Mapping[str, Mapping[str, Comparison]]) -> dict[str, object]:
    """Print a model's table and its verdict; what goes into the JSON document."""
    summaries = {each: summary(list(texts.values())) for each, texts in found.items()}
    lines = [row for each, texts in found.items() for row in rows(each, texts, summaries[each])]
    print(f"\n{name}\n{table(COLUMNS, lines)}")
    limits = EMBEDDED_MODEL if name == "embedded" else REAL_MODEL
    broken = exceeded(limits, summaries[EIGHT], summaries.get("llama-q8_0"))
    if FOUR in summaries:
        peers = {each: summaries[each] for each in LLAMA_4_BITS if each in summaries}
        broken += exceeded_in_4_bits(summaries[FOUR], peers)
    print(
        "\n".join(f"OVER THE LIMIT: {each}" for each in broken) or "within the limits", flush=True
    )
    return {
        "precisions": {
            each: asdict(summaries[each])
            | {"texts": {text: asdict(figures) for text, figures in texts.items()}}
            for each, texts in found.items()
        },
        "exceeded": broken,
    }


def main() -> None:
    """Print tables, verdicts and one JSON line."""
    parser = argparse.ArgumentParser(description="What 8 and 4 bits cost in quality.")
    parser.add_argument("--models", default=",".join(MODELS), help=", ".join(MODELS))
    parser.add_argument("--starts", type=int, default=4, help="times a text is scored: less chance")
    parser.add_argument("--smollm2", type=Path, default=Path("build/smollm2"))
    parser.add_argument("--models_dir", type=Path, default=Path("build"))
    parser.add_argument("--peers_dir", type=Path, default=Path("build/peers"))
    parser.add_argument("--out", type=Path, default=QUALITY)
    arguments = parser.parse_args()
    models = {name: report(name, measure(name, arguments)) for name in listed(arguments.models)}
    document = {"revision": revision(), "starts": arguments.starts, "models": models}
    arguments.out.write_text(json.dumps(document, indent=2) + "\n")
    finish("quality", {"starts": arguments.starts, "models": models})


if __name__ == "__main__":
    main()
