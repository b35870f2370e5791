"""The command line: each flag sets the environment variable of the same name.

The flags come from config.py. `config.Config` parses and validates the values, so that flags and
variables behave alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from app.settings.setting import Setting, settings_by_group
from app.version import VERSION
from config import PREFIX, Config, ConfigError

_ABOUT = "Serve a LLaMA with an OpenAI-style API: completions, chat and embeddings."
_NOTE = (
    "Every flag is also an environment variable: --base_model is WESTLAKE_BASE_MODEL; a flag "
    "wins over its variable. Dashes work for underscores. gunicorn wsgi:app starts the same "
    "server from the variables alone. python wsgi.py convert IN OUT rewrites a pickled model or "
    "LoRA, a GGUF file or a quantized directory as a directory of plain safetensors."
)
#: On the command line only.
CHECK, CONVERT = "CHECK", "convert"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of printing argparse's usage."""
        raise ConfigError(f"{message}; see python wsgi.py --help")


def parse_arguments(arguments: Sequence[str]) -> dict[str, str]:
    """Environment variables for `arguments` (without the program's name). Prints the help and
    exits with 0 for --help.

    Raises:
        ConfigError: an unknown flag, or a flag without its value.
    """
    values = vars(_parser().parse_args([_underscored(argument) for argument in arguments]))
    values.pop(CHECK, None)
    return {PREFIX + name: value for name, value in values.items()}


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
        help="do not serve: check whether model, LoRA, vocabulary and memory fit, and exit",
    )
    parser.add_argument("--version", action="version", version=f"westlake {VERSION}")
    for title, settings in settings_by_group(Config).items():
        group = parser.add_argument_group(title)
        for setting in settings:
            _add_flag(group, setting)
    return parser


def _add_flag(group: argparse._ArgumentGroup, setting: Setting) -> None:
    text = setting.help
    if setting.default_text:
        text += f" (default: {setting.default_text})"
    text = text.replace("%", "%%")  # argparse formats help texts with %
    if setting.metavar:
        group.add_argument(setting.flag, dest=setting.name, metavar=setting.metavar, help=text)
    else:
        group.add_argument(
            setting.flag, dest=setting.name, action="store_const", const="1", help=text
        )


def wants_check(arguments: Sequence[str]) -> bool:
    """Whether `arguments` contain --check."""
    return f"--{CHECK.lower()}" in arguments


def convert_paths(arguments: Sequence[str]) -> tuple[Path, Path] | None:
    """IN and OUT of `convert IN OUT`; None: another command.

    Raises:
        ConfigError: the number of directories is not two.
    """
    if arguments[:1] != [CONVERT]:
        return None
    if len(arguments) != 3 or any(argument.startswith("-") for argument in arguments[1:]):
        raise ConfigError(
            "convert takes two paths: python wsgi.py convert IN OUT writes the pickles of the "
            "model or LoRA in IN, the GGUF file IN, or the quantized weights in IN, as plain "
            "safetensors into the new directory OUT"
        )
    return Path(arguments[1]).expanduser(), Path(arguments[2]).expanduser()


def _underscored(argument: str) -> str:
    """`--base-model=a-b` as `--base_model=a-b`."""
    if not argument.startswith("--"):
        return argument
    flag, equals, value = argument[2:].partition("=")
    return "--" + flag.replace("-", "_") + equals + value
