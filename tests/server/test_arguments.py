"""The command line: flags become variables, and the help lists all of them."""

from __future__ import annotations

from dataclasses import fields

import pytest

from app.server.arguments import parse_arguments
from app.settings.setting import Setting, settings_by_group
from config import Config, ConfigError

GROUPS = settings_by_group(Config)
SETTINGS = [setting for group in GROUPS.values() for setting in group]


def test_every_setting_is_a_flag() -> None:
    variables = set(parse_arguments([word for item in SETTINGS for word in _given(item)]))
    assert variables == {f"WESTLAKE_{item.name}" for item in fields(Config)}


def _given(setting: Setting) -> list[str]:
    return [setting.flag, setting.example] if setting.metavar else [setting.flag]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_help_text(setting: Setting) -> None:
    assert len(setting.help) >= len("text or json")
    assert not setting.help.endswith(".")
    others = {"WESTLAKE_UPSTREAM": "http://host/v1"} if setting.group == "upstream" else {}
    Config.from_env({**others, f"WESTLAKE_{setting.name}": setting.example})


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


def test_help_lists_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for title, group in GROUPS.items():
        assert f"{title}:" in text
        for setting in group:
            shown = f"{setting.flag} {setting.metavar}".strip()
            assert f"{shown} {setting.help}" in text, setting.name
            if setting.default_text:
                assert f"{setting.help} (default: {setting.default_text})" in text
