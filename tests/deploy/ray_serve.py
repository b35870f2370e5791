"""Starts deploy/ray's application as docs/scaling.md says, with vLLM on this machine's CPU."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml

from tests.harness.server import ROOT, free_port
from tests.harness.waiting import wait_until

BIN = ROOT / "build" / "peers" / "vllm" / "bin"
MODEL = ROOT / "build" / "smollm2"
SERVED = "smollm2"
REPLICA, ENGINE = "ray::ServeReplica", "VLLM::EngineCore"
START_S = 600.0


@dataclass(frozen=True)
class Application:
    """A running application."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def processes(self, title: str = "") -> list[psutil.Process]:
        """Those below `serve run` whose title begins so, the oldest first."""
        everyone = psutil.Process(self.process.pid).children(recursive=True)
        chosen = [each for each in everyone if title_of(each).startswith(title)]
        return sorted(chosen, key=lambda each: each.create_time())

    def pss_mb(self) -> dict[str, int]:
        """Memory in MB, shared pages divided among those that share them: of the replicas with
        all below them, and of the rest of Ray."""
        replicas = {
            each.pid: each
            for replica in self.processes(REPLICA)
            for each in (replica, *replica.children(recursive=True))
        }
        everyone = {each.pid: each for each in self.processes()}
        rest = [each for pid, each in everyone.items() if pid not in replicas]
        return {"replicas": _pss_mb(list(replicas.values())), "ray": _pss_mb(rest)}


def title_of(process: psutil.Process) -> str:
    """A process's title; empty once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _pss_mb(processes: list[psutil.Process]) -> int:
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total >> 20


def environment() -> dict[str, str]:
    """As docs/scaling.md says, and without AMX, which some virtual machines only say they have."""
    given = {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "HF_HUB_OFFLINE": "1",
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'deploy' / 'ray'}:{ROOT / 'benchmarks' / 'without_amx'}",
    }
    return {**os.environ, **given}


@contextmanager
def running_application(folder: Path, replicas: int) -> Iterator[Application]:
    """The application on a free port, with all replicas ready; writes to `folder`."""
    for needed in (BIN / "serve", MODEL / "config.json"):
        if not needed.exists():
            pytest.fail(f'{needed} is missing: make build/smollm2/config.json peers ARGS="vllm"')
    config = yaml.safe_load((ROOT / "deploy" / "ray" / "serve.yaml").read_text())
    config["http_options"]["port"] = port = free_port()
    flags = f"--served-model-name {SERVED} --max-model-len 2048 --dtype float32"
    config["applications"][0]["args"] |= {"model": str(MODEL), "replicas": replicas, "flags": flags}
    (folder / "serve.yaml").write_text(yaml.safe_dump(config))
    command = [str(BIN / "serve"), "run", str(folder / "serve.yaml")]
    log = folder / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=output,
            stderr=output,
        )  # fmt: skip
    application = Application(process, port, log)
    try:
        wait_until(lambda: loaded(application, replicas), log.read_text, START_S, 0.5)
        yield application
    finally:
        everyone = application.processes() if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        for left in psutil.wait_procs(everyone, timeout=30)[1]:
            left.kill()


def loaded(application: Application, replicas: int) -> bool:
    """Whether there are that many replicas, and all have left their start behind."""
    assert application.process.poll() is None, application.log.read_text()
    titles = [title_of(each) for each in application.processes(REPLICA)]
    return len(titles) == replicas and not any("initialize" in title for title in titles)
