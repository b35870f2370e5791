"""docs/settings.md and deploy/env.example are what config.py says; defaults are true."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from app.server import env_example
from app.server.settings_page import PAGE, settings_page
from app.settings.setting import settings_by_group
from config import PREFIX, Config

ROWS = {
    name: (flag, meaning, default)
    for flag, meaning, default, name in re.findall(
        r"^\| `--(.+?)` \| (.+) \| (.+) \| `WESTLAKE_(\w+)` \|$", settings_page(), re.M
    )
}


def test_the_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page(), "run: make docs"


def test_env_example_is_the_generated_one() -> None:
    text = env_example.FILE.read_text(encoding="utf-8")
    assert text == env_example.env_example(), "run: make docs"
    shown = re.findall(rf"^#?{PREFIX}(\w+)=", text, re.M)
    assert set(shown) | env_example.LEFT_OUT == {item.name for item in fields(Config)}
    assert len(shown) == len(set(shown))


def test_it_has_every_setting_once() -> None:
    assert sorted(ROWS) == sorted(item.name for item in fields(Config))
    assert len(ROWS) == sum(map(len, settings_by_group(Config).values()))


@pytest.mark.parametrize("name", ROWS)
def test_its_default_is_the_settings(name: str) -> None:
    """As far as it is a value and not a rule in words: then the setting's own default is empty."""
    default, told = getattr(Config(), name), ROWS[name][2]
    if isinstance(default, bool):
        assert told == "off"
        assert not default
    elif isinstance(default, int | float) and default:
        assert told.split(",")[0] == str(default)
    elif name == "TRUSTED_PROXIES":
        assert Config.from_env({f"{PREFIX}{name}": told}).TRUSTED_PROXIES == default
    elif isinstance(default, str) and name not in ("BASE_MODEL", "MODEL_NAME", "BASE_PATH"):
        assert told.split(",")[0] == default
    else:
        assert told
