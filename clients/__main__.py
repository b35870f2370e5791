"""Runs every client against one server and writes the results into docs/clients.md.

Knows nothing about the clients but their names.

    python -m clients [--model build/smollm2] [langchain lm_eval ...]
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from clients.environments import CLIENTS, DIRECTORY, ROOT, Client, python_of

PAGE = ROOT / "docs" / "clients.md"
PORT = 19427
START_S, CLIENT_S = 180.0, 900.0
_TABLE = re.compile(r"(<!-- results -->\n).*?(<!-- end -->)", re.DOTALL)


@contextmanager
def serving(model: Path) -> Iterator[str]:
    """The address of a server of `model`, while the block runs."""
    command = [sys.executable, "wsgi.py", "--base_model", str(model), "--model_name", "model"]
    command += ["--host", "127.0.0.1", "--port", str(PORT)]
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    log = DIRECTORY / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
    try:
        address = f"http://127.0.0.1:{PORT}"
        _wait(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urlopen(f"{address}/ready", timeout=5):
                return
        except (URLError, TimeoutError):
            time.sleep(0.3)
    sys.exit(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def tried(client: Client, address: str, model: Path) -> dict[str, Any]:
    """What the client's file prints; "failed" with the end of what it said."""
    script = ROOT / "clients" / "tried" / f"{client.name}.py"
    command = [str(python_of(client)), str(script), address, str(model)]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(DIRECTORY), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=CLIENT_S, cwd=DIRECTORY
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        return {"failed": (done.stderr or done.stdout)[-1500:]}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def write(results: dict[str, dict[str, Any]]) -> None:
    """Put the table into the page, and all results beside the environments; clients that were
    not tried this time keep their last."""
    kept = DIRECTORY / "results.json"
    today = date.today().isoformat()
    before = json.loads(kept.read_text()) if kept.is_file() else {}
    results = before | {name: {**found, "date": today} for name, found in results.items()}
    kept.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    rows = ["| client | version | tried | result |", "|---|---|---|---|"]
    for client in CLIENTS:
        if client.name in results:
            found = results[client.name]
            said = "**failed**" if "failed" in found else "; ".join(map(str, found["found"]))
            name = client.requirement.partition("==")[0]
            rows.append(f"| {name} | {client.version} | {found['date']} | {said} |")
    page = PAGE.read_text(encoding="utf-8")
    table = "\n".join(rows) + "\n"
    PAGE.write_text(_TABLE.sub(lambda m: m[1] + table + m[2], page), encoding="utf-8")


def main() -> None:
    """Try those named, or all; ends with 1 if one failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "build" / "smollm2")
    parser.add_argument("names", nargs="*", default=[client.name for client in CLIENTS])
    arguments = parser.parse_args()
    wanted = [client for client in CLIENTS if client.name in arguments.names]
    model = arguments.model.resolve()
    for client in wanted:
        python_of(client)
    with serving(model) as address:
        results = {client.name: tried(client, address, model) for client in wanted}
    for name, found in results.items():
        print(name, json.dumps(found, ensure_ascii=False))
    write(results)
    sys.exit(any("failed" in found for found in results.values()))


if __name__ == "__main__":
    main()
