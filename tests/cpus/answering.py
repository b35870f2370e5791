"""A program that loads the embedded model as the server does, and prints the top token after each
of the given tokens, and the CPU features that it sees.

`machines.py` runs it on other CPUs.
"""

from __future__ import annotations

import json
import sys

from app.build import load
from app.checkpoint.check import check_model
from app.checkpoint.hardware.cpu_features import features, kernels
from app.engine.batch import Batch, DecodeRow, OutputKind, PrefillChunk
from app.engine.loaded_model import LoadedModel
from app.model import self_test_process
from app.tokenizer.vocab_size import read_vocab_size
from config import Config

PROMPTS = (
    "西湖在哪里？",
    "List two things a garden needs.",
    "def add(a, b):\n    return",
    "1 2 3 4 5",
)

TopToken = tuple[int, float]  #: a token, and the margin of its logit over the second


def top_tokens(loaded: LoadedModel, prompt: str, forced: list[int], tokens: int) -> list[TopToken]:
    """The top tokens after the prompt and after each of `forced`; if that is empty, greedily."""
    ids = loaded.tokenizer.encode(prompt)
    chunk = loaded.runner.prefill_chunk_tokens
    logits = None
    for start in range(0, len(ids), chunk):
        last = start + chunk >= len(ids)
        want = OutputKind.LOGITS if last else OutputKind.NONE
        logits = loaded.runner.run(
            Batch((), (PrefillChunk(0, start, ids[start : start + chunk], want),))
        )
    result: list[TopToken] = []
    for index in range(tokens):
        assert logits is not None
        top = logits.logits[0].float().topk(2)
        result.append((int(top.indices[0]), float(top.values[0] - top.values[1])))
        token = forced[index] if forced else result[-1][0]
        row = DecodeRow(0, len(ids) + index, token, True)
        logits = loaded.runner.run(Batch((row,), ()))
    loaded.runner.release(0)
    return result


def watched_self_tests() -> list[set[str]]:
    """The features that self-tests of the kernels report from now on."""
    seen: list[set[str]] = []
    parse_report = self_test_process.parse_report

    def keep(output: str) -> str | None:
        seen.append(set(json.loads(output.splitlines()[-1])["features"]))
        return parse_report(output)

    self_test_process.parse_report = keep
    return seen


def main(precision: str, prompts: str, tokens: str, forced: str) -> None:
    """forced: a JSON list of tokens for each prompt."""
    seen = watched_self_tests()
    quantized = {f"LOAD_IN_{bits}BIT": precision == f"{bits}-bit" for bits in (4, 8)}
    config = Config(ONLY_CPU=True, THREADS=1, **quantized)
    loaded = load(config, check_model(config, read_vocab_size))
    lists = json.loads(forced) or [[]] * int(prompts)
    answers = [
        top_tokens(loaded, prompt, tokens_of, int(tokens))
        for prompt, tokens_of in zip(PROMPTS[: int(prompts)], lists, strict=True)
    ]
    torch = sys.modules["torch"]
    report = {
        "features": sorted(features()),
        "self_tests": [sorted(found) for found in seen],
        "kernels": kernels(),
        "torch": torch.backends.cpu.get_cpu_capability(),
        "description": loaded.info.description,
        "batch_invariant": loaded.info.facts.batch_invariant,
        "answers": answers,
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
