"""Clients' requests about tools and objects to a model that knows nothing of either: its answers
are held to what they ask for."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tests.clients.tool_answers import check_call, joined
from tests.clients.tool_requests import ASKED, SCHEMA, Asked
from tests.harness.client import CHAT
from tests.harness.server import Server

DEMANDED = [each for each in ASKED if not each.text and "json_object" not in str(each.fields)]


@pytest.mark.parametrize("asked", DEMANDED, ids=str)
def test_what_is_demanded_is_kept_to(server: Server, asked: Asked) -> None:
    # A schema that allows more than it names is one that this model never ends.
    closed = "additionalProperties" in str(asked.fields)
    body = {**asked.body, "temperature": 0, "max_tokens": 120 if closed else 60}
    choice: dict[str, Any]
    if body.get("stream"):
        chunks = server.client.stream(CHAT, body).chunks
        choice = joined([each for chunk in chunks for each in chunk["choices"]])
    else:
        (choice,) = server.client.post(CHAT, body).ok()["choices"]
    if not closed:
        assert choice["finish_reason"] == "length" and choice["message"]["content"] is None
        (call,) = choice["message"]["tool_calls"]
        assert call["function"]["arguments"].startswith("{")
    elif asked.tool is not None:
        check_call(choice, asked.tool)
    else:
        jsonschema.validate(json.loads(choice["message"]["content"]), SCHEMA)
