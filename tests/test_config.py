"""Settings: what WESTLAKE_* variables may say, and what stops a start."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from config import CLASSIC_NAME, EMBEDDED_MODEL, Config, ConfigError, served_name


def test_defaults_are_the_contracts() -> None:
    config = Config.from_env({})
    assert config == Config()
    assert (config.HOST, config.PORT) == ("0.0.0.0", 19327)
    assert config.BASE_MODEL == EMBEDDED_MODEL
    assert config.MODEL_NAME == "chinese-llama-alpaca"
    assert (config.MAX_IN_FLIGHT, config.MAX_BODY_MB) == (128, 8)
    assert (config.DTYPE, config.PROMPT_TEMPLATE, config.LOG_FORMAT) == ("auto", "alpaca", "text")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("BASE_MODEL", "models/7b", "models/7b"),
        ("TOKENIZER_PATH", "tok", "tok"),
        ("GPUS", "1", (1,)),
        ("GPUS", "0,2,1", (0, 2, 1)),
        ("LORA_MODEL", "a/b", ("a/b",)),
        ("LORA_MODEL", "a, b", ("a", "b")),
        ("ALPHA", "2", 2.0),
        ("ONLY_CPU", "TRUE", True),
        ("ONLY_CPU", "off", False),
        ("DTYPE", "bfloat16", "bfloat16"),
        ("KV_CACHE_DTYPE", "float16", "float16"),
        ("HOST", "::1", "::1"),
        ("PORT", "1", 1),
        ("PORT", "65535", 65535),
        ("MODEL_NAME", "我的模型", "我的模型"),
        ("MODEL_ALIAS", "gpt-3.5-turbo", ("gpt-3.5-turbo",)),
        ("MODEL_ALIAS", "a, 本地,c/d", ("a", "本地", "c/d")),
        ("PROMPT_TEMPLATE", "none", "none"),
        ("CHAT_TEMPLATE", "my templates/a.jinja", "my templates/a.jinja"),
        ("MAX_MODEL_LEN", "2048", 2048),
        ("KV_CACHE_MB", "512", 512),
        ("THREADS", "4", 4),
        ("MAX_IN_FLIGHT", "4096", 4096),
        ("MAX_PER_KEY", "1", 1),
        ("BASE_PATH", "/a/b-c", "/a/b-c"),
        ("MAX_BODY_MB", "1", 1),
        ("LOG_FORMAT", "json", "json"),
        ("API_KEYS_FILE", "/etc/my keys", "/etc/my keys"),
        ("RATE_LIMIT", "60", ((60, "minute"),)),
        ("RATE_LIMIT", "10/second, 500/day", ((10, "second"), (500, "day"))),
        ("REQUEST_TIMEOUT", "0.5", 0.5),
        ("REQUEST_TIMEOUT", "600", 600.0),
        ("CORS_ORIGINS", "*", ("*",)),
        (
            "CORS_ORIGINS",
            "https://A.example, http://localhost:3000,http://[::1]:8000",
            ("https://a.example", "http://localhost:3000", "http://[::1]:8000"),
        ),
        # Browsers leave out the port that the scheme implies.
        (
            "CORS_ORIGINS",
            "https://a.example:443,http://[::1]:80",
            ("https://a.example", "http://[::1]"),
        ),
        (
            "CORS_ORIGINS",
            "https://a.example:80,http://a.example:443,app://a:80",
            ("https://a.example:80", "http://a.example:443", "app://a:80"),
        ),
        ("TRUSTED_HOSTS", "llm.example,.example.net", ("llm.example", ".example.net")),
        ("TRUSTED_PROXIES", "10.1.2.3/8, ::1", ("10.0.0.0/8", "::1/128")),
        ("ALLOW_PICKLE", "1", True),
    ],
)
def test_reads(name: str, text: str, value: object) -> None:
    assert getattr(Config.from_env({f"WESTLAKE_{name}": text, "OTHER": "x"}), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "80.0"),
        ("PORT", "1_000"),
        ("PORT", " 80"),
        ("PORT", "８０"),
        ("PORT", "9" * 5000),
        ("ONLY_CPU", "maybe"),
        ("GPUS", "a"),
        ("GPUS", "-1"),
        ("GPUS", "0,0"),
        ("LORA_MODEL", "a,"),
        ("ALPHA", "auto"),
        ("ALPHA", "0"),
        ("DTYPE", "int8"),
        ("HOST", "a b"),
        ("MODEL_NAME", "a b"),
        ("MODEL_NAME", "a\nb"),
        ("MODEL_NAME", "x" * 201),
        ("MODEL_ALIAS", "a,,b"),
        ("MODEL_ALIAS", "a b"),
        ("MODEL_ALIAS", ","),
        ("PROMPT_TEMPLATE", "chatml"),
        ("MAX_MODEL_LEN", "1"),
        ("KV_CACHE_MB", "0"),
        ("THREADS", "0"),
        ("MAX_IN_FLIGHT", "0"),
        ("MAX_PER_KEY", "0"),
        ("MAX_PER_KEY", "half"),
        ("BASE_PATH", "llm"),
        ("BASE_PATH", "/llm/"),
        ("BASE_PATH", "/a b"),
        ("MAX_BODY_MB", "2000"),
        ("LOG_FORMAT", "xml"),
        ("RATE_LIMIT", "-1"),
        ("RATE_LIMIT", "0/second"),
        ("RATE_LIMIT", "5/fortnight"),
        ("RATE_LIMIT", "5,"),
        ("REQUEST_TIMEOUT", "-1"),
        ("REQUEST_TIMEOUT", "1e3"),
        ("REQUEST_TIMEOUT", "nan"),
        ("CORS_ORIGINS", "example.org"),
        ("CORS_ORIGINS", "https://example.org/"),
        ("CORS_ORIGINS", "*,https://example.org"),
        ("CORS_ORIGINS", "https://.*"),
        ("CORS_ORIGINS", "app://"),
        ("CORS_ORIGINS", "://localhost"),
        ("CORS_ORIGINS", "tauri:localhost"),
        ("CORS_ORIGINS", "chrome-extension://abc/popup.html"),
        ("CORS_ORIGINS", "app://user@host"),
        ("CORS_ORIGINS", "none"),
        ("TRUSTED_HOSTS", "llm.example:80"),
        ("TRUSTED_HOSTS", "*"),
        ("TRUSTED_PROXIES", "proxy"),
    ],
)
def test_refuses(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_env({f"WESTLAKE_{name}": text})
    message = str(caught.value)
    assert f"--{name.lower()}" in message
    assert "\n" not in message
    assert len(message) < 200


@pytest.mark.parametrize(
    ("variable", "hint"), [("WESTLAKE_PROT", "WESTLAKE_PORT?"), ("WESTLAKE_", "--help")]
)
def test_refuses_unknown_names(variable: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=variable) as caught:
        Config.from_env({variable: "1"})
    assert hint in str(caught.value)


def test_empty_is_not_given() -> None:
    environ = {f"WESTLAKE_{item.name}": "" for item in fields(Config)}
    assert Config.from_env(environ) == Config()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ALPHA", "1.0"),
        ("LOAD_IN_8BIT", "false"),
        ("REQUEST_TIMEOUT", "0.0"),
        ("RATE_LIMIT", "off"),
        ("RATE_LIMIT", "0"),
        ("TRUSTED_PROXIES", "127.0.0.0/8,::1"),
    ],
)
def test_a_default_may_be_written_out(name: str, text: str) -> None:
    assert Config.from_env({f"WESTLAKE_{name}": text}) == Config()


def test_contradictions_stop() -> None:
    with pytest.raises(ConfigError, match="contradict"):
        Config(ONLY_CPU=True, GPUS=(0,))


def test_is_frozen_and_keyword_only() -> None:
    config: Any = Config()
    with pytest.raises(FrozenInstanceError):
        config.PORT = 1
    with pytest.raises(TypeError):
        Config("x")  # type: ignore[misc]


def test_the_served_name_is_the_one_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "llama-7b").mkdir()
    (tmp_path / "current").symlink_to(tmp_path / "llama-7b")
    (tmp_path / "demo-link").symlink_to(EMBEDDED_MODEL)
    (tmp_path / "org" / "local").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    names = {
        EMBEDDED_MODEL: CLASSIC_NAME,
        f"{EMBEDDED_MODEL}/../demo/": CLASSIC_NAME,
        "demo-link": CLASSIC_NAME,
        str(tmp_path / "llama-7b"): "llama-7b",
        "llama-7b/": "llama-7b",
        "./llama-7b/.": "llama-7b",
        "current": "current",  # not where the link leads
        "org/local": "local",  # a directory, whatever the Hub has of this name
        "org/name-7B": "org/name-7B",
        "~/models/西湖": "西湖",
        ".": tmp_path.name,
        "/": CLASSIC_NAME,
    }
    assert {base: served_name(base) for base in names} == names
    assert Config(BASE_MODEL="current").MODEL_NAME == "current"
    assert Config(BASE_MODEL="current", MODEL_NAME="a/b").MODEL_NAME == "a/b"


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("My Model (v2)", "My-Model-(v2)"),
        ("a\tb\nc\x7f", "a-b-c-"),
        ("全角\u3000空格", "全角-空格"),
        ("cab\u202eevil", "cab-evil"),  # turns the direction of writing round
        ("half\udc80", "half-"),  # a byte that is no UTF-8, as Python reads such file names
        ("x" * 250, "x" * 200),
    ],
)
def test_a_directory_name_becomes_one_that_may_be_a_name(directory: str, name: str) -> None:
    found = Config(BASE_MODEL=f"/models/{directory}").MODEL_NAME
    assert found == name
    assert Config.from_env({"WESTLAKE_MODEL_NAME": found}).MODEL_NAME == name
