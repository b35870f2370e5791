"""Scores texts with llama.cpp, teacher-forced, on the same token ids as ours.

Knows nothing about our engine. `benchmarks.peer_install` compiles the program that it runs.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.quality_inputs import Text
from benchmarks.token_scores import TokenScores


def score(program: Path, model: Path, texts: Sequence[Text]) -> dict[str, TokenScores]:
    """Each text's scores by its name.

    program: llama-logprobs, see llama_logprobs.cpp; model: a GGUF file.

    Raises:
        subprocess.CalledProcessError: llama.cpp failed.
    """
    sequences = [sequence for text in texts for sequence in text.sequences]
    lines = "".join(" ".join(map(str, sequence.ids)) + "\n" for sequence in sequences)
    command = [str(program), str(model), str(len(os.sched_getaffinity(0)))]
    done = subprocess.run(
        command, input=lines, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        check=True,
    )  # fmt: skip
    return read_scores(done.stdout, texts)


def read_scores(printed: str, texts: Sequence[Text]) -> dict[str, TokenScores]:
    """What the program printed, by text.

    Raises:
        ValueError: it printed more or fewer lines than there are tokens to score.
    """
    lines = iter(printed.splitlines())
    scored = {}
    for text in texts:
        found: list[tuple[float, int]] = []
        for sequence in text.sequences:
            rows = [next(lines, "").split() for _ in sequence.ids[1:]]
            if not all(rows):
                raise ValueError("llama.cpp scored fewer tokens than it was given")
            found += [(float(a), int(b)) for a, b in rows[sequence.first_scored - 1 :]]
        scored[text.name] = TokenScores(tuple(a for a, _ in found), tuple(b for _, b in found))
    if next(lines, None) is not None:
        raise ValueError("llama.cpp scored more tokens than it was given")
    return scored
