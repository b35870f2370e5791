"""Which format a chat template teaches."""

from __future__ import annotations

import pytest

from app.tool_calls.formats import ToolFormat, detect_format

_TEMPLATES = {
    ToolFormat.HERMES: """{%- if tools %}{{ 'Answer with <tool_call>\\n{\\"name\\": <name>, '
        '\\"arguments\\": <args-json-object>}\\n</tool_call>' }}{% endif %}""",
    ToolFormat.QWEN3_CODER: """{% if tools %}<tool_call>\\n<function=example>\\n<parameter=x>
        value\\n</parameter>\\n</function>\\n</tool_call>{% endif %}""",
    ToolFormat.LLAMA3_JSON: """{{ 'Respond in the format {"name": function name, "parameters": '
        'dictionary of argument name and its value}' }}""",
    ToolFormat.MISTRAL: """{{- "[AVAILABLE_TOOLS] [" }}{{ "[TOOL_CALLS] [" }}""",
    ToolFormat.JSON: """{{ 'To call one answer {"name": ..., "arguments": {...}}' }}""",
}


@pytest.mark.parametrize("kind", ToolFormat)
def test_a_template_tells_the_format(kind: ToolFormat) -> None:
    assert detect_format(_TEMPLATES[kind]) is kind


def test_llama_3_with_built_in_tools() -> None:
    assert detect_format('{{ "<|python_tag|>" + tool_call.name }}') is ToolFormat.LLAMA3_JSON


@pytest.mark.parametrize("template", [None, "", "{{ messages[0].content }}"])
def test_a_template_without_tools_tells_none(template: str | None) -> None:
    assert detect_format(template) is None
