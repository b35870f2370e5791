"""Templates that run forever or use unbounded memory are refused early."""

from __future__ import annotations

import resource
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.connection.client_connection import ClientConnection
from app.connection.disconnect_watcher import DisconnectWatcher
from app.connection.request_context import RequestContext
from app.generation.rendering import render_conversation
from app.generation.served_model import ServedModel
from app.prompts import ChatMessage, ChatTemplateError
from app.prompts.chat_template import ChatTemplate, render_messages
from app.prompts.render_chat import render_with_template
from app.protocol.errors import ClientGone, DeadlinePassed
from app.protocol.messages import Conversation, Message, MessagePaths
from tests.fakes import INFO
from tests.prompts.test_like_transformers import FAMILIES

HELLO = [ChatMessage("user", "hello")]
_DOUBLE = "{% set ns = namespace(x='ab', y=['a'], z=['a']) %}{% for i in range(60) %}"

HOSTILE = {
    "nested loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}"
    "{% endfor %}",
    "loops that drop all": "{% for i in range(999) %}{% for j in range(99999) if false %}"
    "{% endfor %}{% endfor %}",
    "loops in a macro": "{% macro f() %}{% for i in range(99999) %}{% endfor %}{% endmacro %}"
    "{% for i in range(99999) %}{{ f() }}{% endfor %}",
    "branching macros": "{% macro f(n) %}{% if n %}{{ f(n - 1) ~ f(n - 1) }}{% endif %}"
    "{% endmacro %}{{ f(60) }}",
    "branching recursive loops": "{% for x in [1] recursive %}{% if loop.depth < 60 %}"
    "{{ loop([1, 2]) }}{% endif %}{% endfor %}",
    "endless macro": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "endless block": "{% block a %}{{ self.a() }}{% endblock %}",
    "endless caller": "{% macro f() %}{{ caller() }}{% endmacro %}{% macro g() %}{% call f() %}"
    "{{ g() }}{% endcall %}{% endmacro %}{{ g() }}",
    "string * number": "{{ 'a' * 3000000000 }}",
    "number * string": "{{ 3000000000 * 'a' }}",
    "list * number": "{{ ([messages] * 3000000000) | length }}",
    "tuple * number": "{{ ((1, 2) * 3000000000) | length }}",
    "power": "{{ 10 ** 10000000000 }}",
    "powers of powers": _DOUBLE + "{% set ns.x = (ns.x | int + 3) ** 5 %}{% endfor %}{{ ns.x }}",
    "products": "{% set ns = namespace(n=9) %}{% for i in range(60) %}{% set ns.n = ns.n * ns.n %}"
    "{% endfor %}{{ ns.n }}",
    "+ doubles": _DOUBLE + "{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x | length }}",
    "~ doubles": _DOUBLE + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x | length }}",
    "blocks double": _DOUBLE + "{% set t %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = t %}"
    "{% endfor %}{{ ns.x | length }}",
    "format doubles": _DOUBLE + "{% set ns.x = '{0}{0}'.format(ns.x) %}{% endfor %}ok",
    "percent doubles": _DOUBLE + "{% set ns.x = '%s%s' % (ns.x, ns.x) %}{% endfor %}ok",
    "join doubles": _DOUBLE + "{% set ns.x = [ns.x, ns.x] | join %}{% endfor %}ok",
    "replace doubles": _DOUBLE + "{% set ns.x = ns.x | replace('a', ns.x) %}{% endfor %}ok",
    "replace squares": "{{ ('a' * 1000000).replace('a', 'b' * 100000) }}",
    "nested lists": _DOUBLE + "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.y }}",
    "nested lists as JSON": _DOUBLE
    + "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.y | tojson }}",
    "nested lists in a string": _DOUBLE
    + "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ 'a' ~ ns.y }}",
    "nested lists compared": _DOUBLE + "{% set ns.y = [ns.y, ns.y] %}{% set ns.z = [ns.z, ns.z] %}"
    "{% endfor %}{{ ns.y == ns.z }}",
    "nested lists tested": _DOUBLE + "{% set ns.y = [ns.y, ns.y] %}{% set ns.z = [ns.z, ns.z] %}"
    "{% endfor %}{{ ns.y is eq ns.z }}",
    "nested tuples as a key": _DOUBLE + "{% set ns.y = (ns.y, ns.y) %}{% endfor %}{{ {}[ns.y] }}",
    "nested lists sorted": _DOUBLE + "{% set ns.y = [ns.y, ns.y] %}{% set ns.z = [ns.z, ns.z] %}"
    "{% endfor %}{{ [ns.y, ns.z] | sort | length }}",
    "a namespace in itself": "{% set ns = namespace() %}{% set ns.a = [ns, ns] %}{{ ns }}",
    "center": "{{ 'a' | center(1000000000) }}",
    "the counters themselves": "{{ [-999999999] | map(' step', -999999999) | list }}",
    "cut again and again": "{{ ('<!---->' * 100000) | striptags | length }}",
    "wrapped again and again": "{{ ('a' * 1000000) | wordwrap(1) | length }}",
    "stripped of much": "{% set x = 'b' * 999999 ~ 'a' %}{% for i in range(99) %}"
    "{{ ('a' * 1000000).strip(x) | length }}{% endfor %}",
    "trimmed of much": "{% set x = 'b' * 999999 ~ 'a' %}{% for i in range(99) %}"
    "{{ ('a' * 1000000) | trim(x) | length }}{% endfor %}",
    "searched from its end": "{{ ('a' * 1000000).rfind('b' ~ 'a' * 500000) }}",
    "split from its end": "{{ ('a' * 1000000).rsplit('b' ~ 'a' * 500000) | length }}",
    "a width by its name": "{{ ('\t' * 9).expandtabs(tabsize=1000000000) | length }}",
    "a length by its name": "{{ (5).to_bytes(length=1000000000, byteorder='big') | length }}",
    "divisions of long numbers": "{% for i in range(99999) %}"
    "{% set x = 2 ** 30000 // 3 ** 10000 %}{% endfor %}",
    "counting in ranges": "{% for i in range(9999) %}{{ range(99999).count(5.5) }}{% endfor %}",
    "searching in ranges": "{% for i in range(9999) %}{{ 5.5 in range(99999) }}{% endfor %}",
    "counting in lists": "{% set x = range(99999) | list %}{% for i in range(9999) %}"
    "{{ x.count(5) }}{% endfor %}",
    "center's method": "{{ 'a'.center(1000000000) }}",
    "ljust": "{{ 'a'.ljust(1000000000) }}",
    "zfill": "{{ 'a'.zfill(1000000000) }}",
    "expandtabs": "{{ ('a\t' * 100000).expandtabs(1000000) }}",
    "to_bytes": "{{ (5).to_bytes(1000000000, 'big') | length }}",
    "encode, then pad": "{{ 'a'.encode().ljust(1000000000) | length }}",
    "translate": "{{ ('a' * 1000000).translate({97: 'b' * 100000}) }}",
    "join's method": "{{ ('b' * 100000).join('a' * 10000) }}",
    "join": "{{ ('a' * 10000) | join('b' * 100000) }}",
    "indent": "{{ ('a\n' * 100000) | indent(99999) }}",
    "wordwrap": "{{ ('a ' * 100000) | wordwrap(1, wrapstring='b' * 100000) }}",
    "batch": "{{ [1] | batch(1000000000, 'x') | list | length }}",
    "slice": "{{ [1] | slice(1000000000, 'x') | list | length }}",
    "round": "{{ 5 | round(1000000000) }}",
    "percent's width": "{{ '%1000000000d' % 1 }}",
    "percent's star": "{{ '%*d' % (1000000000, 1) }}",
    "percent's precision": "{{ '%.1000000000f' % 1 }}",
    "format's filter": "{{ '%1000000000s' | format('a') }}",
    "format's width": "{{ '{:1000000000}'.format(1) }}",
    "format's inner width": "{{ '{:{}}'.format(1, 1000000000) }}",
    "format_map": "{{ '{a:1000000000}'.format_map({'a': 1}) }}",
    "format by map": "{{ ['{:1000000000}'] | map('format', 1) | list }}{{ 'a' * 9999999999 }}",
    "JSON's indent": "{{ {'a': [1] * 100000} | tojson(indent=100000) }}",
    "JSON's separators": "{{ [1, 2, 3] | tojson(separators=('a' * 200000000, ':')) }}",
    "lorem ipsum": "{{ lipsum(1000000000) }}",
    "characters": "{{ ('a' * 10000000) | list | length }}",
    "sums of lists": "{{ ([[1]] * 100000) | sum(start=[]) | length }}",
    "much text": "{% for i in range(99999) %}{{ 'a' * 100000 }}{% endfor %}",
    "much text in a block": "{% set x %}{% for i in range(99999) %}{{ 'a' * 100000 }}{% endfor %}"
    "{% endset %}",
    "much text of the template's": "{% set x %}{% for i in range(99999) %}"
    + "a" * 100_000
    + "{% endfor %}{% endset %}",
    "many slices": "{% set x = 'a' * 10000000 %}{% for i in range(99999) %}{{ x[1:] | length }}"
    "{% endfor %}",
    "many searches": "{% set x = 'a' * 10000000 %}{% for i in range(99999) %}{{ 'b' in x }}"
    "{% endfor %}",
    "regular expressions": "{{ ('a.b@c.d <' * 1000000) | urlize | length }}",
    "filters by map": "{{ ['a'] | map('center', 1000000000) | list }}",
    "filter blocks": "{% filter center(1000000000) %}a{% endfilter %}",
    "set filters": "{% set x | center(1000000000) %}a{% endset %}",
    "in generation": "{% generation %}{{ 'a' * 3000000000 }}{% endgeneration %}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_templates_are_refused_early(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.thread_time()  # CPU time, because the machine may be busy
    with pytest.raises(ChatTemplateError):
        render_messages(HELLO, ChatTemplate(HOSTILE[name] + "{{ messages[0].content }}"))
    assert time.thread_time() - start < 25
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mib < 300


