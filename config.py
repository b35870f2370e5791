"""Every setting of the server: its type, default, group and help text, side by side.

The command line (`app.server.arguments`), docs/settings.md and deploy/env.example are made from
this file: a setting is added here and nowhere else. `setting` takes the default, the parser, the
group and what stands for the value in the help; the string below each setting is its help.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from app.settings import parsers
from app.settings.setting import setting

PREFIX = "WESTLAKE_"
EMBEDDED_MODEL = str(Path(__file__).resolve().parent / "models" / "demo")
#: The embedded model's name, by which classic clients may ask for any model.
CLASSIC_NAME = "chinese-llama-alpaca"
#: The groups of the help, in its order.
MODEL, HARDWARE, SERVER = "model", "hardware", "server"
ACCESS, NAMES = "access", "names and templates"


class ConfigError(ValueError):
    """A setting is unknown, malformed or out of range; the message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The server's settings. Each is a flag (`--base_model`) and an environment variable
    (`WESTLAKE_BASE_MODEL`); an empty value counts as not given."""

    BASE_MODEL: str = setting(EMBEDDED_MODEL, str, MODEL, "DIR", example="/srv/models/my-llama")
    """directory or Hugging Face Hub name of a llama, mistral, qwen2 or qwen3 model: config.json,
    safetensors, tokenizer (default: the embedded demo model)"""
    LORA_MODEL: tuple[str, ...] = setting(
        (), parsers.directories, MODEL, "DIR", example="/srv/models/my-lora"
    )
    """directory or Hub name of a LoRA, merged into the model at start; A,B: both, in that order"""
    TOKENIZER_PATH: str | None = setting(
        None, str, MODEL, "DIR", example="/srv/models/my-tokenizer"
    )
    """directory of the tokenizer (default: the last --lora_model with a tokenizer, else
    --base_model)"""
    ALLOW_PICKLE: bool = setting(False, parsers.boolean, MODEL)
    """also load pickled weights (pytorch_model.bin, adapter_model.bin); only from a source you
    trust (python wsgi.py convert IN OUT rewrites them as safetensors)"""
    MAX_MODEL_LEN: int | None = setting(None, parsers.integer(2, 2**24), MODEL, "N", example="4096")
    """context length: tokens of prompt and answer together (default: the model's)"""
    ALPHA: float = setting(1.0, parsers.ntk_factor, MODEL, "X")
    """NTK factor that scales the RoPE base once at start"""

    GPUS: tuple[int, ...] = setting((), parsers.gpu_ids, HARDWARE, "IDS", example="0,1")
    """ids of the GPUs to use; 0,1,2 spreads the model over three (default: 0 if there is a GPU;
    the embedded model uses the CPU unless this is given)"""
    ONLY_CPU: bool = setting(False, parsers.boolean, HARDWARE)
    """use the CPU even if there is a GPU"""
    DTYPE: str = setting(
        "auto", parsers.one_of("auto", "float32", "float16", "bfloat16"), HARDWARE, "TYPE"
    )
    """auto, float32, float16 or bfloat16; auto: float32 on a CPU, the checkpoint's 16-bit type on
    a GPU"""
    LOAD_IN_8BIT: bool = setting(False, parsers.boolean, HARDWARE)
    """8-bit weights: half the memory of 16-bit weights, and faster on a CPU, but not exact:
    perplexity is about 0.5 % higher on SmolLM2-135M, where one token in 25 differs"""
    KV_CACHE_DTYPE: str = setting(
        "auto", parsers.one_of("auto", "float32", "float16"), HARDWARE, "TYPE"
    )
    """auto, float32 or float16: type of the keys and values in a CPU's KV cache; float16 halves its
    memory and speeds up long contexts, but a close answer may differ; auto: float32, and float16
    with --load_in_8bit; a GPU uses the type it computes in"""
    KV_CACHE_MB: int | None = setting(
        None, parsers.integer(1, 2**24), HARDWARE, "MB", example="4096"
    )
    """memory for the KV cache of running requests, in MiB (default: half of the memory that is free
    after loading; on a GPU at most 90 %)"""
    THREADS: int | None = setting(None, parsers.integer(1, 1024), HARDWARE, "N", example="8")
    """CPU threads of the model (default: one per core, within the CPU quota)"""

    HOST: str = setting(
        "0.0.0.0",  # noqa: S104 - a server for other machines
        parsers.matching(r"[0-9A-Za-z.:_-]{1,253}", "a name or an address"),
        SERVER,
        "H",
        example="127.0.0.1",
    )
    """address to listen on (default: 0.0.0.0, every address)"""
    PORT: int = setting(19327, parsers.integer(1, 65535), SERVER, "P")
    """port to listen on"""
    BASE_PATH: str = setting(
        "",
        parsers.matching(
            r"(/[A-Za-z0-9._~-]+)+", "a path such as /llm, without a slash at its end"
        ),
        SERVER,
        "PATH",
        example="/llm",
    )
    """path prefix of all routes, such as /llm (default: none)"""
    MAX_IN_FLIGHT: int = setting(128, parsers.integer(1, 4096), SERVER, "N")
    """requests accepted at once, running and waiting; more get 503"""
    REQUEST_TIMEOUT: float = setting(0.0, parsers.seconds, SERVER, "S", example="600")
    """seconds, waiting included, after which a request ends with an error; 0: no limit (default:
    0)"""
    MAX_BODY_MB: int = setting(8, parsers.integer(1, 1024), SERVER, "MB")
    """largest request body, in MiB"""
    LOG_FORMAT: str = setting("text", parsers.one_of("text", "json"), SERVER, "FORMAT")
    """format of the log: text or json"""

    API_KEYS_FILE: str | None = setting(None, str, ACCESS, "FILE", example="/etc/westlake/keys")
    """file of API keys, one per line: name key, or only key; # starts a comment; read again when
    it changes (default: none, no key is needed)"""
    RATE_LIMIT: tuple[tuple[int, str], ...] = setting(
        (), parsers.rate_limits, ACCESS, "N", example="120"
    )
    """requests per minute for each key, or for each address if there are no keys; with other
    units: 10/second,1000/day; more get 429 (default: off)"""
    MAX_PER_KEY: int | None = setting(None, parsers.integer(1, 4096), ACCESS, "N", example="64")
    """requests of one API key at once, running and waiting, if there are several keys; more get
    503 (default: half of --max_in_flight)"""
    CORS_ORIGINS: tuple[str, ...] = setting(
        (), parsers.origins, ACCESS, "URLS", example="https://app.example.org"
    )
    """web origins whose pages may call the API from a browser:
    https://example.org,http://localhost:3000, or * (default: none)"""
    TRUSTED_HOSTS: tuple[str, ...] = setting(
        (), parsers.host_names, ACCESS, "NAMES", example="llm.example.org"
    )
    """names in the Host header that are accepted besides localhost and 127.0.0.1; .example.org
    includes all its subdomains (default: any)"""
    TRUSTED_PROXIES: tuple[str, ...] = setting(
        ("127.0.0.0/8", "::1/128"), parsers.networks, ACCESS, "ADDRESSES"
    )
    """addresses and networks of reverse proxies whose X-Forwarded-For is believed, one hop; a Unix
    socket always counts as one (default: 127.0.0.0/8,::1)"""

    MODEL_NAME: str = setting(
        "",
        parsers.matching(parsers.NAME, "1 to 200 characters without blanks"),
        NAMES,
        "NAME",
        example="my-llama",
    )
    """name of the model in responses; chinese-llama-alpaca is always accepted (default: the
    directory's or Hub name; chinese-llama-alpaca for the embedded model)"""
    MODEL_ALIAS: tuple[str, ...] = setting(
        (), parsers.names, NAMES, "A,B", example="my-model,another"
    )
    """more names of the model that requests may use"""
    PROMPT_TEMPLATE: str = setting("alpaca", parsers.one_of("alpaca", "none"), NAMES, "NAME")
    """template around a text prompt of /v1/completions: alpaca or none"""
    CHAT_TEMPLATE: str | None = setting(None, str, NAMES, "FILE|NAME", example="chatml")
    """chat template: a Jinja file, or alpaca, chatml, llama-2, llama-3 or vicuna (default: the
    tokenizer's own, else alpaca)"""

    def __post_init__(self) -> None:
        """Raises ConfigError when settings contradict each other."""
        if self.ONLY_CPU and self.GPUS:
            raise ConfigError("--only_cpu and --gpus contradict each other; pass one of them")
        if not self.MODEL_NAME:
            object.__setattr__(self, "MODEL_NAME", served_name(self.BASE_MODEL))

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """The settings that `environ` gives, defaults for the others.

        Raises:
            ConfigError: an unknown WESTLAKE_ name, or a value out of its range.
        """
        parse = {item.name: item.metadata["parse"] for item in fields(cls)}
        values: dict[str, object] = {}
        for variable in sorted(environ):
            text = environ[variable]
            if not variable.startswith(PREFIX):
                continue
            name = variable.removeprefix(PREFIX)
            if name not in parse:
                raise ConfigError(f"{variable} is not a setting{_closest(name, list(parse))}")
            if text:
                try:
                    values[name] = parse[name](text)
                except ValueError as error:
                    shown = text if len(text) <= 60 else text[:57] + "..."
                    raise ConfigError(f"--{name.lower()} is {shown!r}: {error}") from None
        return cls(**values)  # type: ignore[arg-type]


def _closest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {PREFIX}{close[0]}?" if close else "; see python wsgi.py --help"


def is_embedded(base_model: str) -> bool:
    """Whether that is the directory of the embedded model, however it is spelled."""
    return Path(base_model).expanduser().resolve() == Path(EMBEDDED_MODEL)


def served_name(base_model: str) -> str:
    """What a model is called where --model_name is not given: the whole name of one on the Hub,
    the last part of a directory's path, CLASSIC_NAME for the embedded model. Characters that no
    name may have (blanks, controls) become "-"."""
    path = os.path.abspath(os.path.expanduser(base_model))  # noqa: PTH100, PTH111 - links stay
    if is_embedded(path):
        return CLASSIC_NAME
    on_the_hub = base_model.count("/") == 1 and not Path(path).exists()
    name = base_model if on_the_hub else Path(path).name
    shown = "".join(c if c.isprintable() and not c.isspace() else "-" for c in name)
    return shown[:200] or CLASSIC_NAME
