"""Damaged and hostile model directories: one line, soon, in little memory."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import file_exists, open_file, read_file, read_text
from app.prompts.template_selection import read_chat_template
from app.server import preflight
from app.server.preflight import run_preflight
from app.tokenizer.smoke_test import check_tokenizer, sample_texts
from app.tokenizer.tokenizer import load_tokenizer
from config import EMBEDDED_MODEL, Config
from tests.checkpoint import hostile
from tests.harness.model_directory import PIECES, write_model
from tests.harness.server import ROOT
from tests.harness.waiting import wait_until

#: That the slowest may take; five times that on a loaded machine.
SECONDS = 8.0
#: Of this process's own interpreter and libraries, and what a directory may take besides.
MOST_BYTES = 900 * 2**20
IDS = [name for name, _, _ in hostile.ALL]
CHECK = (sys.executable, "wsgi.py", "--check", "--only_cpu")
SERVE = (sys.executable, "wsgi.py", "--only_cpu", "--host=127.0.0.1", "--port=1")


def spoiled(directory: Path, spoil: hostile.Spoil) -> Config:
    write_model(directory, vocab_size=PIECES)
    spoil(directory)
    lora = directory / "lora"
    return Config(BASE_MODEL=str(directory), LORA_MODEL=(str(lora),) if lora.exists() else ())


def seeded(cases: list[hostile.Case], count: int, *names: str) -> list[hostile.Case]:
    """`count` of `cases` by lot, and those named."""
    chosen = random.Random(13).sample(cases, count)
    return [case for case in cases if case in chosen or case[0] in names]


#: The rest by `test_is_one_line_soon_all`: each starts a process.
SOME = [
    *seeded(hostile.FILES, 5, "config.json is a pipe", "model.safetensors is /dev/zero"),
    *seeded(hostile.JSON_FILES, 3, "layers"),
    *seeded(hostile.WEIGHTS, 3, "dimensions", "a long header"),
    *seeded(hostile.TOKENIZERS, 4, "ids", "doubling", "(x+x+)+y", "added tokens"),
    *seeded(hostile.LORAS, 2, "a slow target"),
]


@pytest.mark.parametrize(("name", "spoil", "words"), SOME, ids=[case[0] for case in SOME])
def test_is_one_line_soon(tmp_path: Path, name: str, spoil: hostile.Spoil, words: str) -> None:
    refused(spoiled(tmp_path / "model", spoil), words)


@pytest.mark.figures
@pytest.mark.parametrize(("name", "spoil", "words"), hostile.ALL, ids=IDS)
def test_is_one_line_soon_all(tmp_path: Path, name: str, spoil: hostile.Spoil, words: str) -> None:
    refused(spoiled(tmp_path / "model", spoil), words)


def refused(config: Config, words: str) -> None:
    """Rehearse `config`: it must be refused, soon, by a line with `words`."""
    began = time.monotonic()
    with pytest.raises(StartupError) as caught:
        run_preflight(config)
    assert time.monotonic() - began < 5 * SECONDS
    assert words in str(caught.value)
    assert config.BASE_MODEL in str(caught.value), "the file, or its directory, is named"
    assert len(str(caught.value).splitlines()) == 1


SAMPLE = [
    *seeded(hostile.FILES, 1),
    *seeded(hostile.JSON_FILES, 1),
    *seeded(hostile.WEIGHTS, 0, "dimensions"),
    *seeded(hostile.TOKENIZERS, 0, "ids", "doubling"),
    *seeded(hostile.LORAS, 1),
]


#: Runs a command, prints the most memory that it took in KiB, and ends as it did. A process of its
#: own, small: what the system counts of a child begins with its parent's memory.
MEASURED = """
import os, sys
child = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(child, 0)
print(used.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def commanded(command: tuple[str, ...], config: Config, words: str) -> None:
    """Run `command` for what `config` names: it must refuse it, soon and in little memory."""
    command = (*command, f"--base_model={config.BASE_MODEL}")
    command += tuple(f"--lora_model={name}" for name in config.LORA_MODEL)
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10 * SECONDS,
    )
    *lines, used_kb = done.stderr.splitlines(keepends=True)
    err, out = "".join(lines), done.stdout
    assert time.monotonic() - began < 5 * SECONDS
    assert done.returncode == 1
    assert int(used_kb) * 1024 < MOST_BYTES
    assert out == ""
    assert err.startswith("westlake: ") and err.count("\n") == 1, err
    assert words in err


@pytest.mark.parametrize("command", [CHECK, SERVE], ids=["check", "serve"])
@pytest.mark.parametrize(("name", "spoil", "words"), SAMPLE, ids=[c[0] for c in SAMPLE])
def test_check_and_start_alike(
    tmp_path: Path, command: tuple[str, ...], name: str, spoil: hostile.Spoil, words: str
) -> None:
    config = spoiled(tmp_path / "model", spoil)
    if command is SERVE:
        config = Config(BASE_MODEL=config.BASE_MODEL, LORA_MODEL=config.LORA_MODEL)
    commanded(command, config, words)


@pytest.mark.figures
@pytest.mark.parametrize("command", [CHECK, SERVE], ids=["check", "serve"])
@pytest.mark.parametrize(("name", "spoil", "words"), hostile.ALL, ids=IDS)
def test_check_and_start_alike_all(
    tmp_path: Path, command: tuple[str, ...], name: str, spoil: hostile.Spoil, words: str
) -> None:
    commanded(command, spoiled(tmp_path / "model", spoil), words)


