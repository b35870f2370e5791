"""Calls of a real model, held by grammar: they all match."""

from __future__ import annotations

import pytest

from app import create_app
from app.engine.async_engine import AsyncEngine
from config import Config
from tests.api.test_guaranteed_calls import CHOICES, finished_calls


@pytest.mark.figures
def test_a_hundred_calls_match(engine: AsyncEngine) -> None:
    client = create_app(Config(), engine).test_client()
    finished = 0
    for number in range(50):
        name = list(CHOICES)[number % len(CHOICES)]
        text = f"What is the weather like in city number {number}?"
        asked = {"messages": [{"role": "user", "content": text}], "max_tokens": 120}
        finished += finished_calls(client, {**asked, "temperature": 0}, name)
        hot = {**asked, "temperature": 1.5, "n": 2, "seed": number}
        finished += finished_calls(client, hot, name)
    assert finished >= 50
