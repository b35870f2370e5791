"""How well a model uses tools through /v1/chat/completions, and whether forced calls are valid.

In one process, without HTTP. `auto`: of 40 questions, each about one of three tools, for how many
the model calls a tool, and the right one. `required` and a named function: 100 answers each at
temperatures 0 and 1.5; every answer that ends with `tool_calls` must have arguments that match its
tool's schema. The last line is one JSON document.

    python -m benchmarks.tool_choice --model build/smollm2
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

import jsonschema_rs  # noqa: E402
from flask.testing import FlaskClient  # noqa: E402

from app import create_app  # noqa: E402
from app.build import build_engine  # noqa: E402
from app.checkpoint.check import check_model  # noqa: E402
from benchmarks.report import finish, table  # noqa: E402
from config import Config  # noqa: E402
from tests.harness.in_process import start  # noqa: E402

CITIES = ("Paris", "Hangzhou", "Berlin", "Tokyo", "Cairo", "Lima", "Oslo", "Rome", "Delhi", "Seoul",
          "Dublin", "Quito", "Prague")  # fmt: skip
SUMS = ("12 + 30", "7 * 8", "144 / 12", "99 - 45", "15 * 15", "2 + 2", "81 / 9", "1000 - 1",
        "6 * 7", "33 + 66", "50 / 2", "17 + 25", "9 * 9")  # fmt: skip
TOPICS = ("black holes", "the history of tea", "solar panels", "the Great Wall", "jazz", "penguins",
          "electric cars", "Mount Everest", "the Roman Empire", "bread baking", "quantum computers",
          "coral reefs", "chess openings", "the moon landing")  # fmt: skip
#: Question and the tool that answers it.
QUESTIONS = (
    *((f"What is the weather in {city} now?", "get_weather") for city in CITIES),
    *((f"Calculate {each}.", "calculate") for each in SUMS),
    *((f"Search the web for pages about {topic}.", "search_web") for topic in TOPICS),
)
_STRING = {"type": "string", "maxLength": 40}


def _tool(name: str, description: str, **properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


TOOLS = (
    _tool("get_weather", "The weather in a city", city=_STRING),
    _tool("calculate", "The value of an arithmetic expression", expression=_STRING),
    _tool(
        "search_web",
        "Pages on the web that match a query",
        query=_STRING,
        count={"type": "integer", "minimum": 1, "maximum": 9},
    ),
)
SCHEMAS = {each["function"]["name"]: each["function"]["parameters"] for each in TOOLS}
NAMED = {"type": "function", "function": {"name": "search_web"}}


def choice_of(client: FlaskClient, question: str, **fields: object) -> dict[str, Any]:
    """The first choice of an answer with the tools at hand."""
    messages = [{"role": "user", "content": question}]
    body = {"messages": messages, "tools": list(TOOLS), "max_tokens": 120, **fields}
    response = client.post("/v1/chat/completions", json=body)
    if response.status_code != 200:
        raise RuntimeError(response.get_data(as_text=True))
    choice: dict[str, Any] = response.get_json()["choices"][0]
    return choice


def automatic(client: FlaskClient) -> dict[str, int]:
    """Questions for which the model, by itself, called the right tool, another one, or none."""
    counted: Counter[str] = Counter(right=0, wrong=0, none=0)
    for question, wanted in QUESTIONS:
        calls = choice_of(client, question, temperature=0)["message"].get("tool_calls", [])
        names = {call["function"]["name"] for call in calls}
        counted["right" if names == {wanted} else "wrong" if names else "none"] += 1
    return dict(counted)


def forced(client: FlaskClient, tool_choice: object, temperature: float) -> dict[str, int]:
    """Of 100 answers: those that ended with calls, all of them checked, and those cut before.

    Raises:
        jsonschema_rs.ValidationError: a call's arguments do not match.
        RuntimeError: an answer ended otherwise.
    """
    counted: Counter[str] = Counter(valid=0, cut=0)
    for seed in range(100):
        question, _ = QUESTIONS[seed % len(QUESTIONS)]
        fields = {"tool_choice": tool_choice, "temperature": temperature, "seed": seed}
        choice = choice_of(client, question, **fields)
        if choice["finish_reason"] == "length":
            counted["cut"] += 1
            continue
        if choice["finish_reason"] != "tool_calls":
            raise RuntimeError(f"not a call: {choice}")
        for call in choice["message"]["tool_calls"]:
            function = call["function"]
            jsonschema_rs.validate(SCHEMAS[function["name"]], json.loads(function["arguments"]))
        counted["valid"] += 1
    return dict(counted)


def main() -> None:
    """Print the counts and one JSON line."""
    parser = argparse.ArgumentParser(description="Tools, chosen by the model and forced.")
    parser.add_argument("--model", type=Path, default=Path("build/smollm2"))
    parser.add_argument("--load_in_8bit", action="store_true")
    arguments = parser.parse_args()
    config = Config(
        BASE_MODEL=str(arguments.model), ONLY_CPU=True, LOAD_IN_8BIT=arguments.load_in_8bit
    )
    engine = start(build_engine(config, check_model(config)))
    client = create_app(config, engine).test_client()
    chosen = automatic(client)
    held = {
        f"{name}, temperature {temperature:g}": forced(client, tool_choice, temperature)
        for name, tool_choice in (("required", "required"), ("named", NAMED))
        for temperature in (0.0, 1.5)
    }
    print(f"auto, of {len(QUESTIONS)}: " + ", ".join(f"{n} {each}" for each, n in chosen.items()))
    rows = [(name, each["valid"], each["cut"]) for name, each in held.items()]
    print(table(("of 100", "valid", "cut"), rows))
    finish("tool_choice", {"model": str(arguments.model), "auto": chosen, "forced": held})
    engine.drain(0)


if __name__ == "__main__":
    main()
