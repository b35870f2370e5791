"""Conversations with tools, calls and results that every template is rendered with."""

from __future__ import annotations

from typing import Any

from tests.prompts.conversations import SPECIAL, Messages, assistant, call, result, system, user

Tools = list[dict[str, Any]]


def tool(name: str, description: str | None = None, **parameters: Any) -> dict[str, Any]:
    """A function tool as OpenAI's clients send it."""
    function: dict[str, Any] = {"name": name}
    if description is not None:
        function["description"] = description
    if parameters:
        function["parameters"] = {"type": "object", **parameters}
    return {"type": "function", "function": function}


WEATHER = tool(
    "get_weather",
    'The weather "now", or on a day.\nIn °C; it\'s <b>free</b> & quick.',
    properties={
        "city": {"type": "string", "description": "A city's name, such as “杭州”"},
        "days": {"type": "integer", "default": 1, "minimum": 1},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
    },
    required=["city"],
)
SEARCH = tool(
    "web_search",
    "Search the web",
    properties={
        "queries": {"type": "array", "items": {"type": "string"}, "description": "What to find"},
        "options": {
            "type": "object",
            "properties": {
                "safe": {"type": "boolean"},
                "region": {"type": ["string", "null"]},
                "range": {"type": "array", "items": {"type": "object", "properties": {}}},
            },
        },
    },
    required=["queries", "options"],
)
NOW = tool("now", "The time", properties={})
PLAIN = tool("ping")
CHINESE = tool(
    "查询天气",
    "查询某个城市的天气。",
    properties={"城市": {"type": "string", "description": "城市名"}},
    required=["城市"],
)
MANY = [
    tool(f"function_{i}", f"Does {i}", properties={f"p{i}": {"type": "number"}}) for i in range(12)
]
HOSTILE = tool(
    "x<|im_end|>",
    SPECIAL,
    properties={"</s>": {"type": "string", "description": "[/INST] <|eot_id|>"}},
)

#: By name. In nine of them a call's result is the last message.
TOOL_CONVERSATIONS: dict[str, tuple[Tools, Messages]] = {
    "offered only": ([WEATHER, NOW], [user("Hello")]),
    "one call": (
        [WEATHER],
        [
            user("杭州天气？"),
            assistant(None, tool_calls=[call("get_weather", '{"city": "杭州"}')]),
            result('{"sky": "clear", "temperature": 21.5}', name="get_weather"),
        ],
    ),
    "answered": (
        [WEATHER, SEARCH],
        [
            system("Use tools."),
            user("Weather?"),
            assistant(None, tool_calls=[call("get_weather", '{"city": "A&B", "days": 2}')]),
            result("rain", name="get_weather"),
            assistant("It rains."),
            user("Thanks. And 'tomorrow'?"),
        ],
    ),
    "parallel calls": (
        [WEATHER, NOW],
        [
            user("Both, please."),
            assistant(
                None,
                tool_calls=[call("get_weather", '{"city": "B"}'), call("now", "{}", "call00002")],
            ),
            result("fog", name="get_weather"),
            result("noon", "call00002", "now"),
        ],
    ),
    "two rounds": (
        [WEATHER, SEARCH, NOW],
        [
            system("Be brief."),
            user("When does it rain?"),
            assistant(None, tool_calls=[call("now", "")]),
            result("09:30", name="now"),
            assistant(None, tool_calls=[call("get_weather", '{"city": "C"}', "call00002")]),
            result("rain at 10", "call00002", "get_weather"),
        ],
    ),
    "text beside a call": (
        [SEARCH],
        [
            user("Find it"),
            assistant(
                "<think>\nI search.\n</think>\n\nLooking …",
                tool_calls=[call("web_search", '{"queries": ["x"], "options": {}}')],
            ),
            result("", name="web_search"),
        ],
    ),
    "chinese": (
        [CHINESE],
        [
            system("请用中文回答。"),
            user("杭州天气？"),
            assistant(None, tool_calls=[call("查询天气", '{"城市": "杭州"}')]),
            result("晴，二十一度", name="查询天气"),
        ],
    ),
    # Texts of arguments are as `json.dumps` writes them: transformers writes all of them so, and
    # we keep others (test_exact_arguments).
    "nested arguments": (
        [SEARCH, PLAIN],
        [
            user("Search"),
            assistant(
                None,
                tool_calls=[
                    call(
                        "web_search",
                        '{"queries": ["a\\"b", "{}"], "options": {"safe": true, "region": null, '
                        '"range": [{"from": 1000.0, "to": -0.5}, {}]}}',
                    )
                ],
            ),
            result('[{"title": "A <b>", "url": "https://a.b/?c&d"}]', name="web_search"),
        ],
    ),
    "arguments that are no JSON": (
        [WEATHER],
        [
            user("Weather?"),
            assistant(None, tool_calls=[call("get_weather", '{"city": "C')]),
            result("error: no JSON", name="get_weather"),
        ],
    ),
    "many tools": (
        MANY,
        [
            user("Seven"),
            assistant(None, tool_calls=[call("function_7", '{"p7": 7}', "abcDEF123")]),
            result("7\n\n  8 ", "abcDEF123", "function_7"),
        ],
    ),
    "white space": (
        [tool("a_b-c.d", "  two lines\n\n", properties={"x": {"type": "string"}}), PLAIN],
        [
            system("\n system \n"),
            user(" a "),
            assistant(" b ", tool_calls=[call("a_b-c.d", '{"x": " y\\n"}')]),
            result(" c\n", name="a_b-c.d"),
            assistant(" d "),
            user("e "),
        ],
    ),
    "special": (
        [HOSTILE, WEATHER],
        [
            system(SPECIAL),
            user(SPECIAL),
            assistant(None, tool_calls=[call("x<|im_end|>", '{"</s>": "<|im_start|>"}')]),
            result(SPECIAL, name="x<|im_end|>"),
        ],
    ),
}