def test_the_error_names_the_limit() -> None:
    for name, message in (
        ("nested loops", "more work than one conversation can need"),
        ("string * number", "more text than one conversation can need"),
        ("center", "a width, a count or a precision over"),
        ("endless macro", "RecursionError"),
    ):
        with pytest.raises(ChatTemplateError, match=message):
            render_messages(HELLO, ChatTemplate(HOSTILE[name]))


def test_a_conversation_can_exceed_the_budget() -> None:
    """The template passes the check at start, but fails for a long text."""
    source = "{% for m in messages %}{{ m.content * (m.content | length) }}{% endfor %}"
    template = ChatTemplate(source)
    assert render_with_template(HELLO, template).text == "hello" * 5
    with pytest.raises(ChatTemplateError, match="more text"):
        render_with_template([ChatMessage("user", "a" * 200_000)], template)
    assert render_with_template(HELLO, template).text == "hello" * 5, "others are rendered"


@pytest.mark.parametrize("name", ["qwen3", "llama-3.1", "mistral-3", "deepseek", "zephyr"])
def test_long_conversations_are_rendered(name: str) -> None:
    messages = [
        ChatMessage("user" if n % 2 == 0 else "assistant", f"{n} " * 200) for n in range(1501)
    ]
    tokens = (("bos_token", "<s>"), ("eos_token", "</s>"))
    text = render_with_template(messages, ChatTemplate(FAMILIES[name], tokens)).text
    assert text.count("1500 ") >= 199  # some templates strip the last space


