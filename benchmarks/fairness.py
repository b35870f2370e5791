"""Whether requests share the steps: short prompts behind long ones, keys, running answers.

The engine's core alone, without its thread, on SmolLM2. Counted in steps: how soon a 20-token
prompt is answered behind one of 6,000 tokens beside two streams, and beside another key with 60
waiting prompts; tokens computed for four equal prompts; the share of a chat's tenth turn that is
reused. Timed: a step of two streams while a prompt is computed at some depth, over their usual
step; and tokens a second of two mixes. The last line is one JSON document.

    python -m benchmarks.fairness --model build/smollm2
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

from app.engine.loaded_model import LoadedModel  # noqa: E402
from app.engine.request_handle import RequestHandle  # noqa: E402
from benchmarks.engine_load import random_ids  # noqa: E402
from benchmarks.report import finish, median, quantile, table  # noqa: E402
from benchmarks.stepped_engine import SteppedEngine  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

LONG, SHORT = 6000, 20
COMPUTED = (5696, 3008, 608)  #: tokens of the long prompt when the short one comes
DEPTHS = (7792, 6000, 4000, 2000, 0)
STEPS = 40
WAITING, TURNS = 60, 10
CACHE_MB = 900  #: room for all prompts, on any machine


class Fairness:
    """All measurements on one model."""

    def __init__(self, model: LoadedModel, cpu_time: bool) -> None:
        self._model, self._clock = model, time.thread_time if cpu_time else time.perf_counter
        self._base = random_ids(8100, "long")

    def warm(self) -> SteppedEngine:
        """An engine with a long prompt of key "a" in its cache, so that one with the same
        beginning starts at some depth at once. To be asked for ever shorter ones."""
        engine = SteppedEngine(self._model, self._clock)
        engine.ask(self._base, 1, "a")
        engine.finish()
        return engine

    def _beside_streams(
        self, engine: SteppedEngine, depth: int, length: int
    ) -> tuple[float, list[RequestHandle]]:
        """Two streams, then a prompt of which `depth` tokens are computed. Returns the usual
        step of the streams, and all three requests."""
        handles = [
            engine.ask(random_ids(30, ("stream", depth, each)), 1500, "a") for each in range(2)
        ]
        for handle in handles:
            engine.steps_to_first_token(handle)
        usual_s = median(engine.run(STEPS))
        tail = random_ids(length - depth, ("tail", len(engine.tokens)))
        handles.append(engine.ask(self._base[:depth] + tail, 2, "a"))
        engine.step()
        assert depth <= engine.computed(handles[-1]) < length
        return usual_s, handles

    def steps_behind_long(self, engine: SteppedEngine, computed: int, owner: str) -> int:
        """Steps to the first token of a short prompt; owner: "a" has the long one."""
        _, handles = self._beside_streams(engine, computed, LONG)
        handles.append(engine.ask(random_ids(SHORT, "short"), 5, owner))
        steps = engine.steps_to_first_token(handles[-1])
        engine.cancel(handles)
        return steps

    def slowdowns(self, engine: SteppedEngine, depth: int) -> list[float]:
        """Steps of two streams while a prompt is computed from `depth` on, in usual steps."""
        usual_s, handles = self._beside_streams(engine, depth, 8190)
        steps = engine.run(STEPS)
        assert engine.computed(handles[-1]) < 8190, "the prompt ended before the steps"
        engine.cancel(handles)
        return [each / usual_s for each in steps]

    def steps_beside_waiting(self, waiting: int) -> int:
        """Steps to the first token of a key's prompt while another key has many waiting."""
        engine = SteppedEngine(self._model, self._clock)
        for each in range(waiting):
            engine.ask(random_ids(400, each), 100, "a")
        engine.run(10)
        steps = engine.steps_to_first_token(engine.ask(random_ids(SHORT, "short"), 5, "b"))
        engine.close()
        return steps

    def equal_prompts(self) -> int:
        """Tokens computed for four requests with one prompt of 2,016 tokens."""
        engine = SteppedEngine(self._model)
        for _ in range(4):
            engine.ask(random_ids(2016, "equal"), 1)
        engine.finish()
        computed = engine.computed_tokens
        engine.close()
        return computed

    def reused_by_last_turn(self) -> float:
        """Share of the longest common prefix with the turn before that is found in the cache."""
        engine = SteppedEngine(self._model)
        history = random_ids(60, "system")
        for turn in range(TURNS):
            known = len(history) - 1 if turn else 0
            history += random_ids(30, ("user", turn))
            handle = engine.ask(history, 40)
            engine.finish()
            history += tuple(engine.tokens[handle])
        engine.close()
        return handle.cached_tokens / known

    def tokens_per_s(self, with_long: bool) -> float:
        """Prompt and generated tokens a second until all have ended: 16 requests of 64 + 64, or
        two of 30 + 400 beside one of 6,000 + 5."""
        engine = SteppedEngine(self._model, self._clock)
        requests = [(64, 64)] * 16 if not with_long else [(30, 400)] * 2 + [(LONG, 5)]
        for number, (prompt, tokens) in enumerate(requests):
            engine.ask(random_ids(prompt, ("load", number)), tokens, f"key {number % 2}")
        engine.finish()
        engine.close()
        return sum(map(sum, requests)) / sum(engine.seconds)


