"""docs/settings.md and deploy/env.example show every setting of config.py with its true default."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from app.settings.setting import settings_by_group
from config import PREFIX, Config
from tools.env_example import LEFT_OUT, env_example
from tools.settings_page import settings_page

ROWS = {
    name: (flag, meaning, default)
    for flag, meaning, default, name in re.findall(
        r"^\| `--(.+?)` \| (.+) \| (.+) \| `WESTLAKE_(\w+)` \|$", settings_page(), re.M
    )
}


def test_env_example_has_every_setting_once() -> None:
    shown = re.findall(rf"^#?{PREFIX}(\w+)=", env_example(), re.M)
    assert sorted([*shown, *LEFT_OUT]) == sorted(item.name for item in fields(Config))


def test_it_has_every_setting_once() -> None:
    assert sorted(ROWS) == sorted(item.name for item in fields(Config))
    assert len(ROWS) == sum(map(len, settings_by_group(Config).values()))


@pytest.mark.parametrize("name", ROWS)
def test_its_default_is_the_settings(name: str) -> None:
    """If it is a value. For a rule in words the setting's default is empty."""
    default, text = getattr(Config(), name), ROWS[name][2]
    if isinstance(default, bool):
        assert text == "off"
        assert not default
    elif isinstance(default, int | float) and default:
        assert text.split(",")[0] == str(default)
    elif name == "TRUSTED_PROXIES":
        assert Config.from_env({f"{PREFIX}{name}": text}).TRUSTED_PROXIES == default
    elif isinstance(default, str) and name not in ("BASE_MODEL", "MODEL_NAME", "BASE_PATH"):
        assert text.split(",")[0] == default
    else:
        assert text