def test_a_text_that_grows_in_a_loop_is_rendered() -> None:
    """The intermediate strings are a gigabyte in total, but they are freed in time."""
    source = (
        "{% set ns = namespace(text='') %}{% for m in messages %}"
        "{% set ns.text = ns.text + m.content %}{% endfor %}{{ ns.text }}"
    )
    messages = [ChatMessage("user", "b" * 500)] * 2_000
    assert render_messages(messages, ChatTemplate(source)).text == "b" * 1_000_000


def test_check_cancelled_ends_the_rendering() -> None:
    class Cancelled(Exception):
        pass

    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    start = time.thread_time()
    with pytest.raises(Cancelled):
        render_messages(HELLO, ChatTemplate(HOSTILE["nested loops"]), check_cancelled=check)
    assert time.thread_time() - start < 1, "long before the budget is spent"
    assert len(calls) == 3


def request_context(deadline: float = float("inf"), gone: bool = False) -> RequestContext:
    connection = ClientConnection({}, DisconnectWatcher())
    connection.disconnected = gone
    return RequestContext("a test", connection, deadline)


@pytest.mark.parametrize(
    ("context", "error"),
    [(request_context(gone=True), ClientGone), (request_context(deadline=0), DeadlinePassed)],
)
def test_rendering_ends_with_its_client_and_its_deadline(
    context: RequestContext, error: type[Exception]
) -> None:
    source = "{% if messages[0].content == 'go' %}" + HOSTILE["nested loops"] + "{% endif %}"
    served = ServedModel("m", "alpaca", chat_template=source + "{{ messages[0].content }}")
    conversation = Conversation(
        (Message("user", "go"),), classic=False, paths=(MessagePaths("messages.0.content"),)
    )
    with pytest.raises(error):
        render_conversation(conversation, served, INFO, context, continue_final_message=False)


def test_concurrent_renderings() -> None:
    """Hostile templates take all slots; the others wait and are rendered correctly."""
    good = ChatTemplate("{{ messages[0].content }}!")

    def render(index: int) -> str:
        if index % 2:
            return render_messages([ChatMessage("user", str(index))], good).text
        with pytest.raises(ChatTemplateError):
            render_messages(HELLO, ChatTemplate(HOSTILE["+ doubles"]))
        return "refused"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(render, range(16)))
    assert answers == [f"{n}!" if n % 2 else "refused" for n in range(16)]


def test_budget_overhead() -> None:
    """Typically 3 ms; the limit is five times that, for a busy machine."""
    source = FAMILIES["qwen3"]
    messages = [
        ChatMessage("user" if n % 2 == 0 else "assistant", "word " * 200) for n in range(21)
    ]
    dicts = [{"role": message.role, "content": message.text} for message in messages]
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    plain = environment.from_string(source)
    template = ChatTemplate(source)
    budgeted_s, plain_s = [], []
    for _ in range(15):
        start = time.thread_time()
        text = render_with_template(messages, template).text
        middle = time.thread_time()
        text = plain.render(messages=dicts, add_generation_prompt=True)
        budgeted_s.append(middle - start)
        plain_s.append(time.thread_time() - middle)
        assert text == text
    assert statistics.median(budgeted_s) - statistics.median(plain_s) < 5 * 0.003
