"""The command line: each flag sets the environment variable of the same name.

Knows nothing about values or defaults beyond their texts: `config.Config` reads and checks
them, so that flags and variables cannot differ.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from app.version import VERSION
from config import PREFIX, ConfigError

#: (group, ((setting, what stands for its value or "" for a switch, help), ...))
GROUPS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "the model",
        (
            (
                "BASE_MODEL",
                "DIR",
                "directory, or name on the Hugging Face Hub, of a llama, mistral, qwen2 or qwen3 "
                "model: config.json, safetensors, tokenizer (default: the embedded demo model)",
            ),
            (
                "LORA_MODEL",
                "DIR",
                "directory or Hub name of a LoRA, applied to the model at start; A,B: both, in "
                "that order",
            ),
            (
                "TOKENIZER_PATH",
                "DIR",
                "directory of the tokenizer (default: the last --lora_model that holds one, else "
                "--base_model)",
            ),
            (
                "ALLOW_PICKLE",
                "",
                "load pickled weights (pytorch_model.bin, adapter_model.bin) too; only from a "
                "source you trust (python wsgi.py convert IN OUT rewrites them as safetensors)",
            ),
            ("MAX_MODEL_LEN", "N", "tokens of prompt and answer together (default: the model's)"),
            ("ALPHA", "X", "NTK factor that scales the rotary base once at start (default: 1.0)"),
        ),
    ),
    (
        "the machine",
        (
            (
                "GPUS",
                "IDS",
                "GPUs to use; 0,1,2 spreads the model over three (default: 0 where there is one; "
                "the embedded model stays on the CPU unless this is given)",
            ),
            ("ONLY_CPU", "", "stay on the CPU"),
            (
                "DTYPE",
                "TYPE",
                "auto, float32, float16 or bfloat16; auto: float32 on a CPU, the checkpoint's "
                "16-bit type on a GPU (default: auto)",
            ),
            (
                "LOAD_IN_8BIT",
                "",
                "8-bit weights and activations: a quarter of float32's memory, and faster, but not "
                "the same answers: perplexity rises by 4 to 8 % on SmolLM2-135M, where one token "
                "in eight changes, by 0.3 % on the embedded model",
            ),
            (
                "KV_CACHE_MB",
                "MB",
                "memory for running requests, in MiB (default: half of what is left)",
            ),
            (
                "THREADS",
                "N",
                "CPU threads of the model (default: one for each core, within the CPU quota)",
            ),
        ),
    ),
    (
        "the server",
        (
            ("HOST", "H", "address to listen on (default: 0.0.0.0, every address)"),
            ("PORT", "P", "port to listen on (default: 19327)"),
            ("BASE_PATH", "PATH", "path that all routes lie under, such as /llm (default: none)"),
            (
                "MAX_IN_FLIGHT",
                "N",
                "requests accepted at once, running and waiting; more get 503 (default: 128)",
            ),
            (
                "REQUEST_TIMEOUT",
                "S",
                "seconds one request may take, waiting included; then it ends with an error; 0: "
                "no limit (default: 0)",
            ),
            ("MAX_BODY_MB", "MB", "largest request body, in MiB (default: 8)"),
            ("LOG_FORMAT", "FORMAT", "text or json (default: text)"),
        ),
    ),
    (
        "who may ask",
        (
            (
                "API_KEYS_FILE",
                "FILE",
                "API keys, one on each line: name key, or key; # begins a comment; read again when "
                "it changes (default: none, everybody may ask)",
            ),
            (
                "RATE_LIMIT",
                "N",
                "requests a minute for each key, or each address where there are no keys; or such "
                "as 10/second,1000/day; more get 429 (default: off)",
            ),
            (
                "MAX_PER_KEY",
                "N",
                "requests of one API key at once, running and waiting, where there are several "
                "keys; more get 503 (default: half of --max_in_flight)",
            ),
            (
                "CORS_ORIGINS",
                "URLS",
                "web origins whose pages may call the API from a browser: "
                "https://example.org,http://localhost:3000, or * (default: none)",
            ),
            (
                "TRUSTED_HOSTS",
                "NAMES",
                "names this server may be called by, besides localhost and 127.0.0.1; "
                ".example.org: and all below it (default: any)",
            ),
            (
                "TRUSTED_PROXIES",
                "ADDRESSES",
                "where a proxy may be whose X-Forwarded-For is believed, one hop; whatever comes "
                "through a Unix socket is one (default: 127.0.0.0/8,::1)",
            ),
        ),
    ),
    (
        "answers",
        (
            (
                "MODEL_NAME",
                "NAME",
                "name of the model in answers (default: its directory's or Hub name; "
                "chinese-llama-alpaca for the embedded model, and always accepted)",
            ),
            ("MODEL_ALIAS", "A,B", "further names of the model that requests may use"),
            (
                "PROMPT_TEMPLATE",
                "NAME",
                "what wraps a text prompt of /v1/completions: alpaca or none (default: alpaca)",
            ),
            (
                "CHAT_TEMPLATE",
                "FILE|NAME",
                "chat template: a Jinja file, or alpaca, chatml, llama-2, llama-3 or vicuna "
                "(default: the tokenizer's own, else alpaca)",
            ),
        ),
    ),
)

_ABOUT = "Serve a LLaMA with an OpenAI-style API: completions, chat and embeddings."
_NOTE = (
    "Every flag is also an environment variable: --base_model is WESTLAKE_BASE_MODEL; a flag "
    "wins over its variable. Dashes work for underscores. gunicorn wsgi:app starts the same "
    "server from the variables alone. python wsgi.py convert IN OUT writes a model or LoRA of "
    "pickles again as safetensors."
)
#: What is on the command line only.
CHECK, CONVERT = "CHECK", "convert"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of argparse's usage and message."""
        raise ConfigError(f"{message}; see python wsgi.py --help")


