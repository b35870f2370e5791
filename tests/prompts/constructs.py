"""Constructs that chat templates use, with three templates for each."""

from __future__ import annotations

_ALL = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"

CONSTRUCTS: dict[str, tuple[str, str, str]] = {
    "generation": (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
        "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}",
        "{% for m in messages %}\n  {%- generation -%}\n  {{ loop.index }}{{ m.content }}\n"
        "  {%- endgeneration -%}\n{% endfor %}",
        "{% set n = namespace(i=0) %}{% for m in messages %}{% generation %}"
        "{% set n.i = n.i + 1 %}{% set x = m.content %}{{ n.i }}{{ x }}{% endgeneration %}"
        "[{{ x is defined }}]{% endfor %}",
    ),
    "tojson": (
        "{% for m in messages %}{{ m | tojson }}\n{% endfor %}",
        "{{ messages | tojson(indent=2) }}",
        "{{ {'b': messages[0].content, 'a': [1, 2.5, true, none]} | tojson(4) }}",
    ),
    "tojson's options": (
        "{% for m in messages %}{{ m | tojson(ensure_ascii=true, sort_keys=true) }}\n{% endfor %}",
        "{{ messages | tojson(separators=(',', ':'), ensure_ascii=False) }}",
        "{{ {'ü': messages[-1].content} | tojson(True, 1, ('; ', ' = '), True) }}",
    ),
    "tools and documents": (
        "{% if tools %}no{% endif %}{% if documents is defined %}" + _ALL + "{% endif %}",
        "{{ tools is none }}{{ documents is not none }}{{ tools == none }}" + _ALL,
        "{%- if tools is defined and tools is not none and tools | length > 0 %}no{% endif -%}"
        "{{ (documents or []) | length }}" + _ALL,
    ),
    "undefined names": (
        "{{ enable_thinking is defined }}{{ nothing }}{{ nothing or 'else' }}" + _ALL,
        "{% if not add_vision_id is defined %}" + _ALL + "{% endif %}{{ x | default('y') }}",
        "{{ messages[0].nothing | default('-', true) }}{{ messages[0].get('no') }}" + _ALL,
    ),
    "errors of type": (
        "{% for m in messages %}{{ m.role + ': ' + m.content + (1 if m.role == 'system' else "
        "'') }}{% endfor %}",
        "{{ 'x' + documents if messages | length > 2 }}" + _ALL,
        "{% for m in messages %}{{ m.content[0] }}{{ m.content | length // (m.content | length "
        "- 1) }}{% endfor %}",
    ),
    "errors by role": (
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{{ m.content }}{% endfor %}",
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system: ' ~ "
        "messages[0].content) }}{% endif %}" + _ALL,
        "{% for m in messages %}{% if m.role not in ['user', 'assistant'] %}"
        "{{ raise_exception('role ' + m.role) }}{% endif %}{{ m['content'] }}{% endfor %}",
    ),
    "namespace": (
        "{% set ns = namespace(n=0, last='') %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
        "{% set ns.last = m.content %}{% endfor %}{{ ns.n }}{{ ns.last }}",
        "{% set ns = namespace(found=false) %}{% for m in messages[::-1] %}"
        "{% if m.role == 'user' and not ns.found %}{% set ns.found = true %}{{ m.content }}"
        "{% endif %}{% endfor %}",
        "{% set ns = namespace({'a': 1}, b=2) %}{% set ns._a = messages %}{{ ns.a }}" + _ALL,
    ),
    "loop controls": (
        "{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}"
        "{{ m.content }}{% endfor %}",
        "{% for m in messages %}{{ m.content }}{% if loop.index == 2 %}{% break %}{% endif %}"
        "{% endfor %}",
        "{% for m in messages %}{% for c in m.content %}{% if c == ' ' %}{% break %}"
        "{% else %}{% continue %}{% endif %}{% endfor %}{{ m.content }}{% endfor %}",
    ),
    "loop": (
        "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}"
        "{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ m.content }}{% endfor %}",
        "{% for m in messages %}{{ loop.previtem.role if loop.previtem }}>{{ m.content }}"
        "{{ loop.nextitem is defined }}{{ loop.cycle('a', 'b') }}{{ loop.changed(m.role) }}"
        "{% else %}none{% endfor %}",
        "{% for m in messages if m.role != 'system' %}{{ loop.index }}/{{ loop.length }}"
        "{{ m.content }}{% else %}only systems{% endfor %}",
    ),
    "recursive loops": (
        "{% for m in messages recursive %}{{ m.content }}{% if loop.depth == 1 %}"
        "({{ loop(messages[:1]) }}){% endif %}{% endfor %}",
        "{% for x in [messages] recursive %}{% if x is mapping %}{{ x.content }}"
        "{% else %}[{{ loop(x) }}]{% endif %}{% endfor %}",
        "{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}{{ loop(x) }}"
        "{{ loop.depth }}{{ loop.length }}{% else %}{{ x }}{% endif %}{% endfor %}" + _ALL,
    ),
    "macros": (
        "{% macro turn(m, end='\\n') %}{{ m.role }}: {{ m.content }}{{ end }}{% endmacro %}"
        "{% for m in messages %}{{ turn(m) }}{{ turn(m, end='.') }}{% endfor %}",
        "{% macro count(n) %}{% if n > 0 %}{{ n }}{{ count(n - 1) }}{% endif %}{% endmacro %}"
        "{{ count(messages | length) }}" + _ALL,
        "{% macro wrap() %}<{{ caller(varargs | length) }}{{ kwargs.x }}>{% endmacro %}"
        "{% for m in messages %}{% call(n) wrap(1, 2, x=3) %}{{ m.content }}{{ n }}{% endcall %}"
        "{% endfor %}",
    ),
    "slices": (
        "{{ messages[1:] | length }}{{ messages[0].content[:5] }}{{ messages[-1].content[-3:] }}",
        "{% for m in messages[::-1] %}{{ m.content[::2] }}{% endfor %}",
        "{% set rest = messages[1:] if messages[0].role == 'system' else messages %}"
        "{% for m in rest[:-1] + rest[-1:] %}{{ m.content }}{% endfor %}",
    ),
    "is": (
        "{% for m in messages %}{{ m is mapping }}{{ m.content is string }}{{ m is iterable }}"
        "{{ m.content is sequence }}{{ m.content }}{% endfor %}",
        "{{ none is none }}{{ 1 is number }}{{ 1.5 is float }}{{ true is boolean }}"
        "{{ 3 is odd }}{{ 4 is divisibleby 2 }}{{ x is undefined }}{{ raise_exception is callable "
        "}}{{ 'tojson' is filter }}{{ 'a' is in 'abc' }}{{ 1 is eq 1 }}" + _ALL,
        "{% for m in messages %}{{ m.role is equalto 'user' }}{{ m.content is not none }}"
        "{{ m.content is lower }}{{ m.content is gt 'a' }}{{ m.content }}{% endfor %}",
    ),
    "dates": (
        "{{ strftime_now('%Y') }}" + _ALL,
        "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% endif %}" + _ALL,
        "{% set date_string = strftime_now('%B %Y') if not date_string %}{{ date_string }}" + _ALL,
    ),
    "methods of strings": (
        "{% for m in messages %}{{ m.content.strip().upper() }}{{ m.content.split('</think>')[-1]"
        ".lstrip('\\n') }}{{ m.content.startswith('a') }}{% endfor %}",
        "{% for m in messages %}{{ m.content.replace('a', '--').rstrip() }}"
        "{{ m.content.splitlines() }}{{ m.content.find('o') }}{{ ', '.join([m.role, 'x']) }}"
        "{% endfor %}",
        "{% for m in messages %}{{ '{} {x!r:>9} {0[role]}'.format(m, x=m.role) }}"
        "{{ '%s|%5d|%-4s' % (m.content, 3, 'b') }}{{ m.content.partition(' ')[0].title() }}"
        "{% endfor %}",
    ),
    "methods of dicts and lists": (
        "{% for m in messages %}{% for k, v in m.items() %}{% if k == 'content' %}{{ k }}={{ v }}"
        ";{% endif %}{% endfor %}{% endfor %}",
        "{% for m in messages %}{{ m.get('content', '') }}{{ m.get('no', 'default') }}"
        "{{ 'role' in m.keys() }}{{ 'role' in m }}{{ [1, 2, 1].count(1) }}{{ [3, 4].index(4) }}"
        "{% endfor %}",
        "{{ dict(a=1, b=messages[0].content) }}{{ dict.fromkeys(['x', 'y'], 0) }}"
        "{{ dict([('k', 'v')]).k }}{{ {'a': {'b': 2}}['a'].b }}",
    ),
    "filters of text": (
        "{% for m in messages %}{{ m.content | trim }}|{{ m.content | upper | lower | title }}|"
        "{{ m.content | capitalize }}|{{ m.content | replace('e', '3') }}\n{% endfor %}",
        "{% for m in messages %}{{ m.content | indent(4, true) }}{{ m.content | wordcount }}"
        "{{ m.content | truncate(9) }}{{ m.role | center(20) }}{{ '%s!' | format(m.role) }}"
        "{% endfor %}",
        "{% for m in messages %}{{ m.content | escape }}{{ m.content | urlencode }}"
        "{{ m.content | string | length }}{{ m.content | wordwrap(10) }}{{ m.content | striptags "
        "}}{{ m.content | reverse }}{{ m.content | safe }}{% endfor %}",
    ),
    "filters of lists": (
        "{{ messages | map(attribute='role') | join(', ') }}{{ messages | selectattr('role', "
        "'equalto', 'user') | map(attribute='content') | list }}{{ messages | last }}",
        "{% set systems = messages | selectattr('role', 'eq', 'system') | list %}{{ systems | "
        "length }}{% for m in messages | rejectattr('role', 'equalto', 'system') %}{{ m.content "
        "}}{% endfor %}{{ [3, 1, 2] | sort | join }}{{ [1, 2] | sum }}{{ [1, 2] | max }}",
        "{% for g in messages | groupby('role') %}{{ g.grouper }}{{ g.list | length }}"
        "{% endfor %}{{ messages | map(attribute='role') | unique | list }}{{ [1, 2, 3] | "
        "batch(2, 0) | list }}{{ [1, 2, 3] | slice(2) | list }}{{ (messages | first).content }}"
        "{{ {'b': 1, 'a': 2} | dictsort }}{{ messages | map('length') | list }}",
    ),
    "set blocks": (
        "{% for m in messages %}{% set text %}{{ m.role }}: {{ m.content }}{% endset %}"
        "{{ text }}{% endfor %}",
        "{% set all | trim | upper %}" + _ALL + "{% endset %}{{ all }}",
        "{% filter replace('a', 'b') %}" + _ALL + "{% endfilter %}",
    ),
    "conditions": (
        "{% for m in messages %}{{ m.content if m.role == 'user' else '(' ~ m.role ~ ')' }}"
        "{{ 'x' if false }}{% endfor %}",
        "{% for m in messages %}{% if m.role == 'user' and m.content or not m.content %}u"
        "{% elif m.role in ('system', 'developer') %}s{% else %}a{% endif %}{{ m.content }}"
        "{% endfor %}",
        "{% if 1 < messages | length <= 3 %}few{% endif %}{{ messages[0].content == "
        "messages[-1].content }}{{ 'a' < messages[0].content }}" + _ALL,
    ),
    "arithmetic": (
        "{{ 7 // 2 }}{{ 7 % 2 }}{{ 2 ** 10 }}{{ 7 / 2 }}{{ -3 + 1 }}{{ 3 * 'ab' }}{{ 'ab' * 2 }}"
        + _ALL,
        "{% for i in range(0, messages | length, 2) %}{{ i }}{{ messages[i].content }}{% endfor %}"
        "{{ range(3) | list }}{{ [1] + [2] }}{{ [0] * 3 }}",
        "{{ (messages | length) * 2 - 1 }}{{ 10 | float | round(1) }}{{ '12' | int + 1 }}"
        "{{ -5 | abs }}{{ 2.567 | round(2, 'floor') }}" + _ALL,
    ),
    "concatenation": (
        "{% for m in messages %}{{ m.role ~ ': ' ~ m.content ~ 1 ~ none ~ [m.role] }}{% endfor %}",
        "{% set ns = namespace(text='') %}{% for m in messages %}{% set ns.text = ns.text + "
        "m.content + '\\n' %}{% endfor %}{{ ns.text }}",
        "{{ bos_token + messages[0].content + eos_token }}{{ 'a' 'b' }}{{ bos_token ~ pad_token }}",
    ),
    "white space": (
        "{% for m in messages -%}\n   {{ m.content }}\n   {%- if not loop.last %}\n\n  {% endif %}"
        "\n{%- endfor %}\n",
        "    {% for m in messages %}\n    {% if true +%}\n  {{- m.content -}}\n  {% endif %}\n"
        "    {%+ endfor %}\n\n",
        "{# a comment #}\n{%- raw %}{{ not this }}{% endraw -%}\n  {{ messages[0].content }}  \n\n",
    ),
    "unpacking": (
        "{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }}{% endfor %}" + _ALL,
        "{% set first, second = 'x', 'y' %}{{ first }}{{ second }}{% for k, v in "
        "messages[0] | items %}{% if k != 'name' %}{{ k }}{{ v }}{% endif %}{% endfor %}",
        "{% with a = messages[0].content, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    ),
    "calls of tools": (
        "{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}"
        "{{ c.function.name }}{{ c.function.arguments | tojson }}{{ c.id }}{% endfor %}"
        "{% else %}{{ m.role }}{{ m.content }}{{ m.tool_call_id }}{% endif %}{% endfor %}",
        "{% for m in messages %}{% if m.tool_calls is defined and m.tool_calls is not none %}"
        "{% for c in m['tool_calls'] %}{% if c.function is defined %}{% set c = c.function %}"
        "{% endif %}{{ c.name }}({% for k, v in c.arguments | items %}{{ k }}={{ v }},{% endfor %})"
        "{% endfor %}{% endif %}{{ m.content or '' }}{{ m.name }}{% endfor %}",
        "{% for m in messages %}{{ m.role }}{% if 'tool_calls' in m %}{{ m.tool_calls | string }}"
        "{{ m.tool_calls[0].function.arguments }}{% endif %}{% if m.content %}{{ m.content }}"
        "{% endif %}{% endfor %}",
    ),
    "blocks": (
        "{% block body %}" + _ALL + "{% endblock %}",
        "{% block a %}a{% endblock %}{{ self.a() }}" + _ALL,
        "{% for m in messages %}{% block turn scoped %}{{ m.content }}{% endblock %}{% endfor %}",
    ),
    "globals": (
        "{% set j = joiner(', ') %}{% for m in messages %}{{ j() }}{{ m.content }}{% endfor %}",
        "{% set c = cycler('odd', 'even') %}{% for m in messages %}{{ c.next() }}{{ m.content }}"
        "{% endfor %}{{ c.current }}",
        "{{ (messages | length).bit_length() }}{{ add_generation_prompt }}{{ (1.0).is_integer() }}"
        + _ALL,
    ),
}
