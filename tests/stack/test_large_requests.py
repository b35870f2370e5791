"""Concurrent large texts and deeply nested bodies: /health responds in time, and memory is
freed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS
from tests.harness.server import ROOT, Server, free_port, running, wait_ready
from tests.harness.waiting import wait_until
from tests.protocol.test_strict_json import TOO_MANY_VALUES
from tests.stack.load import at_once
from tests.stack.probe import probed

TEXTS_S, BODIES_S = 1.5, 3.0
MORE_BYTES = 100 << 20
SENTENCES = (ROOT / "tests/data/tatoeba_en_zh.tsv").read_text(encoding="utf-8")


def save_tokenizer(folder: Path) -> None:
    """A small byte-level BPE vocabulary, like Qwen's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES.splitlines()[:500], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("reading")
    save_tokenizer(folder)
    port = free_port()
    command = ["env", f"STACK_TOKENIZER={folder}", "WESTLAKE_PROMPT_TEMPLATE=none"]
    command += [sys.executable, "-m", "gunicorn", "--config", "tests/stack/gunicorn_conf.py"]
    command += ["--bind", f"127.0.0.1:{port}", "tests.stack.reading_wsgi:app"]
    with running(command, port, folder / "log") as server:
        wait_ready(server)
        # Warm up: the tokenizer's cache, threads and pages that stay are not growth.
        requests = [request_of(index, ordinary(300_000)) for index in range(6)]
        at_once(16, lambda index: send(server, *requests[index % 6]))
        yield server
        assert "Traceback" not in server.logged()


def send(server: Server, path: str, body: bytes, kind: str = "application/json") -> str:
    """Send a request and read the whole response; return its status."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=300)
    try:
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    finally:
        connection.close()


def form(fields: dict[str, str]) -> tuple[bytes, str]:
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


def request_of(index: int, text: str) -> tuple[str, bytes, str]:
    """One of the six kinds of request that tokenize a text."""
    json_kind = "application/json"
    kinds: list[tuple[str, bytes, str]] = [
        (COMPLETIONS, json.dumps({"prompt": text}).encode(), json_kind),
        (CHAT, json.dumps({"messages": [{"role": "user", "content": text}]}).encode(), json_kind),
        (EMBEDDINGS, json.dumps({"input": ["a", text]}).encode(), json_kind),
        ("/tokenize", json.dumps({"prompt": text}).encode(), json_kind),
        ("/playground/completion", *form({"prompt": text})),
        ("/playground/chat", *form({"message": text})),
    ]
    return kinds[index % len(kinds)]


def together(server: Server, count: int, ask: Callable[[int], str], limit_s: float) -> Counter[str]:
    """Send `count` at once; /health must stay within the limit, and memory must return to what
    it was after the first."""
    before = server.worker.memory_info().rss
    with probed(server.port) as health:
        statuses = at_once(count, ask)
    print(dict(statuses))
    health.within(limit_s)
    assert server.client.get("/ready").status == 200
    wait_until(
        lambda: server.worker.memory_info().rss < before + MORE_BYTES,
        lambda: f"{(server.worker.memory_info().rss - before) >> 20} MiB more than before",
    )
    return statuses


def ordinary(size: int) -> str:
    """English and Chinese sentences, one per line, all different."""
    return (SENTENCES * (size // len(SENTENCES) + 1))[:size]


#: Slow texts for tokenizers and searches: no spaces, or many near matches of special tokens.
TEXTS: dict[str, Callable[[int], str]] = {
    "sentences": ordinary,
    "one word": lambda size: "a" * size,
    # Form encoding takes three bytes per byte, and a body is limited to 8 MiB.
    "Chinese": lambda size: "西湖的水很美" * (min(size, 2_700_000) // 18),
    "nearly spelled": lambda size: "<|im_star<|im_en<|endoftex<|" * (size // 28),
    "spelled": lambda size: "<|im_start|><|im_end|>" * (size // 22),
    "blanks": lambda size: " " * size,
}


def texts_at_once(server: Server, name: str, count: int, size: int) -> None:
    text = TEXTS[name](size)
    requests = [request_of(index, text) for index in range(6)]

    def ask(index: int) -> str:
        return send(server, *requests[index % 6])

    statuses = together(server, count, ask, TEXTS_S)
    assert set(statuses) <= {"200", "400", "503"}


@pytest.mark.parametrize(
    "name", ["sentences", pytest.param("nearly spelled", marks=pytest.mark.figures)]
)
def test_large_texts_at_once(reading: Server, name: str) -> None:
    texts_at_once(reading, name, 16, 300_000)


@pytest.mark.figures
@pytest.mark.parametrize("name", TEXTS)
def test_sixteen_texts_of_three_megabytes(reading: Server, name: str) -> None:
    texts_at_once(reading, name, 16, 3_000_000)


def filled(unit: str) -> bytes:
    """Repeat `unit` to 7.9 MB."""
    return ('{"prompt":[' + ",".join([unit] * (7_900_000 // (len(unit) + 1))) + "]}").encode()


BODIES = {
    "lists": filled("[]"),
    "objects": filled('{"a":{}}'),
    "numbers": filled("0"),
    "strings": filled('"a"'),
    "escapes": ('{"prompt":"' + "\\u00e9" * 1_310_000 + '"}').encode(),
    "surrogates": filled('"\\ud83d\\ude00"'),
    "allowed": TOO_MANY_VALUES["numbers"].replace(b"0,0,0,", b"", 1),
}


def bodies_at_once(server: Server, body: bytes) -> None:
    def ask(index: int) -> str:
        path = (COMPLETIONS, CHAT, EMBEDDINGS, "/tokenize")[index % 4]
        status = send(server, path, body)
        # Escaped letters are valid text for /tokenize.
        taken = path == "/tokenize" and body is BODIES["escapes"] and status == "200"
        return "taken" if taken else status

    assert set(together(server, 8, ask, BODIES_S)) - {"taken"} <= {"400", "503"}


@pytest.mark.parametrize("name", ["lists", "allowed"])
def test_eight_bodies_of_millions(reading: Server, name: str) -> None:
    bodies_at_once(reading, BODIES[name])


@pytest.mark.figures
@pytest.mark.parametrize("name", BODIES)
def test_eight_bodies_of_every_kind(reading: Server, name: str) -> None:
    for _ in range(3):
        bodies_at_once(reading, BODIES[name], BODIES_S)