def test_good_directories_pass(tmp_path: Path) -> None:
    size = run_preflight(Config())
    assert size.total == size.text == PIECES
    directory = write_model(tmp_path / "fast", vocab_size=256)
    hostile.fast()(directory)
    assert run_preflight(Config(BASE_MODEL=str(directory))).total == 256
    (directory / "tokenizer.json").rename(tmp_path / "elsewhere.json")
    (directory / "tokenizer.json").symlink_to(tmp_path / "elsewhere.json")  # as the Hub's cache
    assert run_preflight(Config(BASE_MODEL=str(directory))).total == 256


def test_as_many_added_tokens_as_speech_models_have(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "model", vocab_size=256 + 28_000)
    hostile.fast(added_tokens=hostile.added(28_000))(directory)
    assert run_preflight(Config(BASE_MODEL=str(directory))).total == 256 + 28_000
    assert load_tokenizer(directory).encode("<27999>") == (256 + 27_999,)


def test_every_tokenizer_is_tried_before_it_answers() -> None:
    tokenizer = load_tokenizer(Path(EMBEDDED_MODEL))
    check_tokenizer(tokenizer, Path(EMBEDDED_MODEL))
    assert len(set(sample_texts())) > 200
    for text in sample_texts():
        assert tokenizer.decode(tokenizer.encode(text)), text


def test_a_child_that_ends_without_a_word_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the kernel ends it, or a library crashes."""
    python = sys.executable
    for code, words in (
        ("import os; os.abort()", "crashes a process with code -6"),
        ("import sys; sys.stderr.write('memory allocation of 9 bytes failed'); sys.exit(9)", "MiB"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "s of CPU time"),
        ("import time; time.sleep(600)", "does not end"),
    ):
        child = tmp_path / "child.sh"
        child.write_text(f'#!/bin/sh\nexec {python} -c "{code}"\n')
        child.chmod(0o755)
        monkeypatch.setattr(preflight.sys, "executable", str(child))
        if "sleep" in code:
            monkeypatch.setattr(preflight, "WALL_TIMES", 0)
            monkeypatch.setattr(preflight, "WALL_S", 3.0)
        with pytest.raises(StartupError, match=words):
            run_preflight(Config())


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "model", vocab_size=256)
    hostile.fast(pre_tokenizer=hostile.splitting("(a+)+$"))(directory)
    command = [*CHECK, f"--base_model={directory}"]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)

    def children() -> list[str]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if f"{parent.pid}" in words and "app.server.preflight_child" in words:
                found.append(path.parent.name)
        return found

    wait_until(children, lambda: "it never started")
    parent.kill()
    parent.wait()
    wait_until(lambda: not children(), lambda: "it lives on")


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"\xef\xbb\xbfabc")
    (tmp_path / "link").symlink_to("a")
    assert file_exists(tmp_path / "link")
    assert not file_exists(tmp_path / "b")
    assert not file_exists(file / "b"), "below a file there is nothing"
    assert read_file(tmp_path / "link", 6) == b"\xef\xbb\xbfabc"
    assert read_text(file, 6) == "abc"
    for call, words in (
        (lambda: read_file(file, 5), "over 0 MiB"),
        (lambda: read_file(Path("/proc/self/maps"), 10), "is over"),  # has no size of its own
        (lambda: open_file(tmp_path / "b"), "is missing"),
        (lambda: open_file(tmp_path), "is a directory"),
    ):
        with pytest.raises(StartupError, match=words):
            call()
    file.write_bytes(b"\xff")
    with pytest.raises(StartupError, match="not UTF-8"):
        read_text(file, 6)


def test_a_lora_of_pickles_is_read_from_files_only(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "model", vocab_size=PIECES)
    hostile.lora(lambda path: (path / "adapter_model.safetensors").unlink())(directory)
    os.mkfifo(directory / "lora" / "adapter_model.bin")
    config = Config(
        BASE_MODEL=str(directory), LORA_MODEL=(str(directory / "lora"),), ALLOW_PICKLE=True
    )
    with pytest.raises(StartupError, match=r"adapter_model.bin is a pipe"):
        run_preflight(config)
    (directory / "model.safetensors").unlink()
    shutil.rmtree(directory / "lora")
    os.mkfifo(directory / "pytorch_model.bin")
    with pytest.raises(StartupError, match=r"pytorch_model.bin is a pipe"):
        run_preflight(Config(BASE_MODEL=str(directory), ALLOW_PICKLE=True))


def test_errors_stay_short(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "model", vocab_size=PIECES)
    name = "西" * 1_000_000
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {name: 1}}))
    ended = subprocess.run(
        [*CHECK, f"--base_model={directory}"], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert len(ended.stderr) < 5000


def test_a_chat_template_given_by_name_is_read_from_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jinja")
    (tmp_path / "large.jinja").write_bytes(b" " * (2**20 + 1))
    for name, words in (
        (str(tmp_path / "pipe.jinja"), "is a pipe"),
        (str(tmp_path / "large.jinja"), "over 1 MiB"),
        ("/dev/zero", "is a device"),
        (str(tmp_path), "is a directory"),
    ):
        with pytest.raises(StartupError, match=f"--chat_template {name} cannot be read.*{words}"):
            read_chat_template(name)
