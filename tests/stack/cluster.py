"""Replicas of the server behind deploy's nginx-cluster.conf, with the site in front of it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.harness.client import Client
from tests.harness.server import ROOT, Server, free_port, running, wait_ready
from tests.stack.nginx import Proxy, started, write_cluster


@dataclass(frozen=True)
class Cluster:
    """Running replicas with the counting model, behind a running nginx."""

    proxy: Proxy
    replicas: list[Server]

    @property
    def http(self) -> Client:
        """A client of nginx."""
        return Client(self.proxy.port)

    def given_to(self) -> dict[str, list[int]]:
        """By request id: the ports of the replicas that nginx sent the request to, in turn."""
        lines = (self.proxy.folder / "replicas.log").read_text().splitlines()
        words = (line.split(" ", 2) for line in lines)
        return {name: [int(port) for port in re.findall(r":(\d+)", at)] for name, _, at in words}


def kill_all(replica: Server) -> None:
    """As if its container or its machine were gone: the master and its worker at once."""
    worker = replica.worker
    replica.process.kill()
    os.kill(worker.pid, signal.SIGKILL)
    replica.process.wait()
    psutil.wait_procs([worker], timeout=10)
    replica.process.returncode = 0  # expected: killed here


@contextmanager
def running_cluster(count: int, settings: dict[str, object]) -> Iterator[Cluster]:
    """A new cluster. settings: STACK_ and WESTLAKE_ variables of every replica."""
    folder = Path(tempfile.mkdtemp(prefix="westlake-"))
    try:
        with ExitStack() as stack:
            ports = [free_port() for _ in range(count)]
            replicas = []
            for port in ports:
                command = ["env", *(f"{name}={value}" for name, value in settings.items())]
                command += [sys.executable, "-m", "gunicorn"]
                command += ["--config", "tests/stack/gunicorn_conf.py"]
                command += ["--bind", f"127.0.0.1:{port}", "tests.stack.counting_wsgi:app"]
                log = folder / f"{port}.log"
                replicas.append(stack.enter_context(running(command, port, log, ROOT)))
            proxy = stack.enter_context(started(write_cluster(folder, ports)))
            for replica in replicas:
                wait_ready(replica)
            yield Cluster(proxy, replicas)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
