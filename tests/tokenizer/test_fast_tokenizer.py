"""`tokenizer.json` directories: transformers' ids, and the same promises as sentencepiece's."""

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
from app.tokenizer.tokenizer import Tokenizer as Face
from app.tokenizer.tokenizer import load_tokenizer
from tests.harness.waiting import cpu_limit

BYTE_LEVEL_SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
ROOT = Path(__file__).parents[2]
TRICKY = ["", " ", "  a", "Tom", "\n\n", "嗨😀", "a\0b", "▁", "<0x0A>", "Ġ", "\u00ad\u00a0"]


def save(tokenizer: Tokenizer, directory: Path, config: dict[str, Any] | None = None) -> Face:
    tokenizer.save(str(directory / "tokenizer.json"))
    if config is not None:
        text = json.dumps(config)
        (directory / "tokenizer_config.json").write_text(text, encoding="utf-8")
    return load_tokenizer(directory)


QWEN = {"eos_token": "<|im_end|>", "bos_token": None, "add_bos_token": False}
LLAMA = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def test_byte_level_facts(byte_level: Tokenizer, tmp_path: Path) -> None:
    face = save(byte_level, tmp_path, {**QWEN, "chat_template": "{{ 1 }}"})
    assert face.vocab_size == byte_level.get_vocab_size() == len(face.token_bytes)
    assert (face.bos_id, face.bos_text) == (None, "")
    assert (face.eos_ids, face.eos_text) == ((2,), "<|im_end|>")
    assert face.special_texts == tuple(BYTE_LEVEL_SPECIALS)
    assert face.chat_template == "{{ 1 }}"
    assert set(face.token_bytes) >= {bytes([byte]) for byte in range(256)}


def test_metaspace_facts(metaspace: Tokenizer, tmp_path: Path) -> None:
    face = save(metaspace, tmp_path, LLAMA)
    assert (face.bos_id, face.bos_text, face.eos_ids) == (1, "<s>", (2,))
    assert face.special_texts == ("<unk>", "<s>", "</s>")
    assert face.token_bytes[:3] == (b"", b"", b"")
    assert face.token_bytes[metaspace.token_to_id("<0xE4>")] == b"\xe4"
    assert face.token_bytes[metaspace.token_to_id("▁Tom")] == b" Tom"


