"""The batch invariance check at load, with a kernel that fails it."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.harness.client import COMPLETIONS
from tests.harness.server import ROOT, free_port, running, wait_ready
from tests.harness.waiting import wait_until


def test_a_kernel_that_depends_on_the_batch_is_reported(log_file: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
    command += ["--bind", f"127.0.0.1:{port}", "tests.e2e.disturbed_wsgi:app"]
    kernel = "SwiGLU of layer 0"
    with running(command, port, log_file) as server:
        wait_ready(server)  # the ready line is written after that
        wait_until(lambda: "\nready: " in server.logged(), server.logged)
        lines = server.logged().splitlines()
        (warning,) = [line for line in lines if " WARNING " in line]
        assert f"batch_invariant=no: {kernel} gives a row other bits" in warning
        (ready,) = [line for line in lines if line.startswith("ready: ")]
        assert ready.endswith(", batch_invariant=no")
        reply = server.client.get("/ready")
        assert (reply.status, reply.json()) == (
            200,
            {"status": "ready", "batch_invariant": False, "batch_variant_kernel": kernel},
        )
        assert server.client.metrics()["batch_invariant"] == 0
        server.client.post(COMPLETIONS, {"prompt": "你好", "max_tokens": 3}).ok()
