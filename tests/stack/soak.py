"""Soak test: `python -m tests.stack.soak --minutes 30 --plot docs/soak.png`.

Of all requests, 20 % are cancelled, 5 % are invalid and 5 % are read slowly. At the end, memory,
threads and file descriptors must be as after the warm-up.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import linear_regression, median

import psutil

from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS, Client
from tests.harness.waiting import wait_until
from tests.stack.conftest import COUNTING, EMBEDDED, Stack, running_stack
from tests.stack.load import job, perform

CLIENTS = 24
GIVEN_UP, WRONG, SLOW = 0.20, 0.05, 0.05
#: Allowed growth of memory after the warm-up: the larger of the two.
GROWTH, GROWTH_MIB = 0.05, 32.0


@dataclass(frozen=True)
class Sample:
    """The server's resources at one time."""

    minute: float
    rss_mib: float
    threads: int
    descriptors: int
    in_flight: int
    answered: int


def sample(stack: Stack, began: float) -> Sample:
    """Now."""
    worker, now = stack.server.worker, stack.http.metrics()
    ended = sum(now[f"requests_{end}_total"] for end in ("completed", "failed", "cancelled"))
    return Sample(
        (time.monotonic() - began) / 60,
        worker.memory_info().rss / 2**20,
        worker.num_threads(),
        worker.num_fds(),
        int(now["requests_accepted_total"] - ended),
        int(ended),
    )


def one(http: Client, index: int, asked: Asked) -> str:
    """Send a random request; return the outcome."""
    rng = random.Random(index)
    body: dict[str, object]
    if rng.random() < WRONG:
        body = rng.choice([{"prompt": 5}, {"prompt": [5], "n": 99}, {"prompt": [5], "seed": "x"}])
        assert http.post(COMPLETIONS, body).status == 400
        return "wrong"
    path, body = asked.request(http, index)
    if rng.random() < GIVEN_UP:
        with http.open(path, {**body, "max_tokens": 900} if "max_tokens" in body else body):
            time.sleep(rng.random() * 0.5)
        return "given up"
    if rng.random() < SLOW:
        with http.open(path, {**body, "stream": True} if "max_tokens" in body else body) as opened:
            assert opened.response.status == 200
            while opened.response.read(200):
                time.sleep(0.02)
        return "slow"
    return asked.perform(http, index)


class Counting:
    """Requests for the counting model, whose responses are known."""

    def request(self, http: Client, index: int) -> tuple[str, dict[str, object]]:
        """Path and body."""
        work = job(index, http)
        return work.path, dict(work.body)

    def perform(self, http: Client, index: int) -> str:
        """Return "right" if every byte of the response is correct."""
        return perform(http, job(index, http))


class Embedded:
    """Requests for the embedded model, which must respond equally to equal requests."""

    KINDS = 200

    def __init__(self) -> None:
        self._answers: dict[int, str] = {}

    def request(self, http: Client, index: int) -> tuple[str, dict[str, object]]:
        """Path and body; one of KINDS different ones."""
        rng = random.Random(index % self.KINDS)
        text = f"给我讲第{rng.randrange(1000)}个故事" * rng.randint(1, 6)
        body: dict[str, object] = {"max_tokens": rng.randint(5, 60), "seed": 7, "ignore_eos": True}
        kind, body["stream"] = rng.randrange(10), rng.random() < 0.5
        if kind == 0:
            return EMBEDDINGS, {"input": [text, text]}
        if kind <= 3:
            return CHAT, {"messages": [{"role": "user", "content": text}], **body}
        return COMPLETIONS, {"prompt": text, **body}

    def perform(self, http: Client, index: int) -> str:
        """Return "right" if the response equals the first one."""
        path, body = self.request(http, index)
        if body.get("stream"):
            text = http.stream(path, body).text()
        else:
            answer = http.post(path, body).ok()
            text = repr(answer.get("choices") or answer["data"])
        assert self._answers.setdefault(index % self.KINDS, text) == text
        return "right"


