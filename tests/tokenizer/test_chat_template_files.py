"""A tokenizer directory's chat template is the one that transformers finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from app.checkpoint.errors import StartupError
from app.prompts import ChatMessage
from app.prompts.chat_template import ChatTemplate, render_messages
from app.prompts.template_selection import check_tokenizer_template
from app.tokenizer.tokenizer import load_tokenizer

FOLDER = "additional_chat_templates/"
NAMED = [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]
WITHOUT_DEFAULT = [{"name": "tool_use", "template": "T"}, {"name": "rag'}}", "template": "R"}]


def write(directory: Path, files: dict[str, Any], library: Tokenizer) -> None:
    """Write `library` and `files`: .jinja files as text, the others as JSON."""
    (directory / "tokenizer.json").write_text(library.to_str(), "utf-8")
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        text = content if name.endswith(".jinja") else json.dumps(content)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "files",
    [
        {"tokenizer_config.json": {}},
        {"tokenizer_config.json": {"chat_template": "A"}},
        {"tokenizer_config.json": {"chat_template": NAMED}},
        {"tokenizer_config.json": {"chat_template": NAMED[1:]}},
        {"tokenizer_config.json": {"chat_template": WITHOUT_DEFAULT}},
        {"tokenizer_config.json": {"chat_template": {"default": "D", "x": "X"}}},
        {"tokenizer_config.json": {"chat_template": "A"}, "chat_template.jinja": "F\n\n"},
        {"tokenizer_config.json": {"chat_template": "A"}, FOLDER + "tool_use.jinja": "T"},
        {"tokenizer_config.json": {"chat_template": NAMED}, FOLDER + "default.jinja": "E"},
        {"tokenizer_config.json": {}, "chat_template.jinja": "F", FOLDER + "tool_use.jinja": "T"},
        {"tokenizer_config.json": {}, "chat_template.jinja": "F", FOLDER + "default.jinja": "E"},
        {"tokenizer_config.json": {}, FOLDER + "notes.txt": "N"},
    ],
)
def test_same_template_as_transformers(
    files: dict[str, Any], byte_level: Tokenizer, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    write(tmp_path, files, byte_level)
    library: Any = AutoTokenizer.from_pretrained(tmp_path)
    ours = load_tokenizer(tmp_path)
    if isinstance(library.chat_template, dict):
        with_tools = library.chat_template.get("tool_use")
        assert ours.tool_chat_template == with_tools
        assert with_tools is None or library.get_chat_template(tools=[{}]) == with_tools
    else:
        assert ours.tool_chat_template is None
    try:
        expected = library.get_chat_template()
    except ValueError as error:
        if "not set" in str(error):
            assert ours.chat_template is None
        else:  # several, without a default
            with pytest.raises(StartupError, match=r"none is the default.*--chat_template"):
                check_tokenizer_template(ours, tmp_path)
        return
    assert ours.chat_template == expected


def test_chat_template_json_is_the_last_choice(byte_level: Tokenizer, tmp_path: Path) -> None:
    write(tmp_path, {"chat_template.json": {"chat_template": "J"}}, byte_level)
    assert load_tokenizer(tmp_path).chat_template == "J"
    write(tmp_path, {"tokenizer_config.json": {"chat_template": "A"}}, byte_level)
    assert load_tokenizer(tmp_path).chat_template == "A"


@pytest.mark.parametrize("value", [1, ["a"], [{}], {"default": 3}, [{"name": "default"}]])
def test_a_template_that_is_not_a_string_is_refused_at_start(
    value: object, byte_level: Tokenizer, tmp_path: Path
) -> None:
    write(tmp_path, {"tokenizer_config.json": {"chat_template": value}}, byte_level)
    ours = load_tokenizer(tmp_path)  # --chat_template may still help
    with pytest.raises(StartupError, match="--chat_template"):
        check_tokenizer_template(ours, tmp_path)


def test_a_template_for_tools_is_checked_with_tools(byte_level: Tokenizer, tmp_path: Path) -> None:
    default = {"name": "default", "template": "{{ messages[0].content }}"}
    for source, works in (
        ("{{ messages[0].content }}{{ tools[0].function.name }}", True),
        ("{{ messages[0].content }}{{ tools.name.x }}", False),
    ):
        templates = [default, {"name": "tool_use", "template": source}]
        write(tmp_path, {"tokenizer_config.json": {"chat_template": templates}}, byte_level)
        if works:
            assert check_tokenizer_template(load_tokenizer(tmp_path), tmp_path) is not None
        else:
            with pytest.raises(StartupError, match=r"tool_use .*UndefinedError.*--chat_template"):
                check_tokenizer_template(load_tokenizer(tmp_path), tmp_path)


@pytest.mark.parametrize("content", [b"\xff", b" " * (1 << 20) + b"a"])
def test_a_file_that_is_not_a_template(
    content: bytes, byte_level: Tokenizer, tmp_path: Path
) -> None:
    write(tmp_path, {}, byte_level)
    (tmp_path / "chat_template.jinja").write_bytes(content)
    with pytest.raises(StartupError, match=r"chat_template\.jinja"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "name", ["LlamaTokenizer", "PreTrainedTokenizerFast", "", "Qwen2Tokenizer"]
)
@pytest.mark.parametrize(
    "named",
    [
        {},
        {"bos_token": "</s>", "pad_token": "<unk>"},
        {"tool_token": "</s>", "add_bos_token": True},
        {"extra_special_tokens": {"image_token": "<unk>"}, "sep_token": None},
        {
            "extra_special_tokens": ["<unk>"],
            "image_token": {"content": "<s>", "__type": "AddedToken"},
        },
    ],
)
def test_templates_get_the_tokens_that_transformers_gives(
    name: str, named: dict[str, Any], metaspace: Tokenizer, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    config = {"tokenizer_class": name, **named} if name else named
    library = Tokenizer.from_str(metaspace.to_str())
    if name == "Qwen2Tokenizer":
        library.add_special_tokens(["<|endoftext|>"])
    write(tmp_path, {"tokenizer_config.json": config}, library)
    ours = load_tokenizer(tmp_path)
    theirs: Any = AutoTokenizer.from_pretrained(tmp_path)
    source = "{{ messages[0].content }}"
    for token in ("bos", "eos", "unk", "pad", "sep", "cls", "mask", "tool", "image"):
        source += f"|{{{{ {token}_token if {token}_token is defined else 'undefined' }}}}"
    prompt = render_messages([ChatMessage("user", "a")], ChatTemplate(source, ours.named_tokens))
    messages = [{"role": "user", "content": "a"}]
    expected = theirs.apply_chat_template(messages, chat_template=source, tokenize=False)
    assert prompt.text == expected
