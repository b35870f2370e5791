"""Constructs around tools that chat templates use, with three templates for each.

Each shows the tools' names, so that no text of ours is added.
"""

from __future__ import annotations

#: The conversation with its calls and results.
_ALL = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %}"
    "[{{ c.function.name }} {{ c.function.arguments | tojson }}]{% endfor %}{{ '\n' }}{% endfor %}"
)
_NAMES = "{% for t in tools or [] %}{{ t.function.name }};{% endfor %}"

TOOL_CONSTRUCTS: dict[str, tuple[str, str, str]] = {
    "loops over tools": (
        "{% for t in tools %}{{ t.type }} {{ t.function.name }}: {{ t.function.description }}\n"
        "{% endfor %}" + _ALL,
        "{% for tool in tools %}{{ loop.index }}/{{ loop.length }}{{ tool['function']['name'] }}"
        "{% else %}none{% endfor %}" + _ALL,
        "{% for f in tools | map(attribute='function') %}{{ f.name }}({{ f.parameters.required }})"
        "{% endfor %}" + _ALL,
    ),
    "loop.last": (
        "{% for t in tools %}{{ t.function.name }}{% if not loop.last %}, {% else %}.{% endif %}"
        "{% endfor %}" + _ALL,
        "{% for t in tools %}{{ '[' if loop.first }}{{ t | tojson }}{{ ']' if loop.last else ', ' "
        "}}{% endfor %}" + _ALL,
        _NAMES + "{% for m in messages %}{% if loop.last and m.role == 'tool' %}last: {% endif %}"
        "{{ m.content }}{{ loop.revindex0 }}{% for c in m.tool_calls %}{{ c.function.name }}"
        "{{ c.function.arguments }}{{ ',' if not loop.last }}{% endfor %}{% endfor %}",
    ),
    "tojson": (
        "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}" + _ALL,
        "{{ tools | tojson }}" + _ALL,
        "{% for t in tools %}{{ {'name': t.function.name, 'parameters': t.function.parameters} | "
        "tojson }}{% endfor %}" + _ALL,
    ),
    "tojson(indent=4)": (
        "{% for tool in tools %}{{ tool | tojson(indent=4) }}\n\n{% endfor %}" + _ALL,
        "{{ tools | tojson(indent=2) }}" + _ALL,
        "{% for t in tools %}{{ t.function | tojson(indent=4) | indent(2) }}{% endfor %}" + _ALL,
    ),
    "tojson's options": (
        "{{ tools | tojson(ensure_ascii=false, sort_keys=true) }}" + _ALL,
        "{{ tools | tojson(separators=(',', ':')) }}" + _ALL,
        _NAMES + "{% for m in messages %}{{ m | tojson(ensure_ascii=True) }}\n{% endfor %}",
    ),
    "string of a dict": (
        "{% for tool in tools %}{{ tool }}\n{% endfor %}" + _ALL,
        "{{ tools | string | length }}{{ tools | string }}" + _ALL,
        _NAMES + "{% for m in messages %}{{ m.content }}{{ m.tool_calls | string }}{% endfor %}",
    ),
    "macros": (
        "{% macro signature(f) %}{{ f.name }}({% for k in f.parameters.properties or {} %}{{ k }}"
        "{{ ', ' if not loop.last }}{% endfor %}){% endmacro %}{% for t in tools %}"
        "{{ signature(t.function) }}\n{% endfor %}" + _ALL,
        "{%- macro type_of(s) -%}{%- if s.type == 'array' -%}{{ type_of(s['items']) }}[]"
        "{%- elif s.type == 'object' -%}{ {%- for k, v in (s.properties or {}) | items -%}{{ k }}: "
        "{{ type_of(v) }}; {% endfor -%} }{%- elif s.enum -%}{{ s.enum | map('tojson') | "
        "join(' | ') }}{%- else -%}{{ s.type }}{%- endif -%}{%- endmacro -%}{%- for t in tools %}"
        "{{ t.function.name }}{{ type_of(t.function.parameters or {}) }}\n{% endfor %}" + _ALL,
        "{% macro block(tag) %}<{{ tag }}>{{ caller() }}</{{ tag }}>{% endmacro %}"
        "{% call block('tools') %}{{ tools | tojson }}{% endcall %}" + _ALL,
    ),
    "namespaces": (
        "{% set ns = namespace(text='', count=0) %}{% for t in tools %}{% set ns.count = ns.count "
        "+ 1 %}{% set ns.text = ns.text ~ t.function.name ~ '|' %}{% endfor %}{{ ns.count }}"
        "{{ ns.text }}" + _ALL,
        _NAMES + "{% set ns = namespace(tool=false) %}{% for m in messages %}{% if m.tool_calls %}"
        "{% set ns.tool = true %}{{ m.tool_calls[0].function.name }}"
        "{{ m.tool_calls[0].function.arguments }}{% elif m.role == 'tool' and ns.tool %}"
        "{% set ns.tool = false %}={{ m.content }}{% else %}{{ m.content }}{% endif %}{% endfor %}",
        _NAMES + "{% set ns = namespace(last_user=-1) %}{% for m in messages %}{% if m.role == "
        "'user' %}{% set ns.last_user = loop.index0 %}{% endif %}{% endfor %}{{ ns.last_user }}"
        + _ALL,
    ),
    "properties.items()": (
        "{% for t in tools %}{{ t.function.name }}{% if t.function.parameters %}{% for name, p in "
        "t.function.parameters.properties.items() %}{{ name }}:{{ p.type }}={{ p.default }} "
        "{% endfor %}{% endif %}{% endfor %}" + _ALL,
        "{% for t in tools if t.function.parameters %}{{ t.function.name }}{% for name, p in "
        "t.function.parameters.properties | items %}{{ loop.index }}{{ name }}{{ p | tojson }}"
        "{% endfor %}{% endfor %}{{ tools[-1].function.name }}" + _ALL,
        "{% for t in tools %}{{ t.function.name }}{% for name, p in (t.function.parameters | "
        "default({})).get('properties', {}) | dictsort %}{{ name }}{{ p.description }}"
        "{% endfor %}{% endfor %}" + _ALL,
    ),
    "tools is iterable": (
        "{% if tools is iterable and tools | length > 0 %}" + _NAMES + "{% endif %}" + _ALL,
        "{% if tools is sequence and tools is not mapping and tools is not string %}"
        + _NAMES
        + "{% endif %}"
        + _ALL,
        "{% for t in tools %}{% if t is mapping and t.function is mapping and t.function.name is "
        "string %}{{ t.function.name }}{% endif %}{% endfor %}" + _ALL,
    ),
    "is defined and is not none": (
        "{% if tools is defined and tools is not none %}" + _NAMES + "{% endif %}" + _ALL,
        "{% if not tools is defined %}{% set tools = none %}{% endif %}{% if tools is not none %}"
        "{{ tools | length }}" + _NAMES + "{% endif %}" + _ALL,
        "{%- set has_tools = tools is defined and tools is not none and tools | length > 0 -%}"
        "{{ has_tools }}" + _NAMES + "{% for m in messages %}{% if m.tool_calls is defined and "
        "m.tool_calls is not none %}{% for c in m.tool_calls %}{{ c.function | tojson }}{% endfor "
        "%}{% endif %}{{ m.content if m.content is defined and m.content is not none }}"
        "{% endfor %}",
    ),
    "set with a default": (
        "{% set tools = tools or [] %}{{ tools | length }}" + _NAMES + _ALL,
        "{% set available = tools if tools else none %}{{ available is none }}" + _NAMES + _ALL,
        "{% set tools_in_user_message = tools_in_user_message | default(false) %}"
        "{{ tools_in_user_message }}" + _NAMES + _ALL,
    ),
    "raise_exception": (
        "{% for t in tools %}{% if t.type != 'function' %}{{ raise_exception('functions only') }}"
        "{% endif %}{{ t.function.name }}{% endfor %}" + _ALL,
        _NAMES + "{% for m in messages %}{% if m.tool_calls and m.tool_calls | length != 1 %}"
        "{{ raise_exception('one call at once') }}{% endif %}{{ m.content }}{% for c in "
        "m.tool_calls %}{{ c.function.name }}{{ c.function.arguments }}{% endfor %}{% endfor %}",
        _NAMES + "{% for m in messages %}{% if m.role == 'tool' and (m.tool_call_id is not defined "
        "or m.tool_call_id | length != 9) %}{{ raise_exception('bad id') }}{% endif %}"
        "{{ m.content }}{% for c in m.tool_calls %}{{ c.id }}{{ c.function.name }}"
        "{{ c.function.arguments }}{% endfor %}{% endfor %}",
    ),
    "strftime_now": (
        "Today: {{ strftime_now('%d %b %Y') }}\n" + _NAMES + _ALL,
        "{% if not date_string is defined %}{% if strftime_now is defined %}{% set date_string = "
        "strftime_now('%d %B %Y') %}{% else %}{% set date_string = '26 Jul 2024' %}{% endif %}"
        "{% endif %}{{ date_string }}{{ tools | tojson }}" + _ALL,
        _NAMES + "{{ strftime_now('%Y-%m') ~ '|' ~ tools | length }}" + _ALL,
    ),
    "generation": (
        _NAMES + "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}"
        "{{ m.content }}{% for c in m.tool_calls %}<tool_call>{{ c.function | tojson }}</tool_call>"
        "{% endfor %}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}",
        _NAMES + "{% for m in messages %}\n  {%- generation -%}\n  {{ m.content }}"
        "{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments }}{% endfor %}\n"
        "  {%- endgeneration -%}\n{% endfor %}",
        "{% generation %}{% for t in tools %}{% set name = t.function.name %}{{ name }}"
        "{% endfor %}{% endgeneration %}{{ name is defined }}" + _ALL,
    ),
    "required parameters": (
        "{% for t in tools %}{{ t.function.name }}{% set p = t.function.parameters %}{% if p %}"
        "{% for k in p.properties %}{{ k }}{{ '*' if p.required and k in p.required else '?' }}"
        "{% endfor %}{% endif %}{% endfor %}" + _ALL,
        "{% for t in tools %}{{ t.function.name }}: {{ (t.function.parameters.required or []) | "
        "join(', ') if t.function.parameters }}{% endfor %}" + _ALL,
        "{% for t in tools %}{{ t.function.name }}{% if t.function.parameters is defined %}"
        "{{ t.function.parameters.get('required', []) | length }}{% endif %}{% endfor %}" + _ALL,
    ),
    "descriptions that may be missing": (
        "{% for t in tools %}{{ t.function.name }}{{ t.function.description | default('(none)') }}"
        "{% endfor %}" + _ALL,
        "{% for t in tools %}{{ t.function.name }}{{ t.function.get('description', '') | trim }}"
        "{% if 'parameters' in t.function %}+{% endif %}{% endfor %}" + _ALL,
        "{% for t in tools %}{% if t.function.description %}# {{ t.function.description | "
        "replace('\n', '\n# ') }}\n{% endif %}def {{ t.function.name }}\n{% endfor %}" + _ALL,
    ),
    "values of enum": (
        "{% for t in tools %}{{ t.function.name }}{% for p in (t.function.parameters.properties or "
        "{}).values() if p.enum %}{{ p.enum | join('|') }}{% endfor %}{% endfor %}" + _ALL,
        "{% for t in tools %}{{ t.function.name }}{% if t.function.parameters %}{% for k, p in "
        "t.function.parameters.properties.items() %}{% if p.enum is defined %}{% for e in p.enum "
        "%}{{ '\"' ~ e ~ '\"' }}{{ ' or ' if not loop.last }}{% endfor %}{% endif %}{% endfor %}"
        "{% endif %}{% endfor %}" + _ALL,
        "{% for t in tools %}{{ t.function.name }}{% for k, p in "
        "(t.function.parameters.properties or {}).items() %}{{ p.enum | tojson if 'enum' in p "
        "else p.type }}{% endfor %}{% endfor %}" + _ALL,
    ),
    "nested schemas": (
        "{% for t in tools %}{{ t.function.name }}{% for k, p in "
        "(t.function.parameters.properties or {}).items() recursive %}{{ k }}<{{ p.type }}>"
        "{% if p.properties %}({{ loop(p.properties.items()) }}){% endif %}{% endfor %}{% endfor %}"
        + _ALL,
        "{% for t in tools %}{{ t.function.name }}{% for k, p in "
        "(t.function.parameters.properties or {}).items() %}{% if p['items'] %}{{ p['items'].type "
        "}}[]{% endif %}{% if p.type is string %}{{ p.type | upper }}{% else %}{{ p.type | join("
        "'|') }}{% endif %}{% endfor %}{% endfor %}" + _ALL,
        "{% for t in tools %}{{ t.function.name }}{{ t.function.parameters.properties.options."
        "properties.region.type if t.function.name == 'web_search' }}{% endfor %}" + _ALL,
    ),
    "results in a row": (
        _NAMES + "{% for m in messages %}{% if m.role == 'tool' %}{% if loop.first or "
        "messages[loop.index0 - 1].role != 'tool' %}<user>{% endif %}<r>{{ m.content }}</r>"
        "{% if loop.last or messages[loop.index0 + 1].role != 'tool' %}</user>{% endif %}"
        "{% else %}{{ m.content }}{% for c in m.tool_calls %}{{ c.function.name }}"
        "{{ c.function.arguments }}{% endfor %}{% endif %}{% endfor %}",
        _NAMES + "{% for m in messages %}{% if m.role == 'tool' %}{{ '<user>' if "
        "loop.previtem.role != 'tool' }}{{ m.content }}{{ '</user>' if loop.nextitem is undefined "
        "or loop.nextitem.role != 'tool' }}{% else %}{{ m.content }}{{ m.tool_calls | tojson if "
        "m.tool_calls }}{% endif %}{% endfor %}",
        _NAMES + "{% for m in messages %}{{ '---' if loop.changed(m.role) }}{{ m.content }}"
        "{% for c in m.tool_calls %}{{ c.function }}{% endfor %}{% endfor %}",
    ),
    "names and ids of results": (
        _NAMES + "{% for m in messages %}{% if m.role == 'tool' %}{{ m.name }}#{{ m.tool_call_id "
        "}}: {{ m.content }}{% else %}{{ m.content }}{% for c in m.tool_calls %}{{ c.id }}"
        "{{ c.function.name }}{{ c.function.arguments }}{% endfor %}{% endif %}{% endfor %}",
        _NAMES + "{% set ns = namespace(names={}) %}{% for m in messages %}{% for c in "
        "m.tool_calls %}{% set ns.names = dict(ns.names, **{c.id: c.function.name}) %}"
        "{{ c.function.name }}{{ c.function.arguments }}{% endfor %}{{ m.content }}"
        "{{ ns.names[m.tool_call_id] if m.role == 'tool' }}{% endfor %}",
        _NAMES + "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}{{ c | tojson "
        "}}{% for r in messages if r.tool_call_id == c.id %}={{ r.content }}{% endfor %}"
        "{% endfor %}{% endfor %}",
    ),
    "arguments": (
        _NAMES + "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}"
        "{{ c.function.name }}{% if c.function.arguments is string %}{{ c.function.arguments }}"
        "{% else %}{{ c.function.arguments | tojson }}{% endif %}{% endfor %}{% endfor %}",
        _NAMES + "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}"
        "{{ c.function.name }}({% if c.function.arguments is mapping %}{% for k, v in "
        "c.function.arguments | items %}{{ k }}={{ v | tojson if v is not string else v }}"
        "{{ ', ' if not loop.last }}{% endfor %}{% else %}{{ c.function.arguments }}{% endif %})"
        "{% endfor %}{% endfor %}",
        _NAMES + "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}"
        "{{ c.function.name }}{% for k, v in c.function.arguments.items() %}<parameter={{ k }}>\n"
        "{{ v if v is string else v | tojson }}\n</parameter>{% endfor %}{% endfor %}{% endfor %}",
    ),
    "calls": (
        _NAMES + "{% for m in messages %}{% if m.tool_calls %}{% for tool_call in m.tool_calls %}"
        "{% if tool_call.function %}{% set tool_call = tool_call.function %}{% endif %}"
        '{{ \'{"name": "\' ~ tool_call.name ~ \'", "arguments": \' }}'
        "{{ tool_call.arguments | tojson }}}{% endfor %}{% else %}{{ m.content }}{% endif %}"
        "{% endfor %}",
        _NAMES + "{% for m in messages %}{% if 'tool_calls' in m and m['tool_calls'] | length > 0 "
        "%}{{ (m.tool_calls | first).function.name }}{{ m.tool_calls | map(attribute="
        "'function.arguments') | list }}{% endif %}{{ m.content }}{% endfor %}",
        _NAMES + "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' and "
        "m.tool_calls is defined %}{{ m.tool_calls | length }}{{ m.tool_calls[-1].type }}"
        "{{ m.tool_calls[-1].function.name }}{{ m.tool_calls[-1].function.arguments }}{% endif %}"
        "{% endfor %}",
    ),
    "tools before the last question": (
        "{% set users = messages | selectattr('role', 'equalto', 'user') | list %}{% for m in "
        "messages %}{% if tools is not none and m == users[-1] %}[TOOLS]{{ tools | tojson }}"
        "{% endif %}{{ m.content }}{% for c in m.tool_calls %}{{ c.function | tojson }}{% endfor %}"
        "{% endfor %}",
        "{% set ns = namespace(last=0) %}{% for m in messages if m.role == 'user' %}{% set ns.last "
        "= loop.length %}{% endfor %}{% set n = namespace(seen=0) %}{% for m in messages %}"
        "{% if m.role == 'user' %}{% set n.seen = n.seen + 1 %}{% if n.seen == ns.last %}"
        + _NAMES
        + "{% endif %}{% endif %}{{ m.content }}{% for c in m.tool_calls %}{{ c.function.name }}"
        "{{ c.function.arguments }}{% endfor %}{% endfor %}",
        "{% for m in messages %}{% if m.role == 'user' and not (messages[loop.index:] | "
        "selectattr('role', 'eq', 'user') | list) %}" + _NAMES + "{% endif %}{{ m.content }}"
        "{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments }}{% endfor %}"
        "{% endfor %}",
    ),
    "tools in the first user message": (
        "{% if messages[0].role == 'system' %}{% set system = messages[0].content | trim %}"
        "{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}{{ system }}"
        "{% if tools %}{% set first = messages[0].content | trim %}{% set messages = messages[1:] "
        "%}{% for t in tools %}{{ t | tojson(indent=4) }}\n\n{% endfor %}{{ first }}{% endif %}"
        + _ALL,
        "{% for m in messages %}{% if loop.first and m.role != 'system' or loop.index == 2 and "
        "messages[0].role == 'system' %}" + _NAMES + "{% endif %}{{ m.content }}{% for c in "
        "m.tool_calls %}{{ c.function.name }}{{ c.function.arguments }}{% endfor %}{% endfor %}",
        "{%- set offset = 1 if messages[0]['role'] == 'system' else 0 -%}{{ messages[offset]"
        "['content'] ~ tools | tojson }}{% for m in messages[offset + 1:] %}{{ m.content }}"
        "{% for c in m.tool_calls %}{{ c.function | tojson }}{% endfor %}{% endfor %}",
    ),
    "tools in the system message": (
        "{%- if tools %}{{- '<|im_start|>system\n' }}{%- if messages[0].role == 'system' %}"
        "{{- messages[0].content + '\n\n' }}{%- endif %}{{- tools | tojson }}{%- endif %}" + _ALL,
        "{% for m in messages %}{{ m.content }}{% if m.role == 'system' %}" + _NAMES + "{% endif %}"
        "{% for c in m.tool_calls %}{{ c.function.name }}{{ c.function.arguments }}{% endfor %}"
        "{% endfor %}{{ tools[0].function.name }}",
        "{% set systems = messages | selectattr('role', 'equalto', 'system') | map(attribute="
        "'content') | join('\n') %}{{ systems ~ tools | tojson }}{% for m in messages | "
        "rejectattr('role', 'equalto', 'system') %}{{ m.content }}{{ m.tool_calls | default([]) | "
        "map(attribute='function') | map('tojson') | join }}{% endfor %}",
    ),
    "slices of tools": (
        "{{ tools[0].function.name }}{{ tools[1:] | tojson }}" + _ALL,
        "{% for t in tools[::-1] %}{{ t.function.name }}{% endfor %}{{ tools[-1].type }}" + _ALL,
        "{% for t in tools[:2] + tools[2:] %}{{ t.function.name }}{% endfor %}"
        "{{ messages[-2:] | map(attribute='role') | list }}" + _ALL,
    ),
    "filters of tools": (
        "{{ tools | map(attribute='function.name') | join(', ') }}{{ tools | map(attribute="
        "'function') | map(attribute='name') | sort | list }}" + _ALL,
        "{% for t in tools | selectattr('type', 'equalto', 'function') %}{{ t.function.name }}"
        "{% endfor %}{{ tools | selectattr('function.parameters', 'defined') | list | length }}"
        + _ALL,
        "{% for g in tools | groupby('type') %}{{ g.grouper }}{% for t in g.list %}"
        "{{ t.function.name }}{% endfor %}{% endfor %}{{ (tools | first).type }}"
        "{{ (tools | last).function.name | upper }}{{ tools | batch(2) | list | length }}" + _ALL,
    ),
    "text of tools": (
        "{{ (tools | tojson).replace('\"', \"'\") }}" + _ALL,
        "{% for t in tools %}{{ t.function.name.split('_') | join(' ') | title }}{{ 'x' in "
        "t.function.name }}{{ '%s(%d)' % (t.function.name, loop.index) }}{% endfor %}" + _ALL,
        "{% for t in tools %}{{ '{}: {!r}'.format(t.function.name, t.function.description or '') }}"
        "{% endfor %}" + _ALL,
    ),
    "set blocks": (
        "{% set list %}{% for t in tools %}{{ t.function.name }}\n{% endfor %}{% endset %}"
        "<{{ list | trim }}>" + _ALL,
        "{% set text | indent(2) %}{{ tools | tojson(indent=1) }}{% endset %}{{ text }}" + _ALL,
        "{% filter replace('function', 'tool') %}{% for t in tools %}{{ t | tojson }}{% endfor %}"
        "{% endfilter %}{{ tools[0].function.name }}" + _ALL,
    ),
    "conditions on tools": (
        "{{ 'tool' if tools | length == 1 else 'tools' }}" + _NAMES + _ALL,
        "{% if tools and messages | selectattr('role', 'eq', 'tool') | list %}used{% elif tools %}"
        "offered{% endif %}" + _NAMES + _ALL,
        "{% for t in tools if 'o' in t.function.name %}{{ t.function.name }}{% else %}no"
        "{% endfor %}{{ tools | map(attribute='function.name') | list }}" + _ALL,
    ),
    "white space": (
        "{%- if tools -%}\n    {%- for tool in tools -%}\n        {{- tool | tojson -}}\n"
        "        {%- if not loop.last -%},{%- endif -%}\n    {%- endfor -%}\n{%- endif -%}\n"
        + _ALL,
        "  {% for t in tools %}\n    {{ t.function.name }}\n  {% endfor %}\n\n" + _ALL,
        "{%+ if tools %} {{ tools | tojson }} {%+ endif %}\n{#- tools #}\n" + _ALL,
    ),
}
