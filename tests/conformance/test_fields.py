"""Every field of both text routes, whole and streamed: what it means for the answer.

Logprobs, echo, stop strings and penalties have files of their own.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.asking import (
    CHAT_STREAM,
    CHAT_WHOLE,
    QUESTION,
    STREAM,
    WAYS,
    WHOLE,
    Asker,
    Way,
)
from tests.harness.model_directory import PIECES

ways = pytest.mark.parametrize("way", WAYS, ids=str)
completions = pytest.mark.parametrize("way", [WHOLE, STREAM], ids=str)
chats = pytest.mark.parametrize("way", [CHAT_WHOLE, CHAT_STREAM], ids=str)
#: Random enough that two seeds differ.
WILD: dict[str, Any] = {"temperature": 2, "top_k": 0, "top_p": 1, "max_tokens": 20}


def greedy(ask: Asker, way: Way, **fields: Any) -> str:
    return ask(way, **{"temperature": 0, "max_tokens": 20, "ignore_eos": True, **fields}).text


@ways
def test_model(ask: Asker, way: Way) -> None:
    answer = ask(way, model="chinese-llama-alpaca", max_tokens=2)
    assert {body["model"] for body in answer.bodies} == {"chinese-llama-alpaca"}


@ways
def test_max_tokens(ask: Asker, way: Way) -> None:
    answer = ask(way, max_tokens=5, ignore_eos=True)
    assert answer.usage is not None and answer.usage["completion_tokens"] == 5
    assert answer.reason == "length"
    assert ask.refusal(way, max_tokens=0)["param"] == "max_tokens"


@chats
def test_max_completion_tokens(ask: Asker, way: Way) -> None:
    answer = ask(way, max_tokens=3, max_completion_tokens=6, ignore_eos=True)
    assert answer.usage is not None and answer.usage["completion_tokens"] == 6


@ways
def test_temperature(ask: Asker, way: Way) -> None:
    assert greedy(ask, way) == greedy(ask, way, seed=1)
    assert ask(way, **WILD, seed=1).text != ask(way, **WILD, seed=2).text


@pytest.mark.parametrize(
    "fields",
    [{"top_p": 0}, {"top_k": 1}, {"min_p": 1}, {"do_sample": False}],
    ids=["top_p", "top_k", "min_p", "do_sample"],
)
@ways
def test_narrowest_is_greedy(ask: Asker, way: Way, fields: dict[str, Any]) -> None:
    assert greedy(ask, way) == greedy(ask, way, temperature=2, seed=3, **fields)


@pytest.mark.parametrize("name", ["top_p", "top_k", "min_p"])
@ways
def test_narrower_takes_likelier_tokens(ask: Asker, way: Way, name: str) -> None:
    narrow = {"top_p": 0.3, "top_k": 2, "min_p": 0.4}[name]
    asked = {"logprobs": True} if way.chat else {"logprobs": 0}

    def mean(**fields: Any) -> float:
        found: list[float] = []
        for seed in range(4, 8):
            answer = ask(way, **{**WILD, "seed": seed, "ignore_eos": True, **asked, **fields})
            logprobs = answer.choices[0].logprobs
            found += logprobs.get("token_logprobs") or [e["logprob"] for e in logprobs["content"]]
        return sum(found) / len(found)

    assert mean(**{name: narrow}) > mean() + 1


@ways
def test_num_beams(ask: Asker, way: Way) -> None:
    answer = ask(way, num_beams=4, n=2, do_sample=False, max_tokens=12)
    assert len(set(answer.texts)) == 2
    alone = ask(way, num_beams=4, do_sample=False, max_tokens=12)
    assert alone.text == answer.texts[0], "the best comes first"
    assert ask.refusal(way, num_beams=2, n=3)["param"] == "n"
    assert ask.refusal(way, num_beams=17)["param"] == "num_beams"


@ways
def test_repetition_penalty(ask: Asker, way: Way) -> None:
    plain = greedy(ask, way, max_tokens=60)
    assert greedy(ask, way, max_tokens=60, repetition_penalty=1.0) == plain
    assert greedy(ask, way, max_tokens=60, repetition_penalty=10) != plain


@ways
def test_n(ask: Asker, way: Way) -> None:
    answer = ask(way, **WILD, n=4, seed=5)
    assert len(set(answer.texts)) == 4
    assert ask(way, **WILD, n=4, seed=5).texts == answer.texts
    assert ask(way, **WILD, n=2, seed=5).texts == answer.texts[:2]
    assert ask.refusal(way, n=9)["param"] == "n"


def test_best_of(ask: Asker) -> None:
    made = ask(WHOLE, **WILD, n=6, seed=6, logprobs=0).choices
    means = {}
    for choice in made:
        values = choice.logprobs["token_logprobs"]
        means[choice.text] = sum(values) / len(values)
    best = ask(WHOLE, **WILD, n=2, best_of=6, seed=6)
    assert best.texts == sorted(means, key=lambda text: -means[text])[:2]
    assert best.usage is not None and best.usage["completion_tokens"] > 6
    assert ask.refusal(STREAM, best_of=2)["param"] == "best_of"
    assert ask.refusal(CHAT_WHOLE, best_of=2)["param"] == "best_of"


@ways
def test_seed(ask: Asker, way: Way) -> None:
    texts = {ask(way, **WILD, seed=seed).text for seed in (-(2**63), -1, 0, 1, 2**63 - 1)}
    assert len(texts) == 5
    assert ask(way, **WILD, seed=7).text == ask(way, **WILD, seed=7).text
    # Long ones: the embedded model knows some short answers by heart, even when it is wild.
    long = {**WILD, "max_tokens": 60, "ignore_eos": True}
    assert len({ask(way, **long).text for _ in range(3)}) == 3, "without one it is fresh"


@ways
def test_user_and_what_changes_nothing(ask: Asker, way: Way) -> None:
    quiet = {"user": "me", "metadata": {"a": "b"}, "store": True, "service_tier": "auto"}
    assert greedy(ask, way, **quiet) == greedy(ask, way)


@ways
def test_null_is_not_given(ask: Asker, way: Way) -> None:
    names = ["max_tokens", "temperature", "top_p", "n", "stop", "seed", "logit_bias", "user"]
    names += ["presence_penalty", "frequency_penalty", "stream_options", "logprobs", "model"]
    body = {**dict.fromkeys(names), "temperature": 0, "max_tokens": 20, "ignore_eos": True}
    assert ask(way, **body).text == greedy(ask, way)


@pytest.mark.parametrize("way", [STREAM, CHAT_STREAM], ids=str)
def test_stream_options(ask: Asker, way: Way) -> None:
    told = ask(way, max_tokens=4, ignore_eos=True)
    assert told.usage is not None and told.usage["completion_tokens"] == 4
    for options in (None, {}, {"include_usage": False}, {"include_usage": None}):
        untold = ask(way, max_tokens=4, stream_options=options)
        assert all("usage" not in body for body in untold.bodies)
    assert ask.refusal(Way(way.path, stream=False), stream_options={})["param"] == "stream_options"


@ways
def test_usage(ask: Asker, way: Way) -> None:
    usage = ask(way, n=3, max_tokens=4, ignore_eos=True).usage
    alone = ask(way, max_tokens=4, ignore_eos=True).usage
    assert usage is not None and alone is not None
    assert usage["prompt_tokens"] == alone["prompt_tokens"], "a prompt counts once"
    assert usage["completion_tokens"] == 3 * alone["completion_tokens"] == 12


@ways
def test_finish_reasons(ask: Asker, way: Way) -> None:
    greedy_fields = {"temperature": 0, "max_tokens": 300}
    ended = ask(way, **greedy_fields)
    assert ended.reason == "stop" and ended.text
    cut = ask(way, **greedy_fields, stop=ended.text[3])
    assert (cut.reason, cut.text) == ("stop", ended.text[: ended.text.index(ended.text[3])])
    on = ask(way, **greedy_fields, ignore_eos=True)
    assert on.reason == "length" and on.text.startswith(ended.text)


@ways
def test_logit_bias(ask: Asker, way: Way) -> None:
    first = ask.client.post("/tokenize", {"prompt": "西", "prompt_template": "none"}).ok()["tokens"]
    always = ask(way, **WILD, logit_bias={str(first[-1]): 100}, seed=8)
    assert set(always.text) == {"西"}
    plain = greedy(ask, way)
    tokens = ask.client.post("/tokenize", {"prompt": plain, "prompt_template": "none"}).ok()
    never = greedy(ask, way, logit_bias={str(token): -100 for token in tokens["tokens"][1:]})
    assert never != plain
    assert ask.refusal(way, logit_bias={f"{PIECES}": 1})["param"] == f"logit_bias.{PIECES}"


@pytest.mark.parametrize("way", [WHOLE, CHAT_WHOLE], ids=str)
def test_logit_bias_never_is_never(ask: Asker, way: Way) -> None:
    """The vocabulary's 300 commonest tokens, at the wildest temperature."""
    banned = {str(token): -100 for token in range(259, 559)}
    asked = {"logprobs": True} if way.chat else {"logprobs": 0}
    counted = {False: 0, True: 0}
    names = _names(ask, range(259, 559))
    for bias in (False, True):
        for seed in range(12):
            extra = {"logit_bias": banned} if bias else {}
            fields = {**WILD, "temperature": 1.5, "max_tokens": 40, "ignore_eos": True}
            found = ask(way, **fields, **asked, **extra, seed=seed).choices[0].logprobs
            tokens = found.get("tokens") or [entry["token"] for entry in found["content"]]
            counted[bias] += sum(token in names for token in tokens)
    assert counted[False] > 10 and counted[True] == 0


