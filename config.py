"""Every setting of the server: its type, default, group and help text, side by side.

The command line (`app.server.arguments`), docs/settings.md and deploy/env.example are made from
this file: a setting is added here and nowhere else. `setting` takes the default, the parser, the
group and what stands for the value in the help; the string below each setting is its help.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from app.settings import parsers
from app.settings.setting import setting

PREFIX = "WESTLAKE_"
EMBEDDED_MODEL = str(Path(__file__).resolve().parent / "models" / "demo")
#: The embedded model's name, by which classic clients may ask for any model.
CLASSIC_NAME = "chinese-llama-alpaca"
_GGUF_ENDING = re.compile(r"(-\d{5}-of-\d{5})?\.gguf$", re.IGNORECASE)
#: The groups of the help, in its order.
MODEL, HARDWARE, REMOTE, SERVER = "model", "hardware", "upstream", "server"
ACCESS, NAMES = "access", "names and templates"


class ConfigError(ValueError):
    """A setting is unknown, malformed or out of range; the message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The server's settings. Each is a flag (`--base_model`) and an environment variable
    (`WESTLAKE_BASE_MODEL`); an empty value counts as not given."""

    BASE_MODEL: str = setting(
        EMBEDDED_MODEL, str, MODEL, "DIR|FILE", example="/srv/models/my-llama"
    )
    """directory or Hugging Face Hub name of a llama, mistral, qwen2 or qwen3 model (config.json,
    safetensors, tokenizer), or a GGUF file of one (default: the embedded demo model)"""
    LORA_MODEL: tuple[str, ...] = setting(
        (), parsers.directories, MODEL, "DIR", example="/srv/models/my-lora"
    )
    """directory or Hub name of a LoRA, merged into the model at start; A,B: both, in that order"""
    TOKENIZER_PATH: str | None = setting(
        None, str, MODEL, "DIR|FILE", example="/srv/models/my-tokenizer"
    )
    """directory of the tokenizer, or a GGUF file with it (default: the last --lora_model with a
    tokenizer, else --base_model)"""
    ALLOW_PICKLE: bool = setting(False, parsers.boolean, MODEL)
    """also load pickled weights (pytorch_model.bin, adapter_model.bin); only from a source you
    trust (python wsgi.py convert IN OUT rewrites them as safetensors)"""
    CACHE_DIR: str | None = setting(None, str, MODEL, "DIR", example="/var/cache/westlake/weights")
    """directory that keeps a CPU's packed weights, which the next start maps into memory instead of
    packing them again: one file, as large as the weights, for each of at most four models, those
    used last; others must not be able to write to it (default: none, nothing is kept)"""
    MAX_MODEL_LEN: int | None = setting(None, parsers.integer(2, 2**24), MODEL, "N", example="4096")
    """context length: tokens of prompt and answer together (default: the model's)"""
    GENERATION_CONFIG: str = setting("none", parsers.one_of("none", "auto"), MODEL, "NAME")
    """none or auto; auto: temperature, top_p, top_k, min_p and repetition_penalty of the model's
    generation_config.json are the defaults of requests that do not give them"""
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
    a GPU; a CPU computes in float32, but keeps quantized weights of a GGUF file or a
    directory in float16 or bfloat16 if one is given"""
    LOAD_IN_8BIT: bool = setting(False, parsers.boolean, HARDWARE)
    """8-bit weights: half the memory of 16-bit weights, and faster on a CPU, but not exact:
    perplexity is about 0.4 % higher on SmolLM2-135M, where one token in 25 differs"""
    LOAD_IN_4BIT: bool = setting(False, parsers.boolean, HARDWARE)
    """4-bit weights, lm_head in 8, on x86 CPUs with AVX2: little more than half the memory of 8
    bits, but small models lose much: perplexity is about 24 % higher on SmolLM2-135M"""
    KV_CACHE_DTYPE: str = setting(
        "auto", parsers.one_of("auto", "float32", "float16"), HARDWARE, "TYPE"
    )
    """auto, float32 or float16: type of the keys and values in a CPU's KV cache; float16 halves its
    memory and speeds up long contexts, but a close answer may differ; auto: float32, and float16
    with --load_in_8bit or --load_in_4bit; a GPU uses the type it computes in"""
    KV_CACHE_MB: int | None = setting(
        None, parsers.integer(1, 2**24), HARDWARE, "MB", example="4096"
    )
    """memory for the KV cache of running requests, in MiB (default: half of the memory that is free
    after loading; on a GPU at most 90 %)"""
    THREADS: int | None = setting(None, parsers.integer(1, 1024), HARDWARE, "N", example="8")
    """CPU threads of the model (default: one per core, within the CPU quota)"""

    UPSTREAM: str | None = setting(
        None, parsers.upstream_url, REMOTE, "URL", example="http://localhost:8000/v1"
    )
    """serve the models of an OpenAI-compatible server (vLLM, Ray Serve, llama-server, Westlake)
    instead of one of its own: its address, which ends in /v1 as a rule (default: none)"""
    UPSTREAM_KEY_FILE: str | None = setting(
        None, str, REMOTE, "FILE", example="/etc/westlake/upstream-key"
    )
    """file with the API key of the upstream, on one line; read at the start; clients' own keys are
    never passed on (default: none)"""
    UPSTREAM_CA_FILE: str | None = setting(
        None, str, REMOTE, "FILE", example="/etc/westlake/upstream-ca.pem"
    )
    """certificates, besides the system's, that sign the upstream's, as PEM (default: none)"""

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
    directory's or Hub name; chinese-llama-alpaca for the embedded model; with --upstream its
    first model's)"""
    MODEL_ALIAS: tuple[str, ...] = setting(
        (), parsers.names, NAMES, "A,B", example="my-model,another"
    )
    """more names of the model that requests may use"""
    PROMPT_TEMPLATE: str = setting("alpaca", parsers.one_of("alpaca", "none"), NAMES, "NAME")
    """template around a text prompt of /v1/completions: alpaca or none"""
    CHAT_TEMPLATE: str | None = setting(None, str, NAMES, "FILE|NAME", example="chatml")
    """chat template: a Jinja file, or alpaca, chatml, llama-2, llama-3 or vicuna (default: the
    tokenizer's own, else alpaca)"""

    TOOL_PARSER: str | None = setting(
        None,
        parsers.one_of("hermes", "llama3_json", "mistral", "qwen3_coder", "json"),
        NAMES,
        "NAME",
        example="hermes",
    )
    """format in which the model writes tool calls: hermes, llama3_json, mistral, qwen3_coder or
    json (default: the one that the chat template shows, else hermes)"""
    CHAT_TEMPLATE_KWARGS: Mapping[str, Any] | None = setting(
        None, parsers.json_object, NAMES, "JSON", example='{"enable_thinking":false}'
    )
    """variables for the chat template, as a JSON object; a request's chat_template_kwargs win
    (default: none)"""

    def __post_init__(self) -> None:
        """Raises ConfigError when settings contradict each other."""
        if self.ONLY_CPU and self.GPUS:
            raise ConfigError("--only_cpu and --gpus contradict each other; pass one of them")
        if self.LOAD_IN_8BIT and self.LOAD_IN_4BIT:
            raise ConfigError(
                "--load_in_8bit and --load_in_4bit contradict each other; pass one of them"
            )
        if self.UPSTREAM is not None:
            self._check_upstream()
        elif self.UPSTREAM_KEY_FILE or self.UPSTREAM_CA_FILE:
            name = "upstream_key_file" if self.UPSTREAM_KEY_FILE else "upstream_ca_file"
            raise ConfigError(f"--{name} is for --upstream; pass both, or neither")
        elif not self.MODEL_NAME:
            object.__setattr__(self, "MODEL_NAME", served_name(self.BASE_MODEL))

    def _check_upstream(self) -> None:
        """Raises ConfigError for a setting of a model that is here, when the model is not."""
        for item in fields(self):
            about_model = item.metadata["group"] in (MODEL, HARDWARE) or item.name == "TOOL_PARSER"
            if about_model and getattr(self, item.name) != item.default:
                raise ConfigError(
                    f"--{item.name.lower()} is about a model on this machine, and with --upstream "
                    "there is none: set it where the model is, or leave out --upstream"
                )

    @property
    def weight_bits(self) -> int | None:
        """8 or 4 where weights are quantized at load; None: they keep the checkpoint's values."""
        if self.LOAD_IN_8BIT:
            return 8
        return 4 if self.LOAD_IN_4BIT else None

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
    the last part of a path (of a GGUF file without its ending), CLASSIC_NAME for the embedded
    model. Characters that no name may have (blanks, controls) become "-"."""
    path = os.path.abspath(os.path.expanduser(base_model))  # noqa: PTH100, PTH111 - links stay
    if is_embedded(path):
        return CLASSIC_NAME
    on_the_hub = base_model.count("/") == 1 and not Path(path).exists()
    name = base_model if on_the_hub else _GGUF_ENDING.sub("", Path(path).name)
    shown = "".join(c if c.isprintable() and not c.isspace() else "-" for c in name)
    return shown[:200] or CLASSIC_NAME
