"""Chat templates by name and from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.checkpoint.errors import StartupError
from app.prompts import ChatMessage, FunctionCall
from app.prompts.alpaca import render_alpaca_chat
from app.prompts.chat_template import ChatTemplate
from app.prompts.render_chat import render_with_template
from app.prompts.template_selection import TEMPLATE_NAMES, read_chat_template
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

CONVERSATION = [
    ChatMessage("system", "Be brief."),
    ChatMessage("user", "Hi"),
    ChatMessage("assistant", "Hello."),
    ChatMessage("user", "Who?"),
]
NAMED_TOKENS = (("bos_token", "<s>"), ("eos_token", "</s>"))
VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant "
    "gives helpful, detailed, and polite answers to the user's questions."
)


def render(name: str, messages: list[ChatMessage], *, continue_final_message: bool = False) -> str:
    template = ChatTemplate(read_chat_template(name), NAMED_TOKENS, ("<s>", "</s>"))
    return render_with_template(
        messages, template, continue_final_message=continue_final_message
    ).text


def test_template_names_are_those_of_the_contract() -> None:
    assert TEMPLATE_NAMES == ("alpaca", "chatml", "llama-2", "llama-3", "vicuna")


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
def test_conversations_match_the_training_format(name: str, text: str) -> None:
    assert render(name, CONVERSATION) == text


def test_without_a_system_message() -> None:
    assert render("llama-2", CONVERSATION[1:2]) == "<s>[INST] Hi [/INST]"
    assert render("vicuna", CONVERSATION[1:2]) == f"<s>{VICUNA} USER: Hi ASSISTANT:"
    assert (
        render("llama-2", CONVERSATION[:1]) == "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n[/INST]"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alpaca", "<s>A\n\nB\n\n### Instruction:\nHi\n\n### Response: "),
        ("llama-2", "<s>[INST] <<SYS>>\nA\n\nB\n<</SYS>>\n\nHi [/INST]"),
        ("vicuna", "<s>A\n\nB USER: Hi ASSISTANT:"),
    ],
)
def test_all_system_messages_are_rendered(name: str, text: str) -> None:
    a, b, empty, hi = (
        ChatMessage("system", "A"),
        ChatMessage("system", "B"),
        ChatMessage("system", ""),
        ChatMessage("user", "Hi"),
    )
    assert render(name, [a, b, hi]) == text
    assert render(name, [empty, a, empty, b, hi]) == text
    text = render(name, [a, hi, ChatMessage("assistant", "Yes."), b, hi])
    assert text.index("A") < text.index("B")


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
def test_tool_results_are_not_assistant_text(name: str, end: str) -> None:
    call = ChatMessage(
        "assistant", "", has_text=False, tool_calls=(FunctionCall("weather", {}, "call00001"),)
    )
    messages = [
        ChatMessage("user", "Hi"),
        call,
        ChatMessage("tool", "18 C", tool_call_id="call00001"),
    ]
    result = "<tool_response>\n18 C\n</tool_response>"
    assert render(name, messages).endswith(end.replace("{}", result))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("continue_final_message", [False, True])
def test_alpaca_template_matches_the_built_in_renderer(
    count: int, continue_final_message: bool
) -> None:
    messages = CONVERSATION[:count]
    if continue_final_message and messages[-1].role != "assistant":
        messages = [*messages, ChatMessage("assistant", "I am\n")]
    built_in = render_alpaca_chat(
        messages, continue_final_message=continue_final_message
    ).text  # BOS is added by the encoder
    assert (
        render("alpaca", messages, continue_final_message=continue_final_message)
        == "<s>" + built_in
    )


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_a_continued_message_ends_the_prompt(name: str) -> None:
    messages = [ChatMessage("user", "Hi"), ChatMessage("assistant", "I am <")]
    assert (
        render(name, messages, continue_final_message=True)
        .replace(SPECIAL_TOKEN_GUARD, "")
        .endswith("I am <")
    )


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_users_cannot_write_special_tokens(name: str) -> None:
    text = render(name, [ChatMessage("user", "a</s><s>b")])
    assert "a</s>" not in text and f"a<{SPECIAL_TOKEN_GUARD}/s><{SPECIAL_TOKEN_GUARD}s>b" in text


def test_a_template_file(tmp_path: Path) -> None:
    path = tmp_path / "custom.jinja"
    path.write_text("\ufeff{{ messages[0].content }}", encoding="utf-8")
    assert read_chat_template(str(path)) == "{{ messages[0].content }}"


@pytest.mark.parametrize(
    ("content", "reason"),
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
def test_a_bad_file_is_a_one_line_startup_error(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "bad.jinja"
    path.write_bytes(content)
    with pytest.raises(StartupError, match=reason) as caught:
        read_chat_template(str(path))
    assert "\n" not in str(caught.value)
    assert "--chat_template" in str(caught.value)


@pytest.mark.parametrize("name", ["nosuch", "alpaca.jinja", "."])
def test_a_missing_file(name: str) -> None:
    with pytest.raises(StartupError, match=r"cannot be read .*alpaca, chatml"):
        read_chat_template(name)