Asked = Counting | Embedded


def soak(stack: Stack, minutes: float, asked: Asked) -> tuple[list[Sample], Counter[str]]:
    """Run the load. Returns samples taken during it, and a last one after it has ended."""
    http, began = stack.http, time.monotonic()
    end, results, samples = began + 60 * minutes, Counter[str](), []
    indices, lock, stop = iter(range(10**9)), threading.Lock(), threading.Event()

    def client() -> None:
        while time.monotonic() < end and not stop.is_set():
            with lock:
                index = next(indices)
            outcome = one(http, index, asked)
            with lock:
                results[outcome] += 1

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client) for _ in range(CLIENTS)]
        try:
            while time.monotonic() < end:
                time.sleep(min(5.0, minutes * 6))
                samples.append(sample(stack, began))
                for each in clients:
                    if each.done():
                        each.result()  # raises if a client has failed
        finally:
            stop.set()
    wait_until(lambda: http.in_flight() == 0, lambda: str(http.metrics()), limit_s=20)
    stack.settled()
    samples.append(sample(stack, began))
    return samples, results


def check(samples: list[Sample], worker: psutil.Process) -> dict[str, float]:
    """Summarize; fail if a resource has grown."""
    warm = samples[len(samples) // 3 : len(samples) // 2]
    late = samples[-max(2, len(samples) // 6) :]
    before, after = median(s.rss_mib for s in warm), median(s.rss_mib for s in late)
    assert worker.is_running(), "the worker was replaced"
    assert after - before <= max(GROWTH * before, GROWTH_MIB), f"{before:.0f} -> {after:.0f} MiB"
    assert samples[-1].in_flight == 0
    most = max(s.threads for s in warm)
    assert samples[-1].threads <= most + 8
    assert samples[-1].descriptors <= max(s.descriptors for s in warm) + 8
    half = samples[len(samples) // 2 : -1]
    slope = linear_regression([s.minute for s in half], [s.rss_mib for s in half]).slope
    return {
        "requests": samples[-1].answered,
        "rss_slope_mib_per_hour": round(60 * slope, 1),
        "rss_warm_mib": round(before, 1),
        "rss_end_mib": round(after, 1),
        "threads_warm": most,
        "threads_end": samples[-1].threads,
        "descriptors_warm": max(s.descriptors for s in warm),
        "descriptors_end": samples[-1].descriptors,
    }


def plot(samples: list[Sample], path: Path) -> None:
    """Four curves over the minutes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(4, 1, figsize=(8, 8), sharex=True, layout="constrained")
    minutes = [each.minute for each in samples]
    for axis, name, label in zip(
        axes,
        ("rss_mib", "threads", "descriptors", "in_flight"),
        ("memory, MiB", "threads", "descriptors", "requests in flight"),
        strict=True,
    ):
        axis.plot(minutes, [getattr(each, name) for each in samples], linewidth=1)
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("minutes")
    axes[0].set_title(f"{samples[-1].answered:,} requests: 20 % given up, 5 % wrong, 5 % slow")
    figure.savefig(path, dpi=110)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--model", choices=["counting", "embedded"], default="embedded")
    parser.add_argument("--plot", type=Path, help="where the curves go")
    parser.add_argument("--samples", type=Path, help="where to write the samples, as JSON")
    given = parser.parse_args()
    counts = given.model == "counting"
    with running_stack(COUNTING if counts else EMBEDDED) as stack:
        worker = stack.server.worker
        asked: Asked = Counting() if counts else Embedded()
        samples, results = soak(stack, given.minutes, asked)
        if given.samples:
            given.samples.write_text(json.dumps([asdict(each) for each in samples]))
        if given.plot:
            plot(samples, given.plot)
        print(dict(results))
        print(check(samples, worker))
        assert "Traceback" not in stack.server.logged()


if __name__ == "__main__":
    main()
