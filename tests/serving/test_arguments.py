"""The command line: flags become variables, and the help tells of every one."""

from __future__ import annotations

from dataclasses import fields

import pytest

from app.serving.arguments import GROUPS, parse_arguments
from config import Config, ConfigError

FLAGS = [name for _, group in GROUPS for name, _, _ in group]


def test_every_setting_is_a_flag() -> None:
    assert sorted(FLAGS) == sorted(item.name for item in fields(Config))


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ([], {}),
        (["--base_model", "a-b", "--port=80"], {"BASE_MODEL": "a-b", "PORT": "80"}),
        (["--base-model=a-b", "--only-cpu"], {"BASE_MODEL": "a-b", "ONLY_CPU": "1"}),
        (["--alpha", "-1"], {"ALPHA": "-1"}),
        (["--port", "80", "--port", "81"], {"PORT": "81"}),
    ],
)
def test_flags_become_variables(arguments: list[str], environ: dict[str, str]) -> None:
    expected = {f"WESTLAKE_{name}": value for name, value in environ.items()}
    assert parse_arguments(arguments) == expected


@pytest.mark.parametrize(
    "arguments", [["--prot", "80"], ["--por", "80"], ["--port"], ["80"], ["--only_cpu=1"]]
)
def test_refuses(arguments: list[str]) -> None:
    with pytest.raises(ConfigError, match="--help"):
        parse_arguments(arguments)


def test_help_tells_of_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for title, _ in GROUPS:
        assert f"{title}:" in text
    for name in FLAGS:
        assert f"--{name.lower()}" in text