def _names(ask: Asker, ids: range) -> set[str]:
    """What logprobs call tokens, each asked for as an echoed prompt."""
    answer = ask(WHOLE, prompt=list(ids), echo=True, logprobs=0, max_tokens=0)
    return set(answer.choices[0].logprobs["tokens"])


@completions
def test_prompt_template(ask: Asker, way: Way) -> None:
    assert greedy(ask, way, prompt_template="alpaca") == greedy(ask, way)
    rendered = ask.client.post("/tokenize", {"prompt": QUESTION}).ok()
    plain = ask(way, prompt=rendered["prompt"], prompt_template="none", temperature=0)
    assert plain.usage is not None and plain.usage["prompt_tokens"] == rendered["count"]


@completions
def test_prompts_of_every_kind(ask: Asker, way: Way) -> None:
    texts = [QUESTION, "你好", "Hello"]
    fields: dict[str, Any] = {"temperature": 0, "max_tokens": 12}
    alone = [ask(way, prompt=text, **fields).text for text in texts]
    assert ask(way, prompt=texts, **fields).texts == alone
    ids = [ask.client.post("/tokenize", {"prompt": text}).ok()["tokens"] for text in texts]
    by_ids = ask(way, prompt=ids, **fields).texts
    assert [text.lstrip() for text in by_ids] == alone
    assert ask(way, prompt=ids[0], **fields).text == by_ids[0]
    assert len(ask(way, prompt=texts, n=2, **fields).choices) == 6