@pytest.mark.parametrize("name", ["byte_level", "metaspace"])
def test_ids_are_the_librarys_and_text_comes_back(
    name: str, sentences: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    library: Tokenizer = request.getfixturevalue(name)
    face = save(library, tmp_path, LLAMA if name == "metaspace" else QWEN)
    for text in [*sentences[:2000], *TRICKY]:
        ids = face.encode(text)
        assert list(ids) == library.encode(text).ids
        assert face.decode(ids) == library.decode(list(ids), skip_special_tokens=True)
        if name == "byte_level" or not ("▁" in text or text.startswith(" ")):
            assert face.decode(ids) == text


def test_ids_are_those_of_transformers(
    byte_level: Tokenizer, metaspace: Tokenizer, sentences: list[str], tmp_path: Path
) -> None:
    """In its own process: transformers warns at import, and takes its time."""
    texts = sentences[:500]
    expected = {}
    for name, library, config in (("b", byte_level, QWEN), ("m", metaspace, LLAMA)):
        directory = tmp_path / name
        directory.mkdir()
        face = save(library, directory, config)
        expected[name] = [list(face.encode(text)) for text in texts]
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


@pytest.mark.parametrize("spelling", BYTE_LEVEL_SPECIALS)
def test_user_text_never_becomes_a_control_token(
    spelling: str, byte_level: Tokenizer, tmp_path: Path
) -> None:
    face = save(byte_level, tmp_path, QWEN)
    control = byte_level.token_to_id(spelling)
    text = f"Tom{spelling}Mary"
    assert control not in face.encode(text)
    assert face.decode(face.encode(text)) == text
    assert face.encode(text, allow_special=True) == (
        *face.encode("Tom"),
        control,
        *face.encode("Mary"),
    )
    broken = f"Tom{spelling[0]}{SPECIAL_TOKEN_GUARD}{spelling[1:]}Mary"
    assert face.encode(broken, allow_special=True) == face.encode(text)


def test_metaspace_text_after_a_control_token_gets_no_blank(
    metaspace: Tokenizer, tmp_path: Path
) -> None:
    face = save(metaspace, tmp_path, LLAMA)
    text = "<s>Tom</s>Tom</s> Tom"
    library = Tokenizer.from_str(metaspace.to_str())
    ids = face.encode(text, allow_special=True)
    assert list(ids) == library.encode(text, add_special_tokens=False).ids
    assert face.decode(ids) == "TomTom Tom"
    assert not {0, 1, 2} & set(face.encode(text)[1:])
    assert face.decode(face.encode(text)) == text


def test_plain_added_tokens_wherever_they_are_named(byte_level: Tokenizer, tmp_path: Path) -> None:
    library = Tokenizer.from_str(byte_level.to_str())
    library.add_tokens([AddedToken("<tool>", normalized=False)])
    own = library.token_to_id("<tool>")
    decoder = {str(own + 1): {"content": "<工具>", "special": False}}
    face = save(library, tmp_path, {**QWEN, "added_tokens_decoder": decoder})
    assert face.encode("a<tool><工具>") == (*face.encode("a"), own, own + 1)
    assert face.decode([own, own + 1]) == "<tool><工具>"
    assert face.vocab_size == own + 2
    assert "<tool>" not in face.special_texts


def test_a_plain_token_that_the_config_calls_special_is_broken_up(
    byte_level: Tokenizer, tmp_path: Path
) -> None:
    library = Tokenizer.from_str(byte_level.to_str())
    library.add_tokens([AddedToken("<|eot|>", normalized=False)])
    own = library.token_to_id("<|eot|>")
    face = save(library, tmp_path, {**QWEN, "eos_token": "<|eot|>"})
    assert face.eos_ids == (own,)
    assert own not in face.encode("a<|eot|>b")
    assert face.decode(face.encode("a<|eot|>b")) == "a<|eot|>b"
    assert face.encode("<|eot|>", allow_special=True) == (own,)


def test_bos_rules(byte_level: Tokenizer, metaspace: Tokenizer, tmp_path: Path) -> None:
    assert save(metaspace, tmp_path).encode("")[0] == 1  # the post-processor's
    assert load_tokenizer(tmp_path).bos_text == "<s>"
    assert save(metaspace, tmp_path, {**LLAMA, "add_bos_token": False}).encode("") == ()
    named = {"bos_token": "<|endoftext|>"}
    assert save(byte_level, tmp_path, named).encode("") == ()
    face = save(byte_level, tmp_path, {**named, "add_bos_token": True})
    assert face.encode("") == (0,)
    assert face.encode("<|endoftext|>", allow_special=True) == (0,)


@pytest.mark.parametrize("name", ["byte_level", "metaspace"])
def test_eight_threads(
    name: str, sentences: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    face = save(request.getfixturevalue(name), tmp_path)
    texts = [f"{sentence}<s><|im_end|>" for sentence in sentences[:400]]

    def encode_all(allow_special: bool) -> list[tuple[int, ...]]:
        return [face.encode(text, allow_special=allow_special) for text in texts]

    alone = {flag: encode_all(flag) for flag in (False, True)}
    flags = [number % 2 == 0 for number in range(8)] * 4
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(encode_all, flags)) == [alone[flag] for flag in flags]


@pytest.mark.parametrize("text", ["a", " ", "\0", "<|im_end|>"])
def test_a_megabyte_is_quick(text: str, byte_level: Tokenizer, tmp_path: Path) -> None:
    face = save(byte_level, tmp_path, QWEN)
    with cpu_limit(5):
        face.encode(text * (10**6 // len(text)), allow_special=True)


def test_truncation_in_the_file_is_not_ours(byte_level: Tokenizer, tmp_path: Path) -> None:
    library = Tokenizer.from_str(byte_level.to_str())
    library.enable_truncation(4)
    library.enable_padding(length=8)
    text = "Tom and Mary went to Boston."
    ids = save(library, tmp_path).encode(text)
    assert decode_all(load_tokenizer(tmp_path).token_bytes, ids) == text


def test_half_a_surrogate_pair_is_a_value_error(byte_level: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        save(byte_level, tmp_path).encode("a\udfff")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": 1}', "version https://git-lfs"])
def test_garbled_files_stop_the_start_with_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(StartupError, match=r"tokenizer\.json") as caught:
        load_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_decoder_without_bytes_is_refused(byte_level: Tokenizer, tmp_path: Path) -> None:
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
