"""Open WebUI, started without a login: its default chat with its built-in tools, through its own
server and ours, and one call of a tool that it executes."""

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

sys.path.insert(0, str(Path(__file__).parents[2]))
from clients.recording import Recorder, recording

PORT = 19428
START_S, ANSWER_S = 480.0, 300.0
#: What its page offers by default: `features` has only `memory` then.
TOOLS = 36
CALLED = "get_current_timestamp"

folder = Path("open_webui_data").resolve()
folder.mkdir(exist_ok=True)


def settings(address: str) -> dict[str, str]:
    """Its environment variables. A chat may call in one round only, because a call is demanded in
    every round."""
    return {
        "DATA_DIR": str(folder),
        "WEBUI_AUTH": "False",
        "WEBUI_SECRET_KEY": "tried",
        "OPENAI_API_BASE_URL": f"{address}/v1",
        "OPENAI_API_KEY": "none",
        "ENABLE_PERSISTENT_CONFIG": "False",
        "ENABLE_OLLAMA_API": "False",
        "OFFLINE_MODE": "True",
        "RAG_EMBEDDING_ENGINE": "openai",
        "CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS": "1",
    }


def ask(path: str, body: dict[str, Any] | None = None, token: str = "") -> bytes:
    """The answer of its server."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"http://127.0.0.1:{PORT}{path}", data, headers)
    with urlopen(request, timeout=ANSWER_S) as answer:
        found: bytes = answer.read()
    return found


def wait_ready(process: subprocess.Popen[bytes]) -> None:
    """Its start takes a minute or more."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            ask("/health")
            return
        except (URLError, OSError):
            time.sleep(1)
    raise AssertionError("it did not start: see open_webui.log")


def turn(**params: Any) -> dict[str, Any]:
    """A request as its page sends it."""
    turns = [{"role": "user", "content": "What is the capital of France?"}]
    features = {"memory": True}
    asked = {
        "model": "model",
        "messages": turns,
        "stream": True,
        "features": features,
        "params": params,
    }
    return {**asked, "stream_options": {"include_usage": True}}


def page_chat(token: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The answer that its server keeps of a chat begun by its page."""
    chat = {"title": "", "models": ["model"], "messages": [], "history": {"messages": {}}}
    kept = json.loads(ask("/api/v1/chats/new", {"chat": chat}, token))["id"]
    ids = {"chat_id": kept, "session_id": "tried", "id": "answer"}
    assert json.loads(ask("/api/chat/completions", {**asked, **ids}, token))["status"]
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        stored = json.loads(ask(f"/api/v1/chats/{kept}", token=token))["chat"]["history"]
        answer: dict[str, Any] = stored["messages"].get("answer", {})
        if answer.get("done"):
            return answer
        time.sleep(0.5)
    raise AssertionError("the page's chat has no answer")


def streamed(token: str) -> None:
    """A chat of its API, without tools."""
    lines = ask("/api/chat/completions", turn(), token).decode().split("\n")
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert not any("error" in chunk for chunk in chunks), chunks[-1]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]
    assert "".join(delta.get("content") or "" for delta in deltas)


def free_to_call(token: str) -> int:
    """A chat of its page, in which the model may call; the prompt's tokens."""
    answer = page_chat(token, turn(max_tokens=100))
    assert not answer.get("error") and answer["output"], answer
    return int(answer["usage"]["prompt_tokens"])


def told_to_call(token: str) -> None:
    """The same with a tool demanded: it executes the call and sends the result. Then the second
    round calls again, because that is demanded too."""
    choice = {"type": "function", "function": {"name": CALLED}}
    answer = page_chat(token, turn(max_tokens=200, custom_params={"tool_choice": choice}))
    first, result, second = answer["output"]
    assert first["name"] == second["name"] == CALLED
    assert "current_timestamp" in result["output"][0]["text"], result
    assert "limit" in answer["error"]["content"], answer["error"]


def tried(recorder: Recorder) -> list[str]:
    """Its list of models, and the chats."""
    token = json.loads(ask("/api/v1/auths/signin", {"email": "", "password": ""}))["token"]
    names = [model["id"] for model in json.loads(ask("/api/models", token=token))["data"]]
    assert "model" in names, names
    streamed(token)
    tokens = free_to_call(token)
    told_to_call(token)
    bodies = recorder.bodies("/v1/chat/completions")
    offered = [len(body.get("tools", ())) for body in bodies]
    assert offered == [0, TOOLS, TOOLS, TOOLS], offered
    assert bodies[-1]["messages"][-1]["role"] == "tool"
    assert {each.status for each in recorder.requests} == {200}
    return [
        "its list of models, a streamed chat",
        f"its page's chat with {TOOLS} tools ({tokens} tokens), free to call",
        "a call that is demanded, run by it, its result sent back",
    ]


with recording(sys.argv[1]) as recorder, Path("open_webui.log").open("wb") as log:
    process = subprocess.Popen(
        (str(Path(sys.executable).parent / "open-webui"), "serve", "--host", "127.0.0.1",
         "--port", str(PORT)),
        env={**os.environ, **settings(recorder.address)}, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        wait_ready(process)
        print(json.dumps({"found": tried(recorder)}))
    finally:
        process.terminate()
        process.wait(60)
