"""The tenth turn of a chat: time to its first token, with the earlier turns' cache and without.

Knows nothing about servers or chat templates: turns are token ids, and each prompt is all that
was said before. The engine alone on the random 298 M model. The last line is one JSON document.

    python -m benchmarks.conversation
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

import torch  # noqa: E402

from app.engine.token_ids import TokenIds  # noqa: E402
from benchmarks.engine_load import ask, greedy, random_ids, start  # noqa: E402
from benchmarks.random_model import write_model  # noqa: E402
from benchmarks.report import finish, median  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

TURNS, SAID_TOKENS, ANSWER_TOKENS = 10, 136, 30


def main() -> None:
    """Print a line and one JSON line."""
    parser = argparse.ArgumentParser(description="Time to first token of a chat's tenth turn.")
    parser.add_argument("--model", type=Path, default=Path("build/random-298m-float16"))
    parser.add_argument("--load_in_8bit", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    directory = write_model(arguments.model, torch.float16)
    model = load_without_tokenizer(directory, LOAD_IN_8BIT=arguments.load_in_8bit)
    engine = start(model)
    last_prompts: list[TokenIds] = []
    warm = []
    for number in range(arguments.rounds):
        history: TokenIds = ()
        for turn in range(TURNS):
            prompt = history + random_ids(SAID_TOKENS, (number, turn))
            answer = ask(engine, greedy(prompt, tokens=ANSWER_TOKENS))
            history = (*prompt, *answer.ids)
        last_prompts.append(prompt)
        warm.append(answer.first_token_s)
    engine.drain(0)
    engine = start(replace(model, prefix_reuse=False))
    cold = [ask(engine, greedy(prompt, tokens=1)).first_token_s for prompt in last_prompts]
    engine.drain(0)
    ratio = median(cold) / median(warm)
    history_tokens = len(last_prompts[0]) - SAID_TOKENS
    print(
        f"turn {TURNS} after {history_tokens} tokens of history: first token after "
        f"{median(warm):.3f} s with prefix reuse, {median(cold):.3f} s without: {ratio:.1f} x less"
    )
    finish(
        "conversation",
        {
            "load_in_8bit": arguments.load_in_8bit,
            "rounds": arguments.rounds,
            "history_tokens": history_tokens,
            "with_reuse_s": median(warm),
            "without_s": median(cold),
            "times_less": ratio,
        },
    )


if __name__ == "__main__":
    main()
