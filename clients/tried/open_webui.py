"""Open WebUI, started without a login: its default chat, through its own server and ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

PORT = 19428
START_S, ANSWER_S = 480.0, 120.0

address = sys.argv[1]
folder = Path("open_webui_data").resolve()
folder.mkdir(exist_ok=True)
settings = {
    "DATA_DIR": str(folder),
    "WEBUI_AUTH": "False",
    "WEBUI_SECRET_KEY": "tried",
    "OPENAI_API_BASE_URL": f"{address}/v1",
    "OPENAI_API_KEY": "none",
    "ENABLE_OLLAMA_API": "False",
    "OFFLINE_MODE": "True",
    "RAG_EMBEDDING_ENGINE": "openai",
}


def ask(path: str, body: dict[str, Any] | None = None, token: str = "") -> bytes:
    """The answer of its server."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"http://127.0.0.1:{PORT}{path}", data, headers)
    with urlopen(request, timeout=ANSWER_S) as answer:
        found: bytes = answer.read()
    return found


def wait_ready() -> None:
    """Its start takes a minute or more."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            ask("/health")
            return
        except (URLError, OSError):
            time.sleep(1)
    raise AssertionError("it did not start: see open_webui.log")


def tried() -> list[str]:
    """Its list of models, a chat as it comes out of its server, and one kept in its database."""
    token = json.loads(ask("/api/v1/auths/signin", {"email": "", "password": ""}))["token"]
    names = [model["id"] for model in json.loads(ask("/api/models", token=token))["data"]]
    assert "model" in names, names
    turns = [{"role": "user", "content": "What is the capital of France?"}]
    asked = {"model": "model", "messages": turns, "stream": True, "features": {}, "params": {}}
    asked["stream_options"] = {"include_usage": True}
    lines = ask("/api/chat/completions", asked, token).decode().split("\n")
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert not any("error" in chunk for chunk in chunks), chunks[-1]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]
    text = "".join(delta.get("content") or "" for delta in deltas)
    assert text
    chat = {"title": "", "models": ["model"], "messages": [], "history": {"messages": {}}}
    kept = json.loads(ask("/api/v1/chats/new", {"chat": chat}, token))["id"]
    ids = {"chat_id": kept, "session_id": "tried", "id": "answer"}
    assert json.loads(ask("/api/chat/completions", {**asked, **ids}, token))["status"]
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        stored = json.loads(ask(f"/api/v1/chats/{kept}", token=token))["chat"]["history"]
        answer = stored["messages"].get("answer", {})
        assert not answer.get("error"), answer
        if answer.get("content"):
            return ["its list of models, a streamed chat, and a chat of its page"]
        time.sleep(0.5)
    raise AssertionError("the page's chat has no answer")


with Path("open_webui.log").open("wb") as log:
    process = subprocess.Popen(
        (str(Path(sys.executable).parent / "open-webui"), "serve", "--host", "127.0.0.1",
         "--port", str(PORT)),
        env={**os.environ, **settings}, stdout=log, stderr=log,
    )  # fmt: skip
try:
    wait_ready()
    print(json.dumps({"found": tried()}))
finally:
    process.terminate()
    process.wait(60)
