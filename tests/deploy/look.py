"""What a client sees of the site that the page's commands made, as one line of JSON.

Knows nothing about how it was made. Called with the site's name and a key.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NAME, KEY = sys.argv[1:]
TRUST = ssl.create_default_context(cafile=f"/etc/letsencrypt/live/{NAME}/fullchain.pem")
JSON = {"Content-Type": "application/json"}
ALLOWED = {"Authorization": f"Bearer {KEY}"}


def ask(method: str, path: str, body: object = None, headers: dict[str, str] | None = None,
        secure: bool = True) -> tuple[int, dict[str, str], str]:  # fmt: skip
    """One request on a connection of its own: status, headers, body."""
    connection: http.client.HTTPConnection = http.client.HTTPConnection(NAME, timeout=60)
    if secure:
        connection = http.client.HTTPSConnection(NAME, timeout=60, context=TRUST)
    data = None if body is None else json.dumps(body)
    connection.request(method, path, data, headers or {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


def stream() -> dict[str, float]:
    """When the events of a long answer came."""
    connection = http.client.HTTPSConnection(NAME, timeout=60, context=TRUST)
    body = {"prompt": "写一个故事", "stream": True, "max_tokens": 950, "ignore_eos": True}
    began = time.monotonic()
    connection.request("POST", "/v1/completions", json.dumps(body), {**JSON, **ALLOWED})
    answer, times, last = connection.getresponse(), [], b""
    while line := answer.readline():
        if line.startswith(b"data: "):
            times.append(time.monotonic() - began)
            last = line
    connection.close()
    return {
        "events": len(times),
        "first_s": times[0],
        "last_s": times[-1],
        "moments": len({round(at, 2) for at in times}),
        "whole": last == b"data: [DONE]\n",
    }


def refusals() -> dict[str, object]:
    """What an address hears that asks too often."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ask("GET", "/v1/models", None, ALLOWED), range(120)))
    refused = [answer for answer in answers if answer[0] == 429]
    return {
        "statuses": sorted({answer[0] for answer in answers}),
        "refused": len(refused),
        "types": sorted({answer[1]["content-type"] for answer in refused}),
        "codes": sorted({json.loads(answer[2])["error"]["code"] for answer in refused}),
        "retry_after": sorted({answer[1]["retry-after"] for answer in refused}),
    }


def service() -> dict[str, object]:
    """Whose process it is, who reaches its socket, and how it ends."""
    pid = int(Path("/run/westlake.pid").read_text())
    facts = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    socket = Path("/run/westlake/http.sock").stat()
    os.kill(pid, signal.SIGTERM)
    began = time.monotonic()
    while Path(f"/proc/{pid}/status").exists() and time.monotonic() - began < 20:
        if "zombie" in Path(f"/proc/{pid}/status").read_text():
            break
        time.sleep(0.05)
    return {
        "root": facts["Uid"].split()[0] == "0",
        "capabilities": facts["CapEff"],
        "no_new_privileges": facts["NoNewPrivs"],
        "socket_mode": oct(stat.S_IMODE(socket.st_mode)),
        "socket_of_www_data": socket.st_gid == Path("/run/westlake").stat().st_gid,
        "ended_after_s": time.monotonic() - began,
        "log": Path("/var/log/westlake").read_text()[-2000:],
    }


def main() -> None:
    """Everything, one after the other; asking too often comes last."""
    until = time.monotonic() + 5
    # A reload is asked for, not waited for: an old worker of nginx may answer for a moment.
    while ask("GET", "/docs", secure=False)[0] != 301 and time.monotonic() < until:
        time.sleep(0.2)
    plain = [ask(*words, secure=False) for words in (("GET", "/docs"), ("POST", "/v1/completions"))]
    seen = {
        "stream": stream(),
        "plain": [plain[0][0], plain[0][1]["location"], plain[1][0]],
        "without_key": ask("GET", "/v1/models")[0],
        "page": ask("GET", "/")[0],
        "metrics": ask("GET", "/metrics")[0],
        "too_large": ask("POST", "/v1/completions", "a" * (9 << 20), {**JSON, **ALLOWED})[0],
    }
    seen["often"] = refusals()
    seen["service"] = service()
    restarting = ask("GET", "/ready")
    seen["stopped"] = [restarting[0], json.loads(restarting[2])["error"]["code"]]
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main()