def parse_arguments(arguments: Sequence[str]) -> dict[str, str]:
    """The environment variables that `arguments` (without the program's name) stand for.
    Prints the help and exits with 0 when asked for it.

    Raises:
        ConfigError: an unknown flag, or one without its value.
    """
    given = vars(_parser().parse_args([_underscored(argument) for argument in arguments]))
    given.pop(CHECK, None)
    return {PREFIX + name: value for name, value in given.items()}


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python wsgi.py",
        description=_ABOUT,
        epilog=_NOTE,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument(
        f"--{CHECK.lower()}",
        dest=CHECK,
        action="store_const",
        const="1",
        help="do not serve: tell whether model, LoRA, vocabulary and memory fit, and end",
    )
    parser.add_argument("--version", action="version", version=f"westlake {VERSION}")
    for title, settings in GROUPS:
        group = parser.add_argument_group(title)
        for name, metavar, text in settings:
            flag, text = f"--{name.lower()}", text.replace("%", "%%")  # argparse fills in %(...)s
            if metavar:
                group.add_argument(flag, dest=name, metavar=metavar, help=text)
            else:
                group.add_argument(flag, dest=name, action="store_const", const="1", help=text)
    return parser


def wants_check(arguments: Sequence[str]) -> bool:
    """True when `arguments` hold --check."""
    return f"--{CHECK.lower()}" in arguments


def convert_paths(arguments: Sequence[str]) -> tuple[Path, Path] | None:
    """IN and OUT of `convert IN OUT`; None: the arguments are the server's.

    Raises:
        ConfigError: there are not two.
    """
    if arguments[:1] != [CONVERT]:
        return None
    if len(arguments) != 3 or any(argument.startswith("-") for argument in arguments[1:]):
        raise ConfigError(
            "convert takes two directories: python wsgi.py convert IN OUT writes the pickles of "
            "the model or LoRA in IN as safetensors into the new directory OUT"
        )
    return Path(arguments[1]).expanduser(), Path(arguments[2]).expanduser()


def _underscored(argument: str) -> str:
    """`--base-model=a-b` as `--base_model=a-b`."""
    if not argument.startswith("--"):
        return argument
    flag, equals, value = argument[2:].partition("=")
    return "--" + flag.replace("-", "_") + equals + value
