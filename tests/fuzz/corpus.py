"""Named requests that have broken servers like this one, and what ours must answer to each.

Knows nothing about how they are sent. The numbers are the threats of docs/threats.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.middleware.conftest import ALICE

ROOT = Path(__file__).resolve().parents[2]
_MODEL = json.loads((ROOT / "models/demo/config.json").read_text())
VOCAB: int = _MODEL["vocab_size"]
CONTEXT: int = _MODEL["max_position_embeddings"]
COMPLETIONS, CHAT, EMBEDDINGS = "/v1/completions", "/v1/chat/completions", "/v1/embeddings"
USER = {"role": "user", "content": "a"}
_RIGHT: dict[str, dict[str, Any]] = {
    COMPLETIONS: {"prompt": "a", "max_tokens": 2},
    CHAT: {"messages": [USER], "max_tokens": 2},
    EMBEDDINGS: {"input": "a"},
}


@dataclass(frozen=True)
class Case:
    """One request and its answer."""

    threat: int
    name: str
    path: str
    body: bytes
    status: int
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    server: str = "plain"  #: or "keyed", or "named"

    @property
    def id(self) -> str:
        """As pytest shows it."""
        return f"{self.threat:02d}-{self.name}"[:80]


def _fields(
    threat: int, path: str, param: str | None, *bodies: dict[str, Any], status: int = 400
) -> Iterator[Case]:
    """A right request with some fields changed."""
    for fields in bodies:
        told = json.dumps(fields)
        name = f"{path.rsplit('/', 1)[-1]} {told if len(told) < 60 else told[:57] + '...'}"
        body = json.dumps({**_RIGHT[path], **fields}).encode()
        yield Case(threat, name, path, body, status, None if status == 200 else param)


def _raw(threat: int, name: str, body: bytes, param: str | None = None, **rest: Any) -> Case:
    return Case(
        threat, name, rest.pop("path", COMPLETIONS), body, rest.pop("status", 400), param, **rest
    )


def _sizes() -> Iterator[Case]:
    blank = b'{"prompt":"a"}' + b" " * (9 << 20)
    yield _raw(1, "9 MiB", blank, status=413)
    yield _raw(1, "9 MiB of brackets", b"[" * (9 << 20), status=413)
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, identity", "identity, gzip", "x"):
        headers = {"Content-Encoding": coding}
        yield _raw(1, f"Content-Encoding {coding}", b"\x1f\x8b\x08", status=415, headers=headers)
    yield _raw(1, "a gzip bomb that does not say so", b"\x1f\x8b\x08" + b"\0" * 1000)


def _depths() -> Iterator[Case]:
    for depth, status in ((62, 200), (63, 200), (64, 400), (1_000, 400), (100_000, 400)):
        body = b'{"prompt":"a","max_tokens":1,"x":' + b"[" * depth + b"]" * depth + b"}"
        yield _raw(2, f"lists {depth + 1} deep", body, status=status)
        body = b'{"prompt":"a","max_tokens":1,"x":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
        yield _raw(2, f"objects {depth + 1} deep", body, status=status)
    for name in ("prompt", "stop", "logit_bias", "user", "stream_options", "metadata"):
        yield _raw(2, f"{name} 5000 deep", b'{"%s":' % name.encode() + b"[" * 5_000)
    yield _raw(2, "brackets without an end", b"[" * 100_000)
    yield _raw(2, "objects without an end", b'{"a":' * 5_000)


def _numbers() -> Iterator[Case]:
    wrong = ("NaN", "Infinity", "-Infinity", "1e400", "-1e999", "1" + "0" * 30, "9" * 5_000)
    for name in ("temperature", "top_p", "max_tokens", "top_k", "seed", "n", "logprobs"):
        for value in wrong:
            body = b'{"prompt":"a","%s":%s}' % (name.encode(), value.encode())
            yield _raw(3, f"{name} {value[:12]}", body, name)
    for value in ('"1"', "true", "[]", "{}", "1.5"):
        body = b'{"prompt":"a","max_tokens":%s}' % value.encode()
        yield _raw(3, f"max_tokens {value}", body, "max_tokens")
    for value in ("-0.0", "5e-324", "0", "null"):
        body = b'{"prompt":"a","max_tokens":1,"temperature":%s}' % value.encode()
        yield _raw(3, f"temperature {value}", body, status=200)


def _bodies() -> Iterator[Case]:
    for body in (
        b"",
        b" ",
        b"42",
        b'"x"',
        b"null",
        b"[]",
        b"true",
        b"{",
        b"{}{}",
        b"\x00",
        b"{'a':1}",
    ):
        yield _raw(4, f"body {body!r}", body)
    text = '{"prompt":"你好"}'
    for coding in ("utf-16", "utf-16-le", "utf-32", "gbk", "utf-8-sig"):
        yield _raw(4, f"body in {coding}", text.encode(coding))
    yield _raw(4, "a key twice", b'{"prompt":"a","prompt":"b"}', "prompt")
    yield _raw(4, "a key twice inside", b'{"prompt":"a","x":{"y":1,"y":2}}', "x.y")
    yield _raw(4, "a key twice by escape", b'{"prompt":"a","\\u0070rompt":"b"}', "prompt")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        headers = {"Content-Type": kind}
        yield _raw(4, f"type {kind!r}", b'{"prompt":"a"}', status=415, headers=headers)


def _texts() -> Iterator[Case]:
    for half in ("\\ud800", "\\udfff", "a\\udc00b", "\\udc00\\ud800"):
        for name in ("prompt", "stop", "user", "model"):
            body = b'{"prompt":"a","%s":"%s"}' % (name.encode(), half.encode())
            if name == "prompt":
                body = b'{"prompt":"%s"}' % half.encode()
            yield _raw(5, f"{name} {half}", body, name)
    for odd in ("a\x00b", "\u202ea", "\uffff", "\U0010ffff", "\x1b[2J"):
        yield from _fields(5, COMPLETIONS, None, {"prompt": odd}, {"user": odd}, status=200)
        yield from _fields(
            5, CHAT, None, {"messages": [{"role": "user", "content": odd}]}, status=200
        )
    bad = b'{"messages":[{"role":"user","content":"\\ud800"}],"stream":true}'
    yield _raw(5, "a half character in a stream's message", bad, "messages.0.content", path=CHAT)


def _empty() -> Iterator[Case]:
    yield from _fields(6, COMPLETIONS, "prompt", {"prompt": ""}, {"prompt": []}, {"prompt": None})
    yield from _fields(6, COMPLETIONS, "prompt.0", {"prompt": [""]}, {"prompt": [[]]})
    yield from _fields(6, CHAT, "messages", {"messages": []}, {"messages": ""})
    empty = {"messages": [{"role": "user", "content": ""}]}
    yield from _fields(6, CHAT, None, empty, status=200)
    yield from _fields(6, EMBEDDINGS, "input", {"input": ""}, {"input": []})
    yield from _fields(6, EMBEDDINGS, "input.0", {"input": [""]}, {"input": [[]]})
    for blank in (" ", "\n", "\u200b", "\u3000"):  # tokens all the same
        yield from _fields(6, COMPLETIONS, None, {"prompt": blank}, status=200)
        yield from _fields(6, EMBEDDINGS, None, {"input": blank}, status=200)


def _fan_out() -> Iterator[Case]:
    for count in (0, -1, 9, 2**31, 2**63 - 1):
        yield from _fields(7, COMPLETIONS, "n", {"n": count})
        yield from _fields(7, CHAT, "n", {"n": count})
    yield from _fields(7, COMPLETIONS, "best_of", {"best_of": 21}, {"best_of": 2**40})
    yield from _fields(7, COMPLETIONS, "prompt", {"prompt": ["a"] * 129})
    yield from _fields(7, COMPLETIONS, "n", {"prompt": ["a"] * 65, "n": 2})
    yield from _fields(7, EMBEDDINGS, "input", {"input": ["a"] * 2_049})
    yield from _fields(7, EMBEDDINGS, "input", {"input": [[5] * 1_000] * 301})
    yield from _fields(7, COMPLETIONS, None, {"n": 8, "max_tokens": 1}, status=200)


def _sampling() -> Iterator[Case]:
    borders = {
        "temperature": ((-5e-324, 2.0000000000000004, -1, 999999), (0, 2)),
        "top_p": ((-5e-324, 1.0000000000000002, -1), (0, 1)),
        "min_p": ((-5e-324, 1.0000000000000002), (0, 1)),
        "top_k": ((-2, -(2**63)), (0, 2**63 - 1)),
        "repetition_penalty": ((0, -1, 10.000000000000002), (5e-324, 10)),
        "presence_penalty": ((-2.0000000000000004, 2.0000000000000004), (-2, 2)),
        "frequency_penalty": ((-2.0000000000000004, 2.0000000000000004), (-2, 2)),
        "num_beams": ((0, 17, -1), (1, 4)),
        "logprobs": ((-1, 6), (0, 5)),
        "seed": ((2**63, -(2**63) - 1), (2**63 - 1, -(2**63))),
    }
    for name, (outside, inside) in borders.items():
        yield from _fields(8, COMPLETIONS, name, *({name: value} for value in outside))
        yield from _fields(8, COMPLETIONS, name, *({name: value} for value in inside), status=200)
    yield from _fields(
        8, COMPLETIONS, "temperature", {"temperature": 999999, "top_p": -1, "repetition_penalty": 0}
    )
    yield from _fields(8, CHAT, "top_logprobs", {"logprobs": True, "top_logprobs": 21})


def _bias() -> Iterator[Case]:
    for key in (str(VOCAB), "-1", "AI", "1e3", "05", "9" * 30, "", "0x1", "１"):
        yield from _fields(9, COMPLETIONS, f"logit_bias.{key}", {"logit_bias": {key: 1}})
    for value in (100.00000000000001, -101, "1", True, None, []):
        yield from _fields(9, COMPLETIONS, "logit_bias.5", {"logit_bias": {"5": value}})
    many = {str(token): -100 for token in range(3, 304)}
    yield from _fields(9, COMPLETIONS, "logit_bias", {"logit_bias": many}, {"logit_bias": [5]})
    most = {str(token): -100 for token in range(3, 303)}
    last = {str(VOCAB - 1): 100}
    yield from _fields(9, COMPLETIONS, None, {"logit_bias": most}, {"logit_bias": last}, status=200)


def _ids() -> Iterator[Case]:
    for token in (VOCAB, 999_999, -1, True, 1.5, None, 2**63 - 1):
        yield from _fields(10, COMPLETIONS, "prompt.1", {"prompt": [5, token]})
        yield from _fields(10, EMBEDDINGS, "input.0.1", {"input": [[5, token], [5]]})
    yield from _fields(10, COMPLETIONS, "prompt.1", {"prompt": [5, "a"]}, {"prompt": ["a", 5]})
    yield from _fields(10, COMPLETIONS, None, {"prompt": [VOCAB - 1, 0]}, status=200)
    body = json.dumps({"tokens": [VOCAB]}).encode()
    yield _raw(10, "detokenize an id too far", body, "tokens.0", path="/detokenize")


def _stops() -> Iterator[Case]:
    yield from _fields(11, COMPLETIONS, "stop", {"stop": 5}, {"stop": list("abcde")})
    yield from _fields(11, COMPLETIONS, None, {"stop": ""}, {"stop": []}, status=200)
    yield from _fields(11, COMPLETIONS, "stop", {"stop": "x" * 257}, {"stop": ["a"] * 500_000})
    yield from _fields(11, COMPLETIONS, "stop.0", {"stop": ["x" * 10_240]}, {"stop": [1]})
    for pattern in ("(a+)+$", ".*", "\\", "[", "x" * 256):  # texts, not patterns
        yield from _fields(11, COMPLETIONS, None, {"stop": pattern}, status=200)


def _contexts() -> Iterator[Case]:
    ids = [5] * (CONTEXT - 10)
    cut = ({"prompt": ids, "max_tokens": 11}, {"max_tokens": 2**63 - 1}, {"max_tokens": CONTEXT})
    yield from _fields(12, COMPLETIONS, None, *cut, {"max_tokens": -1}, status=200)
    yield from _fields(12, COMPLETIONS, "max_tokens", {"max_tokens": 0}, {"max_tokens": -2})
    yield from _fields(
        12, COMPLETIONS, "prompt", {"prompt": [5] * CONTEXT}, {"prompt": [5] * (CONTEXT + 1)}
    )
    yield from _fields(
        12, COMPLETIONS, "prompt", {"prompt": "a" * (1 << 20)}, {"prompt": " " * (1 << 20)}
    )
    yield from _fields(12, CHAT, "messages", {"messages": "你" * (1 << 18)})
    yield from _fields(12, EMBEDDINGS, "input", {"input": [5] * (CONTEXT + 1)})
    yield from _fields(12, COMPLETIONS, None, {"prompt": [5] * (CONTEXT - 2)}, status=200)
    yield from _fields(12, COMPLETIONS, None, {"max_tokens": 0, "echo": True}, status=200)


def _refused() -> Iterator[Case]:
    both = {
        "tool_choice": "required",
        "functions": [{"name": "f"}],
        "function_call": {"name": "f"},
        "grammar": "root ::= [a",
        "regex": "(?=a)",
        "guided_json": {"type": "no-such-type"},
        "guided_regex": "(a",
        "guided_choice": [],
        "guided_grammar": "g",
        "structured_outputs": {},
        "prompt_embeds": "AAAA",
        "chat_template": "{% for a in range(10**9) %}x{% endfor %}",
        "bad_words": ["a"],
        "stop_token_ids": {"5": 1},
        "audio": {"voice": "a"},
        "prediction": {"type": "content"},
        "web_search_options": {},
        "documents": [{"url": "http://192.0.2.1/"}],
    }
    yield from _fields(13, COMPLETIONS, "chat_template_kwargs", {"chat_template_kwargs": {"a": 1}})
    for name, value in (("messages", []), ("bos_token", "a"), ("namespace", 1), ("a" * 99, 1)):
        fields = {"chat_template_kwargs": {name: value}}
        yield from _fields(13, CHAT, f"chat_template_kwargs.{name[:64]}", fields)
    for name, value in both.items():
        yield from _fields(13, COMPLETIONS, name, {name: value})
        yield from _fields(13, CHAT, name, {name: value})
    for kind in ("image_url", "input_audio", "file", "video_url"):
        part = {"type": kind, kind: {"url": "http://192.0.2.1/x"}}
        fields = {"messages": [{"role": "user", "content": [part]}]}
        yield from _fields(13, CHAT, "messages.0.content.0.type", fields)
    deep = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "no-such-type"}}}
    path = "response_format.json_schema.schema"
    yield from _fields(13, CHAT, path, {"response_format": deep})


def _access() -> Iterator[Case]:
    good = json.dumps(_RIGHT[COMPLETIONS]).encode()
    right = {"Authorization": f"Bearer {ALICE}"}
    yield _raw(19, "the right key", good, server="keyed", headers=right, status=200)
    for header in (
        "",
        "Bearer",
        "Bearer x",
        f"Bearer {ALICE}x",
        f"Token {ALICE}",
        "Bearer \xff",
        "Bearer " + "x" * 8_000,
    ):
        headers = {"Authorization": header}
        yield _raw(19, f"key {header[:20]!r}", good, server="keyed", headers=headers, status=401)
    for host in ("x/health?", "x/static/", "[::1", "x y"):
        headers = {"Host": host}
        yield _raw(19, f"no key, Host {host}", good, server="keyed", headers=headers, status=401)
    for path in ("/v1/nope", "/health/", "/v1//models", "/v1/../health"):
        yield _raw(19, f"no key, {path}", b"", path=path, method="GET", server="keyed", status=401)
    for host, status in (
        ("llm.example", 200),
        ("evil.example", 400),
        ("llm.example.evil", 400),
        ("", 400),
    ):
        yield _raw(
            20, f"Host {host!r}", good, server="named", headers={"Host": host}, status=status
        )
    simple = {"Content-Type": "text/plain", "Origin": "https://evil.example"}
    yield _raw(20, "another site's simple POST", good, headers=simple, status=415)


def _inside() -> Iterator[Case]:
    for path in (
        "/console",
        "/v1/load_lora_adapter",
        "/v1/unload",
        "/admin",
        "/debug/pprof",
        "/.env",
    ):
        yield _raw(28, path, b"{}", path=path, status=404)
    for method, path in (
        ("PUT", COMPLETIONS),
        ("DELETE", "/v1/models"),
        ("PATCH", CHAT),
        ("TRACE", "/v1/models"),
    ):
        yield _raw(28, f"{method} {path}", b"", path=path, method=method, status=405)
    for name in (
        "<script>alert(1)</script>",
        "a\r\nb: c",
        "\x1b[31m",
        "${jndi:ldap://x}",
        "x" * 5_000,
        "../../etc/passwd",
    ):
        threat = 21 if "<" in name else 25
        yield from _fields(threat, COMPLETIONS, "model", {"model": name}, status=404)
        if len(name) < 100:
            yield from _fields(24, COMPLETIONS, "temperature", {"temperature": name})


CASES: tuple[Case, ...] = tuple(
    case
    for made in (
        *(_sizes, _depths, _numbers, _bodies, _texts, _empty, _fan_out, _sampling, _bias, _ids),
        *(_stops, _contexts, _refused, _access, _inside),
    )
    for case in made()
)