@completions
def test_suffix_is_refused(ask: Asker, way: Way) -> None:
    assert ask.refusal(way, suffix="end")["param"] == "suffix"


@chats
def test_roles(ask: Asker, way: Way) -> None:
    user = {"role": "user", "content": QUESTION}
    system = greedy(ask, way, messages=[{"role": "system", "content": "简短"}, user])
    developer = greedy(ask, way, messages=[{"role": "developer", "content": "简短"}, user])
    assert system == developer
    function = {"role": "function", "content": "a"}
    assert ask.refusal(way, messages=[user, function])["param"] == "messages.1.role"


@chats
def test_content_parts(ask: Asker, way: Way) -> None:
    parts = [{"type": "text", "text": "介绍一下"}, {"type": "text", "text": "西湖"}]
    plain = greedy(ask, way, messages=[{"role": "user", "content": "介绍一下\n西湖"}])
    assert greedy(ask, way, messages=[{"role": "user", "content": parts}]) == plain
    image = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    refused = ask.refusal(way, messages=[{"role": "user", "content": image}])
    assert refused["param"] == "messages.0.content.0.type"


@chats
def test_continue_final_message(ask: Asker, way: Way) -> None:
    begun = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "西湖 "}]
    asked = {"messages": begun, "continue_final_message": True}
    rendered = ask.client.post("/tokenize", asked).ok()["prompt"]
    assert rendered.endswith("### Response: 西湖 ")
    plain = {"temperature": 0, "max_tokens": 20, "ignore_eos": True, "prompt_template": "none"}
    assert greedy(ask, way, **asked) == ask(WHOLE, prompt=rendered, **plain).text
    assert ask.refusal(way, continue_final_message=True)["param"] == "continue_final_message"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("functions", [{"name": "f"}]),
        ("audio", {"voice": "alloy"}),
        ("modalities", ["audio"]),
        ("prediction", {"type": "content", "content": "a"}),
        ("web_search_options", {}),
        ("chat_template", "{{ messages }}"),
    ],
)
@chats
def test_what_is_not_served_is_refused_by_name(
    ask: Asker, way: Way, name: str, value: object
) -> None:
    error = ask.refusal(way, **{name: value})
    assert error["param"] == name and "not supported" in error["message"]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}])
@chats
def test_a_tool_choice_needs_tools(ask: Asker, way: Way, choice: object) -> None:
    error = ask.refusal(way, tool_choice=choice)
    assert error["param"] == "tool_choice" and "needs tools" in error["message"]


@ways
def test_unknown_fields_are_named(ask: Asker, way: Way) -> None:
    body = {
        **way.question,
        "stream": way.stream,
        "max_tokens": 1,
        "zeta": 1,
        "西": 0,
        "a b": {},
        "null": None,
    }
    reply = ask.client.post(way.path, body)
    assert reply.status == 200
    assert reply.headers["x-ignored-parameters"] == "a%20b, zeta, %E8%A5%BF"
    assert reply.headers["x-request-id"]