def main() -> None:
    """Print the figures and one JSON line."""
    parser = argparse.ArgumentParser(description="Fairness of the scheduler.")
    parser.add_argument("--model", type=Path, default=Path("build/smollm2"))
    parser.add_argument("--load_in_8bit", action="store_true")
    parser.add_argument("--rounds", type=int, default=1, help="of the timed loads")
    parser.add_argument(
        "--cpu_time", action="store_true", help="on one thread, by its CPU time: on a busy machine"
    )
    arguments = parser.parse_args()
    settings = {"LOAD_IN_8BIT": arguments.load_in_8bit, "KV_CACHE_MB": CACHE_MB}
    if arguments.cpu_time:
        settings["THREADS"] = 1
    model = load_without_tokenizer(arguments.model, **settings)
    fairness = Fairness(model, arguments.cpu_time)
    loads = {
        name: median([fairness.tokens_per_s(with_long) for _ in range(arguments.rounds)])
        for name, with_long in (("alike", False), ("with_long_prompt", True))
    }
    later = fairness.steps_beside_waiting(WAITING) - fairness.steps_beside_waiting(0)
    equal, reused = fairness.equal_prompts(), fairness.reused_by_last_turn()
    behind, slowdowns = dict[str, dict[int, int]](a={}, b={}), dict[int, list[float]]()
    engine = fairness.warm()
    for position in sorted((*DEPTHS, *COMPUTED), reverse=True):
        if position in DEPTHS:
            slowdowns[position] = fairness.slowdowns(engine, position)
        else:
            for owner, steps in behind.items():
                steps[position] = fairness.steps_behind_long(engine, position, owner)
    means = {depth: sum(each) / len(each) for depth, each in slowdowns.items()}
    for owner, words in (("a", "the same key"), ("b", "another key")):
        by_position = ", ".join(f"{each}: {steps}" for each, steps in behind[owner].items())
        print(f"{SHORT} tokens behind {LONG} of {words}, steps by tokens computed: {by_position}")
    print(f"{WAITING} waiting prompts of another key: {later} steps later than without")
    print(
        f"four equal prompts of 2,016: {equal} tokens computed; turn {TURNS}: {reused:.1%} reused"
    )
    rows = [
        (depth, means[depth], quantile(each, 0.5), max(each)) for depth, each in slowdowns.items()
    ]
    print(table(("position", "mean", "median", "longest step, in usual steps"), rows))
    print(", ".join(f"{name}: {speed:.1f} tok/s" for name, speed in loads.items()))
    finish(
        "fairness",
        {
            "load_in_8bit": arguments.load_in_8bit,
            "cpu_time": arguments.cpu_time,
            **{f"behind_same_key_at_{at}": steps for at, steps in behind["a"].items()},
            **{f"behind_another_key_at_{at}": steps for at, steps in behind["b"].items()},
            "steps_later_beside_waiting": later,
            "equal_prompts_computed": equal,
            "last_turn_reused": reused,
            **{f"slowdown_mean_at_{at}": mean for at, mean in means.items()},
            **{f"slowdown_longest_at_{at}": max(each) for at, each in slowdowns.items()},
            "tokens_per_s": loads,
        },
    )


if __name__ == "__main__":
    main()
