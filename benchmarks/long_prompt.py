"""What a long prompt does to the answers that run beside it.

Knows nothing about servers; the engine alone on the random 298 M model. First: 8 streams, and a
prompt of 1,500 tokens arrives: the longest wait of any stream while it is computed, in usual
steps. Then: a step of one row with 1,024 tokens of context among fifteen with 96, over one of
sixteen with 96. The last line is one JSON document.

    python -m benchmarks.long_prompt
"""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

import torch  # noqa: E402

from app.engine.async_engine import AsyncEngine  # noqa: E402
from benchmarks.engine_load import Answer, ask, greedy, random_ids, start  # noqa: E402
from benchmarks.random_model import write_model  # noqa: E402
from benchmarks.report import finish, median, quantile  # noqa: E402
from benchmarks.timed_runner import TimedRunner  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

STREAMS, PROMPT_TOKENS, USUAL_STEPS = 8, 1500, 40
LONG, SHORT, ROWS, TOKENS = 1024, 96, 16, 96


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Waits of the streams, in seconds."""

    usual_s: float  #: the median before the prompt came
    worst_s: float  #: of any stream while it was computed
    high_s: float  #: 99 of 100 waits were shorter
    prompt_s: float  #: from its arrival to its first token


def disturb(engine: AsyncEngine, seed: int) -> Disturbance:
    """Run the streams, let the prompt arrive, and look at the streams' waits."""
    requests = [greedy(random_ids(64, (seed, each)), tokens=400) for each in range(STREAMS)]
    answers = [Answer(time.perf_counter()) for _ in requests]
    handles = [engine.generate(request) for request in requests]
    threads = [
        threading.Thread(target=answer.follow, args=(handle,))
        for answer, handle in zip(answers, handles, strict=True)
    ]
    for thread in threads:
        thread.start()
    while min(len(answer.moments) for answer in answers) < USUAL_STEPS:
        time.sleep(0.01)
    came = time.perf_counter()
    long = ask(engine, greedy(random_ids(PROMPT_TOKENS, (seed, "long")), tokens=1))
    assert all(thread.is_alive() for thread in threads), "the streams ended before the prompt"
    for handle in handles:
        handle.cancel()
    for thread in threads:
        thread.join()
    waits = [pair for answer in answers for pair in pairwise(answer.moments)]
    during = [b - a for a, b in waits if b > came and a < long.moments[0]]
    usual = median([b - a for a, b in waits if b <= came])
    return Disturbance(usual, max(during), quantile(during, 0.99), long.first_token_s)


def step_s(engine: AsyncEngine, timed: TimedRunner, lengths: list[int], seed: object) -> float:
    """The median step of rows with contexts of these lengths."""
    prompts = [random_ids(length, (seed, each)) for each, length in enumerate(lengths)]
    for prompt in prompts:  # alone and before: a long one would come when short ones have ended
        if len(prompt) > SHORT:
            ask(engine, greedy(prompt, tokens=1))
    done = len(timed.steps)
    ask(engine, greedy(*prompts, tokens=TOKENS))
    steps = timed.decode_steps(len(lengths), since=done)
    assert len(steps) > 10, "the short rows ended while the long one was computed"
    return median(steps)


def main() -> None:
    """Print two lines and one JSON line."""
    parser = argparse.ArgumentParser(description="Streams beside a long prompt.")
    parser.add_argument("--model", type=Path, default=Path("build/random-298m-float16"))
    parser.add_argument("--load_in_8bit", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    directory = write_model(arguments.model, torch.float16)
    model = load_without_tokenizer(directory, LOAD_IN_8BIT=arguments.load_in_8bit)
    timed = TimedRunner(model.runner)
    engine = start(replace(model, runner=timed))
    rounds = range(arguments.rounds)
    disturbed = [disturb(engine, each) for each in rounds]
    worst = median([each.worst_s / each.usual_s for each in disturbed])
    high = median([each.high_s / each.usual_s for each in disturbed])
    alike = [step_s(engine, timed, [SHORT] * ROWS, ("alike", each)) for each in rounds]
    mixed = [step_s(engine, timed, [LONG] + [SHORT] * (ROWS - 1), each) for each in rounds]
    ratio = median(mixed) / median(alike)
    usual, prompt = (median([getattr(d, k) for d in disturbed]) for k in ("usual_s", "prompt_s"))
    print(
        f"{STREAMS} streams, {usual * 1e3:.0f} ms a step; beside a prompt of {PROMPT_TOKENS}, "
        f"computed in {prompt:.1f} s: longest wait {worst:.1f} steps, 99 % within {high:.1f}"
    )
    print(
        f"a step of one row of {LONG} among {ROWS - 1} of {SHORT}: {median(mixed) * 1e3:.0f} ms, "
        f"of {ROWS} alike {median(alike) * 1e3:.0f} ms: {ratio:.2f} x"
    )
    finish(
        "long_prompt",
        {
            "load_in_8bit": arguments.load_in_8bit,
            "rounds": arguments.rounds,
            "usual_step_s": usual,
            "prompt_s": prompt,
            "worst_gap_in_steps": worst,
            "gap_99_in_steps": high,
            "one_long_row_over_alike": ratio,
        },
    )


if __name__ == "__main__":
    main()
