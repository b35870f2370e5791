"""Runs the conformance tests through another server, and writes the figures to docs/upstream.md.

Knows nothing about what differs: tests/conformance/exceptions.py says it, and pytest checks it.
vLLM and llama-server are those of `make peers ARGS="vllm llama"`, with the embedded model.

    python -m benchmarks.conformance vllm|llama|westlake [--url URL] [pytest's arguments ...]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from urllib.request import urlopen

from app.version import VERSION
from benchmarks.gguf_model import write_gguf
from benchmarks.servers import ROOT, Server, started
from config import EMBEDDED_MODEL
from tests.conformance.exceptions import EXCEPTIONS, MOST, UpstreamException
from tests.conformance.serving import WESTLAKE

PAGE, BUILD, PEERS = ROOT / "docs/upstream.md", ROOT / "build", ROOT / "build/peers"
TEMPLATE = ROOT / "app/prompts/templates/alpaca.jinja"
NAME = "chinese-llama-alpaca"


def vllm() -> Server:
    """One sequence at a time, because its numbers depend on what else it computes. White space and
    structural tags of tool calls are left out for the sake of so small a model."""
    command = (
        str(PEERS / "vllm/bin/python"), "-m", "vllm.entrypoints.openai.api_server",
        "--host", "127.0.0.1", "--port", "{port}",
        "--model", str(EMBEDDED_MODEL), "--served-model-name", NAME, "--dtype", "float32",
        "--max-model-len", "1024", "--max-logprobs", "20", "--chat-template", str(TEMPLATE),
        "--max-num-seqs", "1", "--no-enable-prefix-caching", "--enable-tokenizer-info-endpoint",
        "--enable-auto-tool-choice", "--tool-call-parser", "hermes",
        "--structured-outputs-config.backend", "guidance",
        "--structured-outputs-config.disable_any_whitespace", "true",
    )  # fmt: skip
    environ = {
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",  # so small a model waits more for threads than it gains
        "VLLM_CPU_NUM_OF_RESERVED_CPU": "0",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_ENFORCE_STRICT_TOOL_CALLING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    return Server("vllm", command, "/health", environ)


def llama() -> Server:
    """One slot, with a cache and attention in float32."""
    model = write_gguf(Path(EMBEDDED_MODEL), BUILD / "demo-f32.gguf", "F32")
    command = (
        str(PEERS / "llama/bin/llama-server"), "--host", "127.0.0.1", "--port", "{port}",
        "-m", str(model), "--alias", NAME, "-np", "1", "-c", "1024",
        "-t", "1", "-ctk", "f32", "-ctv", "f32", "-fa", "off", "--no-cache-prompt",
        "--jinja", "--chat-template-file", str(TEMPLATE), "--embeddings", "--pooling", "mean",
    )  # fmt: skip
    return Server("llama", command, "/health")


UPSTREAMS: Mapping[str, tuple[str, Callable[[], Server]]] = {
    "vllm": ("vllm", vllm),
    "llama": ("llamacpp", llama),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; the exit code is pytest's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("upstream", choices=(*UPSTREAMS, WESTLAKE))
    parser.add_argument("--url", help="of a running one with the same flags, without its /v1")
    options, more = parser.parse_known_args(arguments)
    report = BUILD / f"conformance-{options.upstream}.xml"
    with _upstream(options.upstream, options.url) as (address, version):
        began = time.monotonic()
        command = [
            sys.executable, "-m", "pytest", "tests/conformance", "-m", "not figures", "-q", "-rfEX",
            "--through", address, "--junitxml", str(report), *more,
        ]  # fmt: skip
        # The tests' torch and the servers share the cores.
        environ = {**os.environ, "OMP_NUM_THREADS": "1"}
        code = subprocess.run(command, cwd=ROOT, env=environ).returncode
    counts = _counts(report)
    seconds = round(time.monotonic() - began)
    print(json.dumps({"upstream": options.upstream, "version": version, "s": seconds, **counts}))
    if not more:
        owner, _ = UPSTREAMS.get(options.upstream, (WESTLAKE, vllm))
        lines = _figures(version, counts) + _table(EXCEPTIONS.get(owner, ()))
        _write(options.upstream, "\n".join(lines))
    return code


@contextmanager
def _upstream(name: str, url: str | None) -> Iterator[tuple[str, str]]:
    """The argument of --through, and the upstream's version."""
    if name == WESTLAKE:
        yield WESTLAKE, f"Westlake {VERSION}"
        return
    if url is not None:
        yield f"{url}/v1", _version(name, url)
        return
    _, build = UPSTREAMS[name]
    BUILD.mkdir(exist_ok=True)
    with started(build(), BUILD / f"conformance-{name}.log") as running:
        running.wait_ready()
        address = f"http://127.0.0.1:{running.port}"
        yield f"{address}/v1", _version(name, address)


def _version(name: str, address: str) -> str:
    path, key = ("version", "version") if name == "vllm" else ("props", "build_info")
    with urlopen(f"{address}/{path}", timeout=30) as answer:
        return f"{'vLLM' if name == 'vllm' else 'llama-server'} {json.load(answer)[key]}"


def _counts(report: Path) -> dict[str, int]:
    """How many tests passed, failed as expected, and failed."""
    counts = Counter(passed=0, exceptions=0, failed=0)
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        outcomes = {child.tag for child in case}
        failed = outcomes & {"failure", "error"}
        counts["failed" if failed else "exceptions" if "skipped" in outcomes else "passed"] += 1
    return dict(counts)


def _figures(version: str, counts: Mapping[str, int]) -> list[str]:
    passed, all_tests = counts["passed"], sum(counts.values())
    failed = f", {counts['failed']} fail" if counts["failed"] else ""
    expected = f", {counts['exceptions']} belong to the exceptions" if counts["exceptions"] else ""
    return [f"{version}: {passed} of {all_tests} tests pass{expected}{failed} ({date.today()})."]


def _table(exceptions: Sequence[UpstreamException]) -> list[str]:
    assert len(exceptions) <= MOST
    if not exceptions:
        return []
    rows = [
        f"| {number}. {each.about} | {each.reason} |" for number, each in enumerate(exceptions, 1)
    ]
    return ["", "| exception | |", "|---|---|", *rows]


def _write(name: str, text: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    place = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- end -->)", re.DOTALL)
    page, found = place.subn(lambda _: f"{text}\n", page)
    assert found == 1, f"docs/upstream.md has no place for {name}"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
