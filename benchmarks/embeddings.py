"""Embeddings of 256 sentences of 10 to 60 tokens: packed by the engine, and one sentence at a
time through transformers.

Knows nothing about servers. Both sides run in this process in turn on the same sentences; theirs
in float32. The last line is one JSON document.

    python -m benchmarks.embeddings [--load_in_8bit] [--embedded]
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

import numpy  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModel  # noqa: E402

from app.engine.async_engine import AsyncEngine  # noqa: E402
from app.engine.events import Embedding  # noqa: E402
from app.engine.request import EmbeddingRequest  # noqa: E402
from app.engine.token_ids import TokenIds  # noqa: E402
from benchmarks.engine_load import SILENCE_S, random_ids, start  # noqa: E402
from benchmarks.random_model import write_model  # noqa: E402
from benchmarks.report import finish, median  # noqa: E402
from config import EMBEDDED_MODEL  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

SENTENCES, SHORTEST, LONGEST, WARM_UP = 256, 10, 60, 32
Vectors = list[numpy.ndarray[tuple[int], numpy.dtype[numpy.float32]]]


def sentences(vocab_size: int) -> list[TokenIds]:
    """The same on every run."""
    draw = random.Random(0)
    lengths = [draw.randint(SHORTEST, LONGEST) for _ in range(SENTENCES)]
    return [random_ids(length, each, vocab_size) for each, length in enumerate(lengths)]


def ours(engine: AsyncEngine, texts: list[TokenIds]) -> Vectors:
    """One request."""
    handle = engine.embed(EmbeddingRequest(tuple(texts)))
    found: dict[int, bytes] = {}
    while not handle.done:
        for event in handle.next_events(SILENCE_S):
            if isinstance(event, Embedding):
                found[event.index] = event.values
    return [numpy.frombuffer(found[each], "<f4") for each in range(len(texts))]


def theirs(model: torch.nn.Module, texts: list[TokenIds]) -> Vectors:
    """The mean of the last hidden states, scaled to length 1."""
    vectors = []
    with torch.inference_mode():
        for text in texts:
            states = model(input_ids=torch.tensor([text]), use_cache=False).last_hidden_state
            vectors.append(torch.nn.functional.normalize(states[0].mean(0), dim=0).numpy())
    return vectors


def main() -> None:
    """Print a line and one JSON line."""
    parser = argparse.ArgumentParser(description="Packed embeddings beside one at a time.")
    parser.add_argument("--model", type=Path, default=Path("build/random-298m-float32"))
    parser.add_argument("--embedded", action="store_true", help="the embedded model instead")
    parser.add_argument("--load_in_8bit", action="store_true", help="our side in 8 bits")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.embedded:
        directory = Path(EMBEDDED_MODEL)
    else:
        directory = write_model(arguments.model, torch.float32)
    model = load_without_tokenizer(directory, LOAD_IN_8BIT=arguments.load_in_8bit)
    engine = start(model)
    reference = AutoModel.from_pretrained(directory, dtype=torch.float32).eval()
    texts = sentences(model.info.vocab_size)
    few = texts[:WARM_UP]
    mine, other = ours(engine, few), theirs(reference, few)
    likeness = min(float(a @ b) for a, b in zip(mine, other, strict=True))
    assert likeness > 0.98, f"not the same vectors: cosine {likeness}"
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(arguments.rounds):
        began = time.perf_counter()
        ours(engine, texts)
        between = time.perf_counter()
        theirs(reference, texts)
        seconds[0].append(between - began)
        seconds[1].append(time.perf_counter() - between)
    ratio = median([b / a for a, b in zip(*seconds, strict=True)])
    print(
        f"{SENTENCES} sentences, {sum(map(len, texts))} tokens: {median(seconds[0]):.2f} s, "
        f"transformers {median(seconds[1]):.2f} s: {ratio:.2f} x; "
        f"least cosine between both {likeness:.5f}"
    )
    finish(
        "embeddings",
        {
            "model": "embedded" if arguments.embedded else "random-298m",
            "load_in_8bit": arguments.load_in_8bit,
            "rounds": arguments.rounds,
            "sentences": SENTENCES,
            "tokens": sum(map(len, texts)),
            "seconds": median(seconds[0]),
            "transformers_seconds": median(seconds[1]),
            "ratio": ratio,
            "least_cosine": likeness,
        },
    )


if __name__ == "__main__":
    main()
