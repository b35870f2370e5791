"""Every setting of the server in one frozen record, read from WESTLAKE_* variables.

Knows nothing about the command line (`app.serving.arguments` turns flags into the same
variables), models or gunicorn; imports the standard library only.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

PREFIX = "WESTLAKE_"
EMBEDDED_MODEL = str(Path(__file__).resolve().parent / "models" / "demo")
#: The embedded model's name, by which classic clients may ask for any model.
CLASSIC_NAME = "chinese-llama-alpaca"

_NAME = r"[^\s\x00-\x1f\x7f]{1,200}"
_HOST = r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}"
_IPV6 = r"\[[0-9A-Fa-f:.]{2,45}\]"
#: Apps made of web pages have schemes of their own; pages from files are "null" or file://.
_ORIGIN = rf"null|file://|[a-z][a-z0-9+.-]{{0,62}}://({_HOST}|{_IPV6}|\.)(:[0-9]{{1,5}})?"
_RATE = r"([1-9][0-9]{0,8})(?:/(second|minute|hour|day))?"

T = TypeVar("T")


class ConfigError(ValueError):
    """A setting is unknown, malformed or out of range; the message is one line."""


def setting(default: T, parse: Callable[[str], T]) -> T:
    """A Config field with the function that reads it from text."""
    result: T = field(default=default, metadata={"parse": parse})
    return result


def whole(minimum: int, maximum: int) -> Callable[[str], int]:
    """A parser of whole numbers from `minimum` to `maximum`."""

    def parse(text: str) -> int:
        # int() would also take "1_000", full-width digits and surrounding blanks.
        if not re.fullmatch(r"[0-9]{1,12}", text) or not minimum <= int(text) <= maximum:
            raise ConfigError(f"expected a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def optional_whole(minimum: int, maximum: int) -> Callable[[str], int | None]:
    """As `whole`, for a setting whose default is None."""
    return whole(minimum, maximum)


def switch(text: str) -> bool:
    """On or off."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ConfigError("expected 1, true, yes, on or 0, false, no, off")


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser of one of `choices`."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ConfigError(f"expected one of {', '.join(choices)}")
        return text

    return parse


def matching(pattern: str, expected: str) -> Callable[[str], str]:
    """A parser of text that `pattern` matches as a whole; `expected` says it in words."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ConfigError(f"expected {expected}")
        return text

    return parse


def names(text: str) -> tuple[str, ...]:
    """Names without blanks, with commas between them."""
    found = tuple(part.strip() for part in text.split(","))
    if not all(re.fullmatch(_NAME, name) for name in found):
        raise ConfigError("expected names of 1 to 200 characters without blanks: a,b")
    return found


def optional_text(text: str) -> str | None:
    """Any text, for a setting whose default is None."""
    return text


def gpu_ids(text: str) -> tuple[int, ...]:
    """GPU ids, each once."""
    if not re.fullmatch(r"[0-9]{1,3}(,[0-9]{1,3})*", text):
        raise ConfigError("expected GPU ids such as 0 or 0,1")
    ids = tuple(int(part) for part in text.split(","))
    if len(set(ids)) < len(ids):
        raise ConfigError("expected every GPU once")
    return ids


def places(text: str) -> tuple[str, ...]:
    """Directories or Hub names, with commas between them."""
    found = tuple(part.strip() for part in text.split(","))
    if not all(found):
        raise ConfigError("expected a directory or a Hub name, or several: A,B")
    return found


def seconds(text: str) -> float:
    """A time from 0 to a million seconds."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise ConfigError("expected seconds, such as 60 or 0.5; 0 is no limit")
    return float(text)


def rates(text: str) -> tuple[tuple[int, str], ...]:
    """Numbers of requests, each in a unit of time; a number alone is for a minute."""
    if text.lower() in ("0", "off"):
        return ()
    found = [re.fullmatch(_RATE, part.strip()) for part in text.split(",")]
    if not all(found):
        raise ConfigError("expected requests a minute, or such as 10/second,1000/day; or off")
    return tuple((int(match[1]), match[2] or "minute") for match in found if match)


def web_origins(text: str) -> tuple[str, ...]:
    """Web origins, or "*" for all."""
    found = tuple(part.strip().lower() for part in text.split(","))
    if found == ("*",):
        return found
    if not all(re.fullmatch(_ORIGIN, part) for part in found):
        raise ConfigError(
            "expected *, null or origins such as https://example.org,http://localhost:3000,"
            "app://obsidian.md"
        )
    return tuple(map(_without_default_port, found))


def _without_default_port(origin: str) -> str:
    """The origin as browsers send it: without the port that its scheme implies."""
    for scheme, port in (("http://", ":80"), ("https://", ":443")):
        if origin.startswith(scheme):
            return origin.removesuffix(port)
    return origin


def host_names(text: str) -> tuple[str, ...]:
    """Host names; one that begins with a dot stands for all below it."""
    found = tuple(part.strip().lower() for part in text.split(","))
    if not all(re.fullmatch(rf"\.?{_HOST}", part) for part in found):
        raise ConfigError("expected names such as llm.example.org,.example.net, without ports")
    return found


def networks(text: str) -> tuple[str, ...]:
    """IP addresses and networks."""
    try:
        return tuple(str(ipaddress.ip_network(part.strip(), False)) for part in text.split(","))
    except ValueError:
        raise ConfigError("expected addresses or networks such as 10.0.0.0/8,::1") from None


