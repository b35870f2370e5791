"""Tokenizers read from `tokenizer.json` give the same ids as transformers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders

from app.checkpoint.errors import StartupError
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD
from app.tokenizer.detokenizer import decode_all
from app.tokenizer.tokenizer import Tokenizer as TextTokenizer
from app.tokenizer.tokenizer import load_tokenizer
from tests.harness.waiting import cpu_limit

BYTE_LEVEL_SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
ROOT = Path(__file__).parents[2]
TRICKY = ["", " ", "  a", "Tom", "\n\n", "嗨😀", "a\0b", "▁", "<0x0A>", "Ġ", "\u00ad\u00a0"]


def save(
    tokenizer: Tokenizer, directory: Path, config: dict[str, Any] | None = None
) -> TextTokenizer:
    tokenizer.save(str(directory / "tokenizer.json"))
    if config is not None:
        text = json.dumps(config)
        (directory / "tokenizer_config.json").write_text(text, encoding="utf-8")
    return load_tokenizer(directory)


QWEN = {"eos_token": "<|im_end|>", "bos_token": None, "add_bos_token": False}
LLAMA = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def test_byte_level_attributes(byte_level: Tokenizer, tmp_path: Path) -> None:
    tokenizer = save(byte_level, tmp_path, {**QWEN, "chat_template": "{{ 1 }}"})
    assert tokenizer.vocab_size == byte_level.get_vocab_size() == len(tokenizer.token_bytes)
    assert (tokenizer.bos_id, tokenizer.bos_text) == (None, "")
    assert (tokenizer.eos_ids, tokenizer.eos_text) == ((2,), "<|im_end|>")
    assert tokenizer.special_texts == tuple(BYTE_LEVEL_SPECIAL_TOKENS)
    assert tokenizer.chat_template == "{{ 1 }}"
    assert set(tokenizer.token_bytes) >= {bytes([byte]) for byte in range(256)}


def test_metaspace_attributes(metaspace: Tokenizer, tmp_path: Path) -> None:
    tokenizer = save(metaspace, tmp_path, LLAMA)
    assert (tokenizer.bos_id, tokenizer.bos_text, tokenizer.eos_ids) == (1, "<s>", (2,))
    assert tokenizer.special_texts == ("<unk>", "<s>", "</s>")
    assert tokenizer.token_bytes[:3] == (b"", b"", b"")
    assert tokenizer.token_bytes[metaspace.token_to_id("<0xE4>")] == b"\xe4"
    assert tokenizer.token_bytes[metaspace.token_to_id("▁Tom")] == b" Tom"


@pytest.mark.parametrize("name", ["byte_level", "metaspace"])
def test_ids_are_those_of_the_library_and_decode_to_the_text(
    name: str, sentences: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    library: Tokenizer = request.getfixturevalue(name)
    tokenizer = save(library, tmp_path, LLAMA if name == "metaspace" else QWEN)
    for text in [*sentences[:2000], *TRICKY]:
        ids = tokenizer.encode(text)
        assert list(ids) == library.encode(text).ids
        assert tokenizer.decode(ids) == library.decode(list(ids), skip_special_tokens=True)
        if name == "byte_level" or not ("▁" in text or text.startswith(" ")):
            assert tokenizer.decode(ids) == text


def test_ids_are_those_of_transformers(
    byte_level: Tokenizer, metaspace: Tokenizer, sentences: list[str], tmp_path: Path
) -> None:
    """In a subprocess, because importing transformers is slow and prints warnings."""
    texts = sentences[:500]
    expected = {}
    for name, library, config in (("b", byte_level, QWEN), ("m", metaspace, LLAMA)):
        directory = tmp_path / name
        directory.mkdir()
        tokenizer = save(library, directory, config)
        expected[name] = [list(tokenizer.encode(text)) for text in texts]
    code = (
        "import json, sys\n"
        "from transformers import AutoTokenizer\n"
        "texts = json.load(sys.stdin)\n"
        "load = lambda name: AutoTokenizer.from_pretrained(name, local_files_only=True)\n"
        "print(json.dumps({name: load(name)(texts)['input_ids'] for name in 'bm'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(texts),
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == expected


@pytest.mark.parametrize("special_text", BYTE_LEVEL_SPECIAL_TOKENS)
def test_user_text_never_becomes_a_special_token(
    special_text: str, byte_level: Tokenizer, tmp_path: Path
) -> None:
    tokenizer = save(byte_level, tmp_path, QWEN)
    special_id = byte_level.token_to_id(special_text)
    text = f"Tom{special_text}Mary"
    assert special_id not in tokenizer.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.encode(text, allow_special=True) == (
        *tokenizer.encode("Tom"),
        special_id,
        *tokenizer.encode("Mary"),
    )
    guarded = f"Tom{special_text[0]}{SPECIAL_TOKEN_GUARD}{special_text[1:]}Mary"
    assert tokenizer.encode(guarded, allow_special=True) == tokenizer.encode(text)


def test_metaspace_adds_no_space_after_a_special_token(
    metaspace: Tokenizer, tmp_path: Path
) -> None:
    tokenizer = save(metaspace, tmp_path, LLAMA)
    text = "<s>Tom</s>Tom</s> Tom"
    library = Tokenizer.from_str(metaspace.to_str())
    ids = tokenizer.encode(text, allow_special=True)
    assert list(ids) == library.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids) == "TomTom Tom"
    assert not {0, 1, 2} & set(tokenizer.encode(text)[1:])
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_plain_added_tokens_of_either_file(byte_level: Tokenizer, tmp_path: Path) -> None:
    library = Tokenizer.from_str(byte_level.to_str())
    library.add_tokens([AddedToken("<tool>", normalized=False)])
    token_id = library.token_to_id("<tool>")
    decoder = {str(token_id + 1): {"content": "<工具>", "special": False}}
    tokenizer = save(library, tmp_path, {**QWEN, "added_tokens_decoder": decoder})
    assert tokenizer.encode("a<tool><工具>") == (*tokenizer.encode("a"), token_id, token_id + 1)
    assert tokenizer.decode([token_id, token_id + 1]) == "<tool><工具>"
    assert tokenizer.vocab_size == token_id + 2
    assert "<tool>" not in tokenizer.special_texts


def test_a_plain_token_that_the_config_calls_special_is_special(
    byte_level: Tokenizer, tmp_path: Path
) -> None:
    library = Tokenizer.from_str(byte_level.to_str())
    library.add_tokens([AddedToken("<|eot|>", normalized=False)])
    token_id = library.token_to_id("<|eot|>")
    tokenizer = save(library, tmp_path, {**QWEN, "eos_token": "<|eot|>"})
    assert tokenizer.eos_ids == (token_id,)
    assert token_id not in tokenizer.encode("a<|eot|>b")
    assert tokenizer.decode(tokenizer.encode("a<|eot|>b")) == "a<|eot|>b"
    assert tokenizer.encode("<|eot|>", allow_special=True) == (token_id,)


def test_bos_rules(byte_level: Tokenizer, metaspace: Tokenizer, tmp_path: Path) -> None:
    assert save(metaspace, tmp_path).encode("")[0] == 1  # from the post-processor
    assert load_tokenizer(tmp_path).bos_text == "<s>"
    assert save(metaspace, tmp_path, {**LLAMA, "add_bos_token": False}).encode("") == ()
    config = {"bos_token": "<|endoftext|>"}
    assert save(byte_level, tmp_path, config).encode("") == ()
    tokenizer = save(byte_level, tmp_path, {**config, "add_bos_token": True})
    assert tokenizer.encode("") == (0,)
    assert tokenizer.encode("<|endoftext|>", allow_special=True) == (0,)


@pytest.mark.parametrize("name", ["byte_level", "metaspace"])
def test_eight_threads(
    name: str, sentences: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tokenizer = save(request.getfixturevalue(name), tmp_path)
    texts = [f"{sentence}<s><|im_end|>" for sentence in sentences[:400]]

    def encode_all(allow_special: bool) -> list[tuple[int, ...]]:
        return [tokenizer.encode(text, allow_special=allow_special) for text in texts]

    alone = {flag: encode_all(flag) for flag in (False, True)}
    flags = [index % 2 == 0 for index in range(8)] * 4
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(encode_all, flags)) == [alone[flag] for flag in flags]


@pytest.mark.parametrize("text", ["a", " ", "\0", "<|im_end|>"])
def test_a_megabyte_is_quick(text: str, byte_level: Tokenizer, tmp_path: Path) -> None:
    tokenizer = save(byte_level, tmp_path, QWEN)
    with cpu_limit(5):
        tokenizer.encode(text * (10**6 // len(text)), allow_special=True)


def test_truncation_and_padding_of_the_file_are_ignored(
    byte_level: Tokenizer, tmp_path: Path
) -> None:
    library = Tokenizer.from_str(byte_level.to_str())
    library.enable_truncation(4)
    library.enable_padding(length=8)
    text = "Tom and Mary went to Boston."
    ids = save(library, tmp_path).encode(text)
    assert decode_all(load_tokenizer(tmp_path).token_bytes, ids) == text


def test_a_lone_surrogate_is_a_value_error(byte_level: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        save(byte_level, tmp_path).encode("a\udfff")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": 1}', "version https://git-lfs"])
def test_a_malformed_file_is_a_one_line_startup_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(StartupError, match=r"tokenizer\.json") as caught:
        load_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_decoder_without_fixed_bytes_is_refused(byte_level: Tokenizer, tmp_path: Path) -> None:
    library = Tokenizer.from_str(byte_level.to_str())
    library.decoder = decoders.WordPiece()
    with pytest.raises(StartupError, match="WordPiece"):
        save(library, tmp_path)


def test_reading_imports_neither_torch_nor_transformers(
    metaspace: Tokenizer, tmp_path: Path
) -> None:
    save(metaspace, tmp_path)
    code = (
        "import sys; from pathlib import Path; from app.tokenizer.tokenizer import load_tokenizer\n"
        f"load_tokenizer(Path({str(tmp_path)!r}))\n"
        "sys.exit(bool({'torch', 'transformers', 'flask'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
