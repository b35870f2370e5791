"""`tokenizer.model` directories in the layouts of 2023 give the same ids as sentencepiece."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sentencepiece import SentencePieceProcessor
from sentencepiece import sentencepiece_model_pb2 as sentencepiece_proto

from app.checkpoint.errors import StartupError
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD
from app.tokenizer.tokenizer import load_tokenizer
from tests.harness.waiting import cpu_limit

ALPACA = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.\n"
    "    \n### Instruction:\n{prompt}\n\n### Response: "
)


def write(directory: Path, name: str, content: object) -> None:
    (directory / name).write_text(json.dumps(content), encoding="utf-8")


def full_config(directory: Path, class_name: str) -> None:
    write(
        directory,
        "tokenizer_config.json",
        {
            "tokenizer_class": class_name,
            "add_bos_token": True,
            "add_eos_token": False,
            "bos_token": {"__type": "AddedToken", "content": "<s>", "normalized": True},
            "eos_token": {"__type": "AddedToken", "content": "</s>", "normalized": True},
            "unk_token": {"__type": "AddedToken", "content": "<unk>", "normalized": True},
        },
    )


def merged(directory: Path) -> None:
    full_config(directory, "LlamaTokenizer")
    write(directory, "special_tokens_map.json", {"bos_token": "<s>", "eos_token": "</s>"})


def without_config(directory: Path) -> None:
    write(directory, "special_tokens_map.json", {})


def old_class(directory: Path) -> None:
    write(
        directory,
        "tokenizer_config.json",
        {"bos_token": "", "eos_token": "", "unk_token": "", "tokenizer_class": "LLaMATokenizer"},
    )


def lora(directory: Path) -> None:
    write(directory, "adapter_config.json", {"peft_type": "LORA", "r": 8})
    full_config(directory, "LlamaTokenizer")
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    write(directory, "special_tokens_map.json", {**names, "pad_token": "[PAD]"})
    pieces = SentencePieceProcessor(model_file=str(directory / "tokenizer.model"))
    write(directory, "added_tokens.json", {"[PAD]": pieces.get_piece_size()})


LAYOUTS = [merged, without_config, old_class, lora]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ids_are_those_of_sentencepiece(
    layout: Callable[[Path], None],
    sp_directory: Path,
    reference: SentencePieceProcessor,
    sentences: list[str],
) -> None:
    layout(sp_directory)
    tokenizer = load_tokenizer(sp_directory)
    assert len(set(sentences)) >= 5000
    for sentence in sentences:
        for text in (sentence, ALPACA.format(prompt=sentence)):
            ids = tokenizer.encode(text)
            assert ids == (1, *reference.encode(text)), text
        assert tokenizer.decode(ids) == text  # a byte-fallback vocabulary loses nothing


@pytest.mark.parametrize("layout", LAYOUTS)
def test_attributes_of_each_layout(
    layout: Callable[[Path], None], sp_directory: Path, reference: SentencePieceProcessor
) -> None:
    layout(sp_directory)
    tokenizer = load_tokenizer(sp_directory)
    first_id = reference.get_piece_size()
    assert tokenizer.vocab_size == first_id + (layout is lora)
    assert len(tokenizer.token_bytes) == tokenizer.vocab_size
    assert (tokenizer.bos_id, tokenizer.bos_text) == (1, "<s>")
    assert (tokenizer.eos_ids, tokenizer.eos_text) == ((2,), "</s>")
    assert {"<s>", "</s>", "<unk>"} <= set(tokenizer.special_texts)
    assert ("[PAD]" in tokenizer.special_texts) is (layout is lora)
    assert tokenizer.chat_template is None


def test_the_merged_vocabulary_has_pieces_of_score_zero(
    reference: SentencePieceProcessor, merged_model: bytes
) -> None:
    """Checks the test's own vocabulary: equal scores make the order of merges matter."""
    proto = sentencepiece_proto.ModelProto.FromString(merged_model)
    assert sum(piece.score == 0.0 for piece in proto.pieces[3000:]) > 15_000
    assert any(token_id >= 3000 for token_id in reference.encode("中国的首都在哪里"))


def test_bos_rules(sp_directory: Path) -> None:
    assert load_tokenizer(sp_directory).encode("") == (1,)
    write(sp_directory, "tokenizer_config.json", {"add_bos_token": False})
    assert load_tokenizer(sp_directory).encode("") == ()
    assert load_tokenizer(sp_directory).encode("Tom")[0] != 1
    write(sp_directory, "tokenizer_config.json", {"add_bos_token": None, "add_eos_token": True})
    ids = load_tokenizer(sp_directory).encode("Tom")
    assert ids[0] == 1
    assert 2 not in ids  # a prompt is never closed
    assert load_tokenizer(sp_directory).encode("<s>Tom", allow_special=True).count(1) == 1


