"""What an upstream is sent: messages, prompts, defaults, names of fields."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS
from tests.harness.scripted_upstream import MODEL, ScriptedUpstream
from tests.upstream.conftest import Front, Over

QUESTION = {"messages": [{"role": "user", "content": "Hi"}]}
NEUTRAL = {
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "n": 1,
    "min_tokens": 0,
    "ignore_eos": False,
}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def sent(front: Front, upstream: ScriptedUpstream, path: str, **body: object) -> dict[str, Any]:
    """The body that the upstream receives for a request that is answered."""
    reply = front.http.post(path, json=body)
    assert reply.status_code == 200, reply.text
    return upstream.last.body


def test_a_chat_with_our_defaults(front: Front, upstream: ScriptedUpstream) -> None:
    assert sent(front, upstream, CHAT, **QUESTION) == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.7,
        "top_p": 1.0,
        "top_k": 0,
        "max_tokens": 4096,
        **NEUTRAL,
        **STREAMED,
    }


def test_a_classic_chat_as_openais_messages(front: Front, upstream: ScriptedUpstream) -> None:
    turns = [{"role": "user", "message": "Hi"}, {"role": "assistant", "message": "Hello"}]
    body = sent(front, upstream, CHAT, messages=[*turns, {"role": "user", "message": "Well?"}])
    assert [turn["content"] for turn in body["messages"]] == ["Hi", "Hello", "Well?"]
    assert (body["temperature"], body["top_k"], body["max_tokens"]) == (0.7, 40, 128)


def test_an_instruction_in_alpacas_template(front: Front, upstream: ScriptedUpstream) -> None:
    body = sent(front, upstream, COMPLETIONS, prompt="Name a lake")
    assert body == {
        "model": MODEL,
        "prompt": (
            "Below is an instruction that describes a task. Write a response that appropriately "
            "completes the request.\n    \n### Instruction:\nName a lake\n\n### Response: "
        ),
        "add_special_tokens": True,
        "temperature": 0.1,
        "top_p": 0.75,
        "top_k": 40,
        "max_tokens": 128,
        **NEUTRAL,
        **STREAMED,
    }


def test_prompts_as_they_are(front: Front, upstream: ScriptedUpstream) -> None:
    body = sent(front, upstream, COMPLETIONS, prompt="Once", prompt_template="none")
    assert (body["prompt"], body["add_special_tokens"]) == ("Once", True)
    body = sent(front, upstream, COMPLETIONS, prompt=[5, 6, 7])
    assert body["prompt"] == [5, 6, 7] and "add_special_tokens" not in body


def test_given_fields(front: Front, upstream: ScriptedUpstream) -> None:
    fields = {
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 3,
        "min_p": 0.1,
        "repetition_penalty": 1.2,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "seed": 7,
        "stop": ["\n", "END"],
        "stop_token_ids": [5],
        "min_tokens": 2,
        "ignore_eos": True,
        "logit_bias": {"5": -100},
        "max_tokens": 40,
        "prompt_cache_key": "a session",
    }
    body = sent(front, upstream, CHAT, **QUESTION, **fields)
    assert {name: body[name] for name in fields} == fields


def test_what_vllm_calls_otherwise(front: Front, upstream: ScriptedUpstream) -> None:
    thinking = {
        "thinking_budget": 9,
        "enable_thinking": False,
        "reasoning_effort": "low",
        "chat_template_kwargs": {"style": "short"},
    }
    earlier = {"role": "assistant", "content": "Hello", "reasoning_content": "A greeting."}
    turns = [*QUESTION["messages"], earlier, {"role": "developer", "content": "Be kind."}]
    body = sent(front, upstream, CHAT, messages=turns, **thinking)
    assert body["thinking_token_budget"] == 9 and "thinking_budget" not in body
    assert body["chat_template_kwargs"] == {
        "enable_thinking": False,
        "thinking": False,
        "style": "short",
    }
    assert body["reasoning_effort"] == "low"
    assert body["messages"][1]["reasoning"] == "A greeting."
    assert body["messages"][2] == {"role": "system", "content": "Be kind."}


def test_greedy_by_top_p(front: Front, upstream: ScriptedUpstream) -> None:
    body = sent(front, upstream, CHAT, **QUESTION, top_p=0)
    assert (body["temperature"], body["top_p"]) == (0.0, 1.0)
    body = sent(front, upstream, CHAT, **QUESTION, do_sample=False)
    assert body["temperature"] == 0.0


def test_continued_messages(front: Front, upstream: ScriptedUpstream) -> None:
    turns = [*QUESTION["messages"], {"role": "assistant", "content": "Well, "}]
    body = sent(front, upstream, CHAT, messages=turns, continue_final_message=True)
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


@pytest.mark.parametrize(
    "fields, expected",
    [
        (
            {"response_format": {"type": "json_object"}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "answer",
                        "schema": {"type": "object"},
                        "strict": True,
                    },
                }
            },
        ),
        ({"regex": "a+"}, {"structured_outputs": {"regex": "a+"}}),
        (
            {"structured_outputs": {"choice": ["yes", "no"]}},
            {"structured_outputs": {"choice": ["yes", "no"]}},
        ),
        ({"grammar": 'start: "a"'}, {"structured_outputs": {"grammar": 'start: "a"'}}),
    ],
)
def test_structured_outputs(
    front: Front, upstream: ScriptedUpstream, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    body = sent(front, upstream, CHAT, **QUESTION, **fields)
    assert {name: body[name] for name in expected} == expected


def test_headers(front: Front, upstream: ScriptedUpstream) -> None:
    headers = {"Authorization": "Bearer sk-the-clients", "X-Request-Id": "abc-123"}
    assert front.http.post(CHAT, json=QUESTION, headers=headers).status_code == 200
    assert upstream.last.headers["x-request-id"] == "abc-123"
    assert "authorization" not in upstream.last.headers
    assert "sk-the-clients" not in str(upstream.last.headers)


def test_beams_are_asked_for_by_n(front: Front, upstream: ScriptedUpstream) -> None:
    def beams(wire: Any) -> None:
        choices = [
            {"index": index, "text": f"beam {index}", "finish_reason": "stop"} for index in range(8)
        ]
        usage = {"prompt_tokens": 4, "completion_tokens": 16}
        wire.json(200, {"choices": choices, "usage": usage})

    upstream.script = beams
    fields = {"prompt": ["a", "b"], "num_beams": 4, "n": 2}
    reply = front.http.post(COMPLETIONS, json=fields)
    assert [choice["text"] for choice in reply.json["choices"]] == [  # type: ignore[index]
        "beam 0",
        "beam 1",
        "beam 4",
        "beam 5",
    ]
    body = upstream.last.body
    assert (body["use_beam_search"], body["n"], "stream" in body) == (True, 4, False)
    assert "num_beams" not in body


@pytest.mark.parametrize(
    "owner, path, fields, param",
    [
        ("llamacpp", CHAT, {"num_beams": 2}, "num_beams"),
        ("llamacpp", CHAT, {"min_new_tokens": 2}, "min_tokens"),
        ("llamacpp", CHAT, {"structured_outputs": {"regex": "a"}}, "structured_outputs.regex"),
        ("llamacpp", COMPLETIONS, {"echo": True, "logprobs": 1}, "echo"),
        ("openai", COMPLETIONS, {}, "top_k"),
        ("openai", CHAT, {"thinking_token_budget": 5}, "thinking_token_budget"),
        ("somebody", CHAT, {"num_beams": 2}, "num_beams"),
    ],
)
def test_what_an_upstream_lacks_is_refused_by_name(
    upstream: ScriptedUpstream,
    over: Over,
    owner: str,
    path: str,
    fields: dict[str, Any],
    param: str,
) -> None:
    upstream.owned_by, upstream.version = owner, None
    asked = QUESTION if path == CHAT else {"prompt": "a"}
    reply = over().http.post(path, json={**asked, **fields})
    assert reply.status_code == 400
    assert reply.json is not None and reply.json["error"]["param"] == param
    assert upstream.received == []


def test_llama_servers_names(upstream: ScriptedUpstream, over: Over) -> None:
    upstream.owned_by = "llamacpp"
    body = sent(over(), upstream, CHAT, **QUESTION, repetition_penalty=1.3)
    assert (body["repeat_penalty"], body["repeat_last_n"]) == (1.3, 4096)
    assert not {"repetition_penalty", "min_tokens", "num_beams"} & body.keys()


def test_max_tokens_that_does_not_fit(front: Front, upstream: ScriptedUpstream) -> None:
    upstream.tokens = range(96)
    reply = front.http.post(CHAT, json={**QUESTION, "max_tokens": 32_000})
    assert reply.headers["X-Max-Tokens-Cut"] == "4000"
    assert upstream.last.body["max_tokens"] == 4000


def test_an_unknown_server(upstream: ScriptedUpstream, over: Over) -> None:
    """SGLang writes "all tokens" as -1."""
    upstream.owned_by, upstream.version = "sglang", None
    body = sent(over(), upstream, CHAT, **QUESTION)
    assert body["top_k"] == -1 and "num_beams" not in body
    assert 0 < body["max_tokens"] < 4096


def test_an_unknown_context(upstream: ScriptedUpstream, over: Over) -> None:
    upstream.max_model_len = None
    body = sent(over(), upstream, CHAT, **QUESTION)
    assert "max_tokens" not in body
    assert sent(over(), upstream, COMPLETIONS, prompt="a")["max_tokens"] == 128


def test_a_template_of_ours(upstream: ScriptedUpstream, over: Over) -> None:
    body = sent(over(CHAT_TEMPLATE="chatml"), upstream, CHAT, **QUESTION)
    assert upstream.last.path == "/v1/completions"
    assert body["prompt"] == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert body["add_special_tokens"] is False


def test_embeddings(front: Front, upstream: ScriptedUpstream) -> None:
    def vectors(wire: Any) -> None:
        data = [{"index": 1, "embedding": [0.0, 1.0]}, {"index": 0, "embedding": [3.0, 4.0]}]
        wire.json(200, {"data": data, "usage": {"prompt_tokens": 5}})

    upstream.script = vectors
    reply = front.http.post(EMBEDDINGS, json={"input": ["a", "b"], "dimensions": 2})
    assert reply.json is not None
    assert [item["embedding"] for item in reply.json["data"]] == [[3.0, 4.0], [0.0, 1.0]]
    assert reply.json["usage"]["prompt_tokens"] == 5
    assert upstream.last.body["input"] == ["a", "b"]
    reply = front.http.post(EMBEDDINGS, json={"input": ["a", "b"], "dimensions": 3})
    assert reply.status_code == 400
    assert reply.json is not None and reply.json["error"]["param"] == "dimensions"
    assert front.settled() == (2, 2, 0, 0)
