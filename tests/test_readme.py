"""The two READMEs: short, alike, with links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.docs import BEGIN, END

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
}
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


@pytest.mark.parametrize("name", PAGES)
def test_short_enough_to_be_read(name: str) -> None:
    before, rest = PAGES[name].split(BEGIN)  # a line for each folder of app/
    assert len((before + rest.split(END)[1]).splitlines()) <= 120


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    links = LINK.findall(PAGES[name])
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_both_say_the_same() -> None:
    english, chinese = PAGES.values()
    chinese = chinese.replace(".zh-CN.png", ".png")  # each shows the page in its language
    assert LINK.findall(english)[1:] == LINK.findall(chinese)[1:], "after the link to each other"
    assert english.count("\n## ") == chinese.count("\n## ")
    assert english.count("\n| ") == chinese.count("\n| ")
    words = re.compile(r"^(?:make|docker|python|modelscope|HF_ENDPOINT=\S+ python) [^#\n]*", re.M)
    assert words.findall(english) == words.findall(chinese)


@pytest.mark.parametrize("name", PAGES)
def test_words_of_make_and_flags_are_real(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for word in set(re.findall(r"(?:^|`)make ([a-z][a-z0-9-]+)", PAGES[name], re.M)):
        assert re.search(rf"^{word}:", makefile, re.M), f"make {word}"
    settings = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    for flag in set(re.findall(r"--[a-z0-9_]+_[a-z0-9_]+", PAGES[name])) - {"--local_dir"}:
        assert f"`{flag}" in settings, flag