def test_named_tokens_decide_bos_and_eos(
    sp_directory: Path, reference: SentencePieceProcessor
) -> None:
    end = reference.get_piece_size() + 1
    write(sp_directory, "added_tokens.json", {"<|im_start|>": end - 1, "<|im_end|>": end})
    names = {"bos_token": "</s>", "eos_token": {"content": "<|im_end|>"}, "pad_token": "<nowhere>"}
    write(sp_directory, "special_tokens_map.json", names)
    tokenizer = load_tokenizer(sp_directory)
    assert (tokenizer.bos_id, tokenizer.bos_text) == (2, "</s>")
    assert (tokenizer.eos_ids, tokenizer.eos_text) == ((end,), "<|im_end|>")
    assert "<nowhere>" not in tokenizer.special_texts  # no file gives it an id
    assert tokenizer.vocab_size == end + 1


def add_chat_tokens(directory: Path, first_id: int) -> None:
    decoder: dict[str, Any] = {
        str(first_id): {"content": "<|im_end|>", "special": True},
        str(first_id + 1): {"content": "[PAD]", "special": True},
        str(first_id + 2): {"content": "<tool>", "special": False},
        str(first_id + 3): {"content": "<tool>s", "special": False},
        str(first_id + 4): {"content": "<end>", "special": True, "lstrip": True, "rstrip": True},
    }
    write(directory, "tokenizer_config.json", {"added_tokens_decoder": decoder})


SPECIAL_TEXTS = ["<s>", "</s>", "<unk>", "[PAD]", "<|im_end|>"]


@pytest.mark.parametrize("special_text", SPECIAL_TEXTS)
def test_user_text_never_becomes_a_special_token(
    special_text: str, sp_directory: Path, reference: SentencePieceProcessor
) -> None:
    add_chat_tokens(sp_directory, reference.get_piece_size())
    tokenizer = load_tokenizer(sp_directory)
    for text in (special_text, f"Tom{special_text}Mary", f"{special_text} {special_text * 2}"):
        assert tokenizer.encode(text) == (1, *reference.encode(text))
        assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("special_text", SPECIAL_TEXTS)
def test_template_text_becomes_special_tokens_and_guarded_text_does_not(
    special_text: str, sp_directory: Path, reference: SentencePieceProcessor
) -> None:
    add_chat_tokens(sp_directory, reference.get_piece_size())
    tokenizer = load_tokenizer(sp_directory)
    special_id = tokenizer.encode(f"Tom{special_text}", allow_special=True)[-1]
    assert tokenizer.token_bytes[special_id] == b""
    guarded = special_text[0] + SPECIAL_TOKEN_GUARD + special_text[1:]
    ids = tokenizer.encode(f"Tom {guarded}Mary{special_text}", allow_special=True)
    assert ids == (*reference.encode(f"Tom {special_text}Mary"), special_id), "BOS is not added"


def test_the_guard_is_an_ordinary_character_without_allow_special(
    sp_directory: Path, reference: SentencePieceProcessor
) -> None:
    text = f"a{SPECIAL_TOKEN_GUARD}b"
    assert load_tokenizer(sp_directory).encode(text) == (1, *reference.encode(text))


def test_no_space_is_added_after_an_added_token(
    sp_directory: Path, reference: SentencePieceProcessor
) -> None:
    first_id = reference.get_piece_size()
    add_chat_tokens(sp_directory, first_id)
    tokenizer = load_tokenizer(sp_directory)
    ids = tokenizer.encode("Tom<|im_end|>Tom<tool> Tom", allow_special=True)
    first, second = ids.index(first_id), ids.index(first_id + 2)
    between = "".join(map(reference.id_to_piece, ids[first + 1 : second]))
    assert ids[:first] == ids[second + 1 :] == tuple(reference.encode("Tom"))
    assert between == "Tom"  # not "▁Tom"
    assert tokenizer.decode(ids) == "TomTom<tool> Tom"


def test_plain_added_tokens_are_always_matched_longest_first(
    sp_directory: Path, reference: SentencePieceProcessor
) -> None:
    first_id = reference.get_piece_size()
    add_chat_tokens(sp_directory, first_id)
    tokenizer = load_tokenizer(sp_directory)
    for allow_special, bos in ((False, (1,)), (True, ())):
        ids = tokenizer.encode("<tool><tool>s", allow_special=allow_special)
        assert ids == (*bos, first_id + 2, first_id + 3)
    assert tokenizer.decode(ids) == "<tool><tool>s"
    assert "<tool>" not in tokenizer.special_texts


def test_strip_flags_remove_white_space(
    sp_directory: Path, reference: SentencePieceProcessor
) -> None:
    first_id = reference.get_piece_size()
    add_chat_tokens(sp_directory, first_id)
    tokenizer = load_tokenizer(sp_directory)
    ids = tokenizer.encode("Tom \n<end> \n<end>\tTom", allow_special=True)
    assert ids == tokenizer.encode("Tom<end><end>Tom", allow_special=True)
    assert ids[: ids.index(first_id + 4)] == tuple(reference.encode("Tom"))


