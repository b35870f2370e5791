"""Runs every client against one server and writes the results into docs/clients.md.

Knows nothing about the clients but their names.

    python -m clients [--model build/smollm2] [--through] [langchain lm_eval ...]
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

from clients.agent_environments import AGENT_CLIENTS, AgentClient
from clients.environments import CLIENTS, DIRECTORY, ROOT, Client
from clients.node_environments import NODE_CLIENTS, NodeClient

PAGE = ROOT / "docs" / "clients.md"
#: Not 19428, which Open WebUI has.
PORT, FRONT_PORT = 19427, 19429
START_S, CLIENT_S = 180.0, 900.0
AnyClient = Client | NodeClient | AgentClient
ALL: tuple[AnyClient, ...] = (*CLIENTS, *NODE_CLIENTS, *AGENT_CLIENTS)
_TABLE = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end -->)", re.DOTALL)
_HEAD = ("| client | version | tried | result |", "|---|---|---|---|")


@contextmanager
def serving(model: Path, *, through: bool) -> Iterator[str]:
    """The address of a server of `model`, while the block runs. through: of a second server, in
    front of it."""
    with _started("server", PORT, "--base_model", str(model), "--model_name", "model") as address:
        if not through:
            yield address
            return
        with _started("front", FRONT_PORT, "--upstream", f"{address}/v1") as front:
            yield front


@contextmanager
def _started(name: str, port: int, *flags: str) -> Iterator[str]:
    command = [sys.executable, "wsgi.py", *flags, "--host", "127.0.0.1", "--port", str(port)]
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    log = DIRECTORY / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
    try:
        address = f"http://127.0.0.1:{port}"
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


def tried(command: list[str], address: str, model: Path) -> dict[str, Any]:
    """What the client's script prints; "failed" with the end of what it said."""
    command = [*command, address, str(model)]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(DIRECTORY), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=CLIENT_S, cwd=DIRECTORY
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        return {"failed": (done.stderr or done.stdout)[-1500:]}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def row(client: AnyClient, found: dict[str, Any]) -> str:
    """The client's line in the page's table."""
    said = "**failed**" if "failed" in found else "; ".join(map(str, found["found"]))
    return f"| {named(client)} | {client.version} | {date.today().isoformat()} | {said} |"


def named(client: AnyClient) -> str:
    """Its name in the table."""
    return client.package if isinstance(client, Client) else f"{client.package} (npm)"


def write(results: dict[str, dict[str, Any]]) -> None:
    """Put the results into the page's table; clients that were not tried keep their line."""
    page = PAGE.read_text(encoding="utf-8")
    lines = _TABLE.findall(page)[0].splitlines()
    kept = {line.split(" | ")[0].removeprefix("| "): line for line in lines}
    rows = [
        row(client, results[client.name]) if client.name in results else kept.get(named(client))
        for client in ALL
    ]
    table = "\n".join((*_HEAD, *filter(None, rows))) + "\n"
    PAGE.write_text(_TABLE.sub(lambda _: table, page), encoding="utf-8")


def main() -> None:
    """Try those named, or all; ends with 1 if one failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "build" / "smollm2")
    parser.add_argument(
        "--through",
        action="store_true",
        help="ask a second server, in front of the one with the model (--upstream); print only",
    )
    parser.add_argument("names", nargs="*", default=[client.name for client in ALL])
    arguments = parser.parse_args()
    wanted = [client for client in ALL if client.name in arguments.names]
    model = arguments.model.resolve()
    commands = {client.name: client.command() for client in wanted}
    with serving(model, through=arguments.through) as address:
        results = {name: tried(command, address, model) for name, command in commands.items()}
    for name, found in results.items():
        print(name, json.dumps(found, ensure_ascii=False))
    if not arguments.through:
        write(results)
    sys.exit(any("failed" in found for found in results.values()))


if __name__ == "__main__":
    main()
