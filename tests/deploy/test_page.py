"""docs/deploy.md, followed word for word on a copy of this machine (tests/deploy/machine.py)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from tests.harness.server import ROOT
from tests.namespaces import isolated


@isolated
def test_the_page_leads_to_a_running_site() -> None:
    with tempfile.TemporaryDirectory(prefix="westlake-", dir="/var/tmp") as folder:
        namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        done = subprocess.run(
            [*namespaces, "--mount-proc", sys.executable, "-m", "tests.deploy.machine", folder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=240,
        )
    told = done.stdout[-3000:] + done.stderr[-6000:]
    assert done.returncode == 0, told
    seen = json.loads(done.stdout.splitlines()[-1])
    print({name: value for name, value in seen.items() if name != "service"})
    # The page's own last command, and then a longer stream.
    assert "data: [DONE]" in done.stdout
    assert seen["stream"]["whole"] and seen["stream"]["events"] >= 20
    assert seen["stream"]["moments"] >= 10, "it came in a few pieces"
    assert seen["stream"]["first_s"] < 0.5 * seen["stream"]["last_s"], "it came at the end"
    assert seen["plain"] == [301, "https://llm.test/docs", 403]
    assert (seen["without_key"], seen["page"], seen["metrics"]) == (401, 200, 200)
    assert seen["too_large"] == 413
    assert seen["often"]["statuses"] == [200, 429] and seen["often"]["refused"] > 20
    assert seen["often"]["types"] == ["application/json"]
    assert seen["often"]["codes"] == ["rate_limit_exceeded"] and seen["often"]["retry_after"] == [
        "1"
    ]
    assert seen["stopped"] == [503, "shutting_down"]
    service = seen["service"]
    assert not service["root"] and int(service["capabilities"], 16) == 0
    assert service["no_new_privileges"] == "1"
    assert service["socket_mode"] == "0o660" and service["socket_of_www_data"]
    assert service["ended_after_s"] < 10
    assert "ready:" in service["log"] and "Traceback" not in service["log"]