def test_a_control_piece_stays_special_if_the_files_do_not_say_so(sp_directory: Path) -> None:
    write(sp_directory, "added_tokens.json", {"<s>": 1, "</s>": 2, "<|im_start|>": 30_000})
    tokenizer = load_tokenizer(sp_directory)
    assert not {1, 2, 30_000} & set(tokenizer.encode("a</s>b<s><|im_start|>")[1:])
    assert {1, 2, 30_000} <= set(tokenizer.encode("a</s>b<s><|im_start|>", allow_special=True))
    assert tokenizer.vocab_size == 30_001
    assert tokenizer.token_bytes[29_999] == b""


def test_a_user_defined_piece_that_is_special_is_not_matched_in_text(
    tmp_path: Path, merged_model: bytes
) -> None:
    proto = sentencepiece_proto.ModelProto.FromString(merged_model)
    kind = sentencepiece_proto.ModelProto.SentencePiece.USER_DEFINED
    first_id = len(proto.pieces)
    proto.pieces.add(piece="<|im_end|>", score=0.0, type=kind)
    (tmp_path / "tokenizer.model").write_bytes(proto.SerializeToString())
    text = "a<|im_end|>b"
    assert first_id in load_tokenizer(tmp_path).encode(text)  # not declared special
    write(tmp_path, "tokenizer_config.json", {"eos_token": "<|im_end|>"})
    tokenizer = load_tokenizer(tmp_path)
    assert first_id not in tokenizer.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.eos_ids == (first_id,)
    assert first_id in tokenizer.encode(text, allow_special=True)


def test_token_bytes(sp_directory: Path, reference: SentencePieceProcessor) -> None:
    table = load_tokenizer(sp_directory).token_bytes
    assert table[:3] == (b"", b"", b"")
    assert table[3:259] == tuple(bytes([byte]) for byte in range(256))
    assert table[reference.piece_to_id("▁Tom")] == b" Tom"
    assert table[reference.piece_to_id("中国")] == "中国".encode()


def test_decode_agrees_with_sentencepiece(
    sp_directory: Path, reference: SentencePieceProcessor
) -> None:
    tokenizer = load_tokenizer(sp_directory)
    for text in ("", " ", "  Tom ", "\n\n", "嗨😀", "a\0b", "▁"):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == reference.decode(list(ids[1:]))
        assert ids == (1, *reference.encode(text))
    assert tokenizer.decode([-1, 10**9, 1, 2]) == ""


@pytest.mark.parametrize("text", ["a", " ", "\0", "<s>", "中"])
def test_a_megabyte_is_quick(text: str, sp_directory: Path) -> None:
    tokenizer = load_tokenizer(sp_directory)
    with cpu_limit(5):
        ids = tokenizer.encode(text * (10**6 // len(text.encode())), allow_special=True)
    assert len(ids) > 1000


def test_a_lone_surrogate_is_a_value_error(sp_directory: Path) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        load_tokenizer(sp_directory).encode("a\ud800")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"tokenizer_config.json": {"chat_template": "A"}}, "A"),
        (
            {
                "tokenizer_config.json": {
                    "chat_template": [
                        {"name": "tool_use", "template": "T"},
                        {"name": "default", "template": "D"},
                    ]
                }
            },
            "D",
        ),
        ({"chat_template.json": {"chat_template": "J"}}, "J"),
        ({"tokenizer_config.json": {"chat_template": "A"}, "chat_template.jinja": "F"}, "F"),
    ],
)
def test_chat_template(files: dict[str, Any], expected: str, sp_directory: Path) -> None:
    for name, content in files.items():
        if name.endswith(".jinja"):
            (sp_directory / name).write_text(content, encoding="utf-8")
        else:
            write(sp_directory, name, content)
    assert load_tokenizer(sp_directory).chat_template == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.model", b""),
        ("tokenizer.model", b"version https://git-lfs.github.com/spec/v1\n"),
        ("tokenizer_config.json", b"{"),
        ("tokenizer_config.json", b"\xff\xfe"),
        ("tokenizer_config.json", b'{"added_tokens_decoder": {"x": "<a>"}}'),
        ("tokenizer_config.json", b'{"added_tokens_decoder": [1]}'),
        ("added_tokens.json", b'{"[PAD]": "1"}'),
        ("added_tokens.json", b'{"[PAD]": -1}'),
        ("added_tokens.json", b'{"[PAD]": 1e300}'),
        ("special_tokens_map.json", b"[]"),
        ("chat_template.json", b"[" * 100_000),
        ("chat_template.jinja", b"\xff"),
    ],
)
def test_a_malformed_file_is_a_one_line_startup_error(
    name: str, content: bytes, sp_directory: Path
) -> None:
    (sp_directory / name).write_bytes(content)
    with pytest.raises(StartupError) as caught:
        load_tokenizer(sp_directory)
    message = str(caught.value)
    assert str(sp_directory / name) in message
    assert "\n" not in message


@pytest.mark.parametrize("exists", [True, False])
def test_a_directory_without_tokenizer(exists: bool, tmp_path: Path) -> None:
    directory = tmp_path if exists else tmp_path / "nowhere"
    with pytest.raises(StartupError, match="--tokenizer_path") as caught:
        load_tokenizer(directory)
    assert str(directory) in str(caught.value)