def factor(text: str) -> float:
    """A number from 0.01 to 1000."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) or not 0.01 <= float(text) <= 1000:
        raise ConfigError("expected a number from 0.01 to 1000")
    return float(text)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The server's settings. Each is a flag (`--base_model`) and an environment variable
    (`WESTLAKE_BASE_MODEL`); a text that is empty counts as not given."""

    #: Directory, or name on the Hugging Face Hub, of a model in HF format.
    BASE_MODEL: str = setting(EMBEDDED_MODEL, str)
    #: LoRAs in the order they are applied: directories, or names on the Hub.
    LORA_MODEL: tuple[str, ...] = setting((), places)
    #: Directory of the tokenizer; None: the last LORA_MODEL's that holds one, else BASE_MODEL's.
    TOKENIZER_PATH: str | None = setting(None, optional_text)
    #: GPU ids, over which the model is spread; empty: GPU 0 where there is one, and the CPU for
    #: the embedded model.
    GPUS: tuple[int, ...] = setting((), gpu_ids)
    #: Stay on the CPU, GPU or not.
    ONLY_CPU: bool = setting(False, switch)
    #: What the model computes in; "auto": float32 on a CPU, 16 bits on a GPU.
    DTYPE: str = setting("auto", one_of("auto", "float32", "float16", "bfloat16"))
    #: 8-bit weights and activations: half the memory of 16 bits, and faster, at a loss of quality.
    LOAD_IN_8BIT: bool = setting(False, switch)
    #: Tokens of prompt and answer together; None: what the model was made for.
    MAX_MODEL_LEN: int | None = setting(None, optional_whole(2, 2**24))
    #: NTK factor that scales the rotary base once at start.
    ALPHA: float = setting(1.0, factor)
    #: Memory for keys and values of running requests, in MiB; None: half of what is left.
    KV_CACHE_MB: int | None = setting(None, optional_whole(1, 2**24))
    #: CPU threads of the model; None: one for each core, within the CPU quota.
    THREADS: int | None = setting(None, optional_whole(1, 1024))
    #: Load pickled weights (with torch's `weights_only`).
    ALLOW_PICKLE: bool = setting(False, switch)

    #: The served model's name, in answers and in /v1/models; "": `served_name` of BASE_MODEL.
    MODEL_NAME: str = setting("", matching(_NAME, "1 to 200 characters without blanks"))
    #: Further names that requests may use for it.
    MODEL_ALIAS: tuple[str, ...] = setting((), names)
    #: What wraps a text prompt of /v1/completions.
    PROMPT_TEMPLATE: str = setting("alpaca", one_of("alpaca", "none"))

    #: File or name of the chat template; None: the tokenizer's own, else Alpaca.
    CHAT_TEMPLATE: str | None = setting(None, optional_text)

    #: Address to listen on.
    HOST: str = setting("0.0.0.0", matching(r"[0-9A-Za-z.:_-]{1,253}", "a name or an address"))  # noqa: S104 - a server for other machines
    #: TCP port to listen on.
    PORT: int = setting(19327, whole(1, 65535))
    #: Path all routes lie under, behind a proxy: "" or "/llm".
    BASE_PATH: str = setting(
        "", matching(r"(/[A-Za-z0-9._~-]+)+", "a path such as /llm, without a slash at its end")
    )
    #: Requests accepted at once, running and waiting; more get 503.
    MAX_IN_FLIGHT: int = setting(128, whole(1, 4096))
    #: Requests of one API key at once, where there are several keys; None: half of MAX_IN_FLIGHT.
    MAX_PER_KEY: int | None = setting(None, optional_whole(1, 4096))
    #: Seconds one request may take; 0: no limit.
    REQUEST_TIMEOUT: float = setting(0.0, seconds)
    #: Largest request body, in MiB.
    MAX_BODY_MB: int = setting(8, whole(1, 1024))
    #: One line of text or one JSON object for each log entry.
    LOG_FORMAT: str = setting("text", one_of("text", "json"))

    #: File of the API keys, `name key` on each line; None: nobody needs one.
    API_KEYS_FILE: str | None = setting(None, optional_text)
    #: Requests one client may make, and in which unit of time; empty: no limit.
    RATE_LIMIT: tuple[tuple[int, str], ...] = setting((), rates)
    #: Web origins whose pages may call the API from a browser.
    CORS_ORIGINS: tuple[str, ...] = setting((), web_origins)
    #: Names by which clients may call this server, besides this machine's own; empty: any.
    TRUSTED_HOSTS: tuple[str, ...] = setting((), host_names)
    #: Where a proxy may be that tells its clients' addresses.
    TRUSTED_PROXIES: tuple[str, ...] = setting(("127.0.0.0/8", "::1/128"), networks)

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
        parsers = {item.name: item.metadata["parse"] for item in fields(cls)}
        values: dict[str, object] = {}
        for variable in sorted(environ):
            text = environ[variable]
            if not variable.startswith(PREFIX):
                continue
            name = variable.removeprefix(PREFIX)
            if name not in parsers:
                raise ConfigError(f"{variable} is not a setting{_closest(name, list(parsers))}")
            if text:
                try:
                    values[name] = parsers[name](text)
                except ConfigError as error:
                    shown = text if len(text) <= 60 else text[:57] + "..."
                    raise ConfigError(f"--{name.lower()} is {shown!r}: {error}") from None
        return cls(**values)  # type: ignore[arg-type]


def _closest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {PREFIX}{close[0]}?" if close else "; see python wsgi.py --help"
