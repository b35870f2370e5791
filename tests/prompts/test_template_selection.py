"""Chat templates by name and by file."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.checkpoint.errors import StartupError
from app.prompts import Call, Turn
from app.prompts.alpaca import render_turns
from app.prompts.chat_template import ChatTemplate
from app.prompts.render_chat import render_with_template
from app.prompts.template_selection import NAMES, read_chat_template
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

TURNS = [
    Turn("system", "Be brief."),
    Turn("user", "Hi"),
    Turn("assistant", "Hello."),
    Turn("user", "Who?"),
]
NAMED = (("bos_token", "<s>"), ("eos_token", "</s>"))
VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant "
    "gives helpful, detailed, and polite answers to the user's questions."
)


def render(name: str, turns: list[Turn], *, continued: bool = False) -> str:
    template = ChatTemplate(read_chat_template(name), NAMED, ("<s>", "</s>"))
    return render_with_template(turns, template, continued=continued).text


def test_the_names_are_the_contracts() -> None:
    assert NAMES == ("alpaca", "chatml", "llama-2", "llama-3", "vicuna")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "chatml",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
        (
            "llama-2",
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s>"
            "<s>[INST] Who? [/INST]",
        ),
        (
            "llama-3",
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nWho?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        ("vicuna", "<s>Be brief. USER: Hi ASSISTANT: Hello.</s>USER: Who? ASSISTANT:"),
    ],
)
def test_conversations_read_as_the_models_were_trained(name: str, text: str) -> None:
    assert render(name, TURNS) == text


def test_without_a_system_turn() -> None:
    assert render("llama-2", TURNS[1:2]) == "<s>[INST] Hi [/INST]"
    assert render("vicuna", TURNS[1:2]) == f"<s>{VICUNA} USER: Hi ASSISTANT:"
    assert render("llama-2", TURNS[:1]) == "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n[/INST]"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alpaca", "<s>A\n\nB\n\n### Instruction:\nHi\n\n### Response: "),
        ("llama-2", "<s>[INST] <<SYS>>\nA\n\nB\n<</SYS>>\n\nHi [/INST]"),
        ("vicuna", "<s>A\n\nB USER: Hi ASSISTANT:"),
    ],
)
def test_of_several_system_turns_none_vanishes(name: str, text: str) -> None:
    a, b, empty, hi = (
        Turn("system", "A"),
        Turn("system", "B"),
        Turn("system", ""),
        Turn("user", "Hi"),
    )
    assert render(name, [a, b, hi]) == text
    assert render(name, [empty, a, empty, b, hi]) == text
    apart = render(name, [a, hi, Turn("assistant", "Yes."), b, hi])
    assert apart.index("A") < apart.index("B")


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("alpaca", "### Instruction:\n{}\n\n### Response: "),
        ("chatml", "<|im_start|>tool\n18 C<|im_end|>\n<|im_start|>assistant\n"),
        ("llama-2", "<s>[INST] {} [/INST]"),
        (
            "llama-3",
            "<|start_header_id|>tool<|end_header_id|>\n\n18 C<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        ("vicuna", "</s>USER: {} ASSISTANT:"),
    ],
)
def test_the_assistant_never_says_what_a_tool_answered(name: str, end: str) -> None:
    calling = Turn("assistant", "", has_text=False, calls=(Call("weather", {}, "call00001"),))
    turns = [Turn("user", "Hi"), calling, Turn("tool", "18 C", call_id="call00001")]
    result = "<tool_response>\n18 C\n</tool_response>"
    assert render(name, turns).endswith(end.replace("{}", result))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("continued", [False, True])
def test_alpaca_is_the_built_in_one(count: int, continued: bool) -> None:
    turns = TURNS[:count]
    if continued and turns[-1].role != "assistant":
        turns = [*turns, Turn("assistant", "I am\n")]
    built_in = render_turns(turns, continued=continued).text  # gets its BOS as it is encoded
    assert render("alpaca", turns, continued=continued) == "<s>" + built_in


@pytest.mark.parametrize("name", NAMES)
def test_a_turn_that_is_continued_ends_the_prompt(name: str) -> None:
    turns = [Turn("user", "Hi"), Turn("assistant", "I am <")]
    assert render(name, turns, continued=True).replace(SPECIAL_TOKEN_GUARD, "").endswith("I am <")


@pytest.mark.parametrize("name", NAMES)
def test_users_cannot_write_control_tokens(name: str) -> None:
    text = render(name, [Turn("user", "a</s><s>b")])
    assert "a</s>" not in text and f"a<{SPECIAL_TOKEN_GUARD}/s><{SPECIAL_TOKEN_GUARD}s>b" in text


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.jinja"
    path.write_text("\ufeff{{ messages[0].content }}", encoding="utf-8")
    assert read_chat_template(str(path)) == "{{ messages[0].content }}"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{% for %}", "does not work: TemplateSyntaxError"),
        (b"{{ messages | nosuch }}", "does not work: TemplateAssertionError"),
        (b"{{ messages.__class__.__mro__ }}", "does not work: SecurityError"),
        (b"{{ raise_exception('no') }}", "does not work: no; pass"),
        (b"{% for i in range(10**9) %}{% endfor %}", "does not work: OverflowError"),
        (b"# A README", "leaves out what the user says"),
        (b"", "leaves out what the user says"),
        (b"\xff\xfe", "cannot be read"),
        (b" " * (1 << 20) + b"a", "over 1 MiB"),
    ],
)
def test_bad_files_stop_with_one_line(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "bad.jinja"
    path.write_bytes(content)
    with pytest.raises(StartupError, match=why) as caught:
        read_chat_template(str(path))
    assert "\n" not in str(caught.value)
    assert "--chat_template" in str(caught.value)


@pytest.mark.parametrize("name", ["nosuch", "alpaca.jinja", "."])
def test_no_such_file(name: str) -> None:
    with pytest.raises(StartupError, match=r"cannot be read .*alpaca, chatml"):
        read_chat_template(name)
