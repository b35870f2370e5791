"""A model's thinking in answers: `reasoning_content` beside `content`, streamed and whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.request import GenerationRequest
from config import Config
from tests.event_stream import read_events
from tests.fakes import INFO, ScriptedEngine

USER = {"role": "user", "content": "你好"}
ROUTE = "/v1/chat/completions"
#: The rules of Qwen3's template around thinking, and of one that opens it in the prompt.
QWEN3 = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.reasoning_content is string %}"
    "<think>\n{{ m.reasoning_content.strip('\n') }}\n</think>\n\n{% endif %}{{ m.content }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif %}"
)
OPENED = "{{ messages[-1].content }}{% if add_generation_prompt %}<think>\n{% endif %}"
THOUGHT = "<think>\n先想一想 stop\n</think>\n\n答案 stop 完"


def engine_of(answer: str, template: str | None = QWEN3, **settings: Any) -> ScriptedEngine:
    info = replace(INFO, chat_template=template)
    return ScriptedEngine(answer=lambda request, index: answer, info_=info, **settings)


def client_of(engine: ScriptedEngine) -> FlaskClient:
    return create_app(Config(), engine).test_client()


@pytest.fixture(scope="module")
def thinker() -> tuple[ScriptedEngine, FlaskClient]:
    """One for many answers."""
    engine = engine_of(THOUGHT)
    return engine, client_of(engine)


def whole(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    response = client.post(ROUTE, json={"messages": [USER], **fields})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.get_json()
    return body


def streamed(client: FlaskClient, **fields: Any) -> tuple[dict[str, str], list[str], Any]:
    """The joined deltas by key, the keys in their order, and the usage."""
    options = {"stream": True, "stream_options": {"include_usage": True}}
    body = client.post(ROUTE, json={"messages": [USER], **options, **fields}).data
    chunks = read_events(body).chunks
    joined, order = dict[str, str](), list[str]()
    for chunk in chunks[:-1]:
        (choice,) = chunk["choices"]
        for key, piece in choice["delta"].items():
            joined[key] = joined.get(key, "") + piece
            order += [key] if order[-1:] != [key] else []
        joined["finish_reason"] = choice["finish_reason"] or ""
    return joined, order, chunks[-1]["usage"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 200])
@pytest.mark.parametrize(
    ("answer", "fields", "thinking", "content"),
    [
        (THOUGHT, {}, "先想一想 stop", "答案 stop 完"),
        (THOUGHT, {"stop": "stop"}, "先想一想 stop", "答案 "),
        (THOUGHT, {"stop": ["想", "</think>", "\n\n", "stop 完"]}, "先想一想 stop", "答案 "),
        ("答案 <think>x</think>", {}, "", "答案 <think>x</think>"),
        ("<think>\n\n</think>\n\n好", {}, "", "好"),
        ("<think>没有结尾", {}, "没有结尾", ""),
        (" <thi", {}, "", "<thi"),
    ],
)
def test_streamed_is_whole(
    thinker: tuple[ScriptedEngine, FlaskClient],
    size: int,
    answer: str,
    fields: dict[str, Any],
    thinking: str,
    content: str,
) -> None:
    engine, client = thinker
    engine.answer, engine.bytes_per_event = (lambda request, index: answer), size
    body = whole(client, **fields)
    (choice,) = body["choices"]
    expected = {"role": "assistant", "content": content, "refusal": None}
    if thinking:
        expected["reasoning_content"] = thinking
    assert choice["message"] == expected and choice["finish_reason"] == "stop"
    joined, order, usage = streamed(client, **fields)
    assert joined.get("reasoning_content", "") == thinking and joined["content"] == content
    assert usage == body["usage"] and joined["finish_reason"] == "stop"
    if thinking and content:
        assert order == ["role", "content", "reasoning_content", "content"]


@pytest.mark.parametrize("limit", range(1, len(THOUGHT.encode()) + 1))
def test_cut_anywhere(thinker: tuple[ScriptedEngine, FlaskClient], limit: int) -> None:
    engine, client = thinker
    engine.answer, engine.bytes_per_event = (lambda request, index: THOUGHT), 5
    body = whole(client, max_tokens=limit)
    joined, _, usage = streamed(client, max_tokens=limit)
    message = body["choices"][0]["message"]
    assert joined.get("reasoning_content") == message.get("reasoning_content")
    assert joined["content"] == message["content"]
    assert body["choices"][0]["finish_reason"] == joined["finish_reason"] == "length"
    assert usage == body["usage"] and usage["completion_tokens"] == limit
    thinking = "\n先想一想 stop\n".encode()
    counted = min(max(0, limit - len("<think>")), len(thinking))
    after = limit - len("<think>") - len(thinking)
    counted += after if 0 < after < len("</think>") else 0
    assert usage["completion_tokens_details"] == {"reasoning_tokens": counted}


def test_logprobs_are_the_answers() -> None:
    client = client_of(engine_of(THOUGHT))
    for fields in ({}, {"enable_thinking": False}):
        choice = whole(client, logprobs=True, **fields)["choices"][0]
        data = bytes(b for token in choice["logprobs"]["content"] for b in token["bytes"])
        assert data.decode() == choice["message"]["content"]


def test_the_prompt_may_open_or_close_it() -> None:
    engine = engine_of("想\n</think>\n好", OPENED)
    body = whole(client_of(engine))
    message = body["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("想", "好")
    assert body["usage"]["completion_tokens_details"] == {"reasoning_tokens": 4}
    client = client_of(engine_of("</think>好"))
    message = whole(client, enable_thinking=False)["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "</think>好", "refusal": None}


@pytest.mark.parametrize("template", [None, "{{ messages[0].content }}"])
def test_other_models_text_is_left_alone(template: str | None) -> None:
    engine = engine_of(THOUGHT, template)
    body = whole(client_of(engine))
    assert body["choices"][0]["message"]["content"] == THOUGHT
    assert "completion_tokens_details" not in body["usage"]
    (request,) = engine.requests
    assert isinstance(request, GenerationRequest) and request.reasoning is None


def test_classic_turns_have_the_answer_alone() -> None:
    client = client_of(engine_of(THOUGHT))
    classic = {"messages": [{"role": "user", "message": "你好"}]}
    turn = client.post(ROUTE, json=classic).get_json()["choices"][-1]
    assert turn["message"] == {"role": "assistant", "content": "答案 stop 完"}
    text = client.post(ROUTE, json={**classic, "stream": True}).text
    assert "想" not in text.encode().decode("unicode_escape") and "reasoning" not in text


@pytest.mark.parametrize("name", ["thinking_budget", "thinking_token_budget", "reasoning_budget"])
def test_the_budget_reaches_the_engine(client: FlaskClient, name: str) -> None:
    engine = engine_of(THOUGHT)
    whole(client_of(engine), **{name: 7})
    (request,) = engine.requests
    assert isinstance(request, GenerationRequest) and request.reasoning is not None
    assert request.reasoning.budget == 7
    assert engine.decode(request.reasoning.end_ids) == "</think>"
    response = client.post(ROUTE, json={"messages": [USER], name: 7})
    assert response.headers["X-Ignored-Parameters"] == name
    for body in (
        {"messages": [USER], name: -2},
        {"messages": [USER], name: 5, "num_beams": 2},
        {"messages": "a", name: 5},
    ):
        response = client.post(ROUTE, json=body)
        assert response.status_code == 400
        assert response.get_json()["error"]["param"] == name


def test_thinking_in_the_history_reaches_the_template(client: FlaskClient) -> None:
    turn = {"role": "assistant", "content": "好", "reasoning_content": "想 </s>"}
    body = {"messages": [USER, turn, USER]}
    engine = engine_of("")
    response = client_of(engine).post("/tokenize", json=body)
    assert (
        "<|im_start|>assistant\n<think>\n想 </s>\n</think>\n\n好" in response.get_json()["prompt"]
    )
    assert "X-Ignored-Parameters" not in response.headers
    assert 2 not in response.get_json()["tokens"]
    ignored = client.post("/tokenize", json=body).headers["X-Ignored-Parameters"]
    assert ignored == "messages.1.reasoning_content"
    for bad in (1, ["a"], "\ue0ff"):
        turns = [USER, {**turn, "reasoning_content": bad}, USER]
        response = client_of(engine).post(ROUTE, json={"messages": turns})
        assert response.status_code == 400
        assert response.get_json()["error"]["param"] == "messages.1.reasoning_content"


@pytest.mark.parametrize(
    ("text", "answer", "thinking", "content"),
    [
        ("<think>先", "想</think>好", "想", "好"),
        ("<think>先</think>", "<think>好", "", "<think>好"),
        ("好", " <think>的", "", " <think>的"),
    ],
)
def test_a_text_that_is_continued(text: str, answer: str, thinking: str, content: str) -> None:
    turns = [USER, {"role": "assistant", "content": text}]
    client = client_of(engine_of(answer))
    message = whole(client, messages=turns, continue_final_message=True)["choices"][0]["message"]
    assert (message.get("reasoning_content", ""), message["content"]) == (thinking, content)


TOOLS = [{"type": "function", "function": {"name": "now"}}]
CALL = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'


@pytest.mark.parametrize("size", [1, 5, 300])
def test_calls_are_looked_for_after_it(size: int) -> None:
    answer = f"<think>\n不用 {CALL}？\n</think>\n\n好。\n{CALL}"
    engine = engine_of(answer, QWEN3 + "{# <tool_call> #}", bytes_per_event=size)
    client = client_of(engine)
    (choice,) = whole(client, tools=TOOLS)["choices"]
    message = choice["message"]
    assert choice["finish_reason"] == "tool_calls"
    assert (message["reasoning_content"], message["content"]) == (f"不用 {CALL}？", "好。")
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["now"]
    body = {"messages": [USER], "tools": TOOLS, "stream": True}
    chunks = read_events(client.post(ROUTE, json=body).data).chunks
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    for key in ("reasoning_content", "content"):
        assert "".join(delta.get(key) or "" for delta in deltas) == message[key]
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls", [])]
    assert pieces[0]["function"]["name"] == "now" and {p["index"] for p in pieces} == {0}
