"""Damaged and hostile model directories are refused early, with one line, in little memory."""

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

#: Time of the slowest case; five times that is allowed on a busy machine.
SECONDS = 8.0
#: Memory of the interpreter and libraries, and of reading a directory.
MAX_BYTES = 900 * 2**20
IDS = [name for name, _, _ in hostile.ALL]
CHECK = (sys.executable, "wsgi.py", "--check", "--only_cpu")
SERVE = (sys.executable, "wsgi.py", "--only_cpu", "--host=127.0.0.1", "--port=1")


def damaged_config(directory: Path, damage: hostile.Damage) -> Config:
    write_model(directory, vocab_size=PIECES)
    damage(directory)
    lora = directory / "lora"
    return Config(BASE_MODEL=str(directory), LORA_MODEL=(str(lora),) if lora.exists() else ())


def choose_cases(cases: list[hostile.Case], count: int, *names: str) -> list[hostile.Case]:
    """`count` random cases, and those named."""
    chosen = random.Random(13).sample(cases, count)
    return [case for case in cases if case in chosen or case[0] in names]


#: `test_refused_early_with_one_line_all` tests all cases; each starts a process.
CHOSEN = [
    *choose_cases(hostile.FILES, 5, "config.json is a pipe", "model.safetensors is /dev/zero"),
    *choose_cases(hostile.JSON_FILES, 3, "layers"),
    *choose_cases(hostile.WEIGHTS, 3, "dimensions", "a long header"),
    *choose_cases(hostile.TOKENIZERS, 4, "ids", "doubling", "(x+x+)+y", "added tokens"),
    *choose_cases(hostile.LORAS, 2, "a slow target"),
]


@pytest.mark.parametrize(("name", "damage", "words"), CHOSEN, ids=[case[0] for case in CHOSEN])
def test_refused_early_with_one_line(
    tmp_path: Path, name: str, damage: hostile.Damage, words: str
) -> None:
    assert_refused(damaged_config(tmp_path / "model", damage), words)


@pytest.mark.figures
@pytest.mark.parametrize(("name", "damage", "words"), hostile.ALL, ids=IDS)
def test_refused_early_with_one_line_all(
    tmp_path: Path, name: str, damage: hostile.Damage, words: str
) -> None:
    assert_refused(damaged_config(tmp_path / "model", damage), words)


def assert_refused(config: Config, words: str) -> None:
    """The preflight of `config` fails early, with one line that contains `words`."""
    start = time.monotonic()
    with pytest.raises(StartupError) as caught:
        run_preflight(config)
    assert time.monotonic() - start < 5 * SECONDS
    assert words in str(caught.value)
    assert config.BASE_MODEL in str(caught.value), "the error names the file or its directory"
    assert len(str(caught.value).splitlines()) == 1


SAMPLE = [
    *choose_cases(hostile.FILES, 1),
    *choose_cases(hostile.JSON_FILES, 1),
    *choose_cases(hostile.WEIGHTS, 0, "dimensions"),
    *choose_cases(hostile.TOKENIZERS, 0, "ids", "doubling"),
    *choose_cases(hostile.LORAS, 1),
]


#: Runs a command, prints its peak memory in KiB and exits with its status. Runs in a small process
#: of its own, because a child's peak memory includes its parent's at the time of the fork.
MEASURED = """
import os, sys
child = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(child, 0)
print(used.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def assert_command_refuses(command: tuple[str, ...], config: Config, words: str) -> None:
    """Run `command` with `config`; it must refuse it early and in little memory."""
    command = (*command, f"--base_model={config.BASE_MODEL}")
    command += tuple(f"--lora_model={name}" for name in config.LORA_MODEL)
    start = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", MEASURED, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10 * SECONDS,
    )
    *lines, used_kb = result.stderr.splitlines(keepends=True)
    err, out = "".join(lines), result.stdout
    assert time.monotonic() - start < 5 * SECONDS
    assert result.returncode == 1
    assert int(used_kb) * 1024 < MAX_BYTES
    assert out == ""
    assert err.startswith("westlake: ") and err.count("\n") == 1, err
    assert words in err


@pytest.mark.parametrize("command", [CHECK, SERVE], ids=["check", "serve"])
@pytest.mark.parametrize(("name", "damage", "words"), SAMPLE, ids=[c[0] for c in SAMPLE])
def test_check_and_serve_refuse_it(
    tmp_path: Path, command: tuple[str, ...], name: str, damage: hostile.Damage, words: str
) -> None:
    config = damaged_config(tmp_path / "model", damage)
    if command is SERVE:
        config = Config(BASE_MODEL=config.BASE_MODEL, LORA_MODEL=config.LORA_MODEL)
    assert_command_refuses(command, config, words)


@pytest.mark.figures
@pytest.mark.parametrize("command", [CHECK, SERVE], ids=["check", "serve"])
@pytest.mark.parametrize(("name", "damage", "words"), hostile.ALL, ids=IDS)
def test_check_and_serve_refuse_it_all(
    tmp_path: Path, command: tuple[str, ...], name: str, damage: hostile.Damage, words: str
) -> None:
    assert_command_refuses(command, damaged_config(tmp_path / "model", damage), words)


def test_good_directories_pass(tmp_path: Path) -> None:
    size = run_preflight(Config())
    assert size.total == size.text == PIECES
    directory = write_model(tmp_path / "fast", vocab_size=256)
    hostile.use_tokenizer_json()(directory)
    assert run_preflight(Config(BASE_MODEL=str(directory))).total == 256
    (directory / "tokenizer.json").rename(tmp_path / "elsewhere.json")
    (directory / "tokenizer.json").symlink_to(tmp_path / "elsewhere.json")  # as in the Hub's cache
    assert run_preflight(Config(BASE_MODEL=str(directory))).total == 256


def test_something_else_is_done_meanwhile() -> None:
    done: list[bool] = []
    run_preflight(Config(), lambda: done.append(True))
    assert done == [True]
    with pytest.raises(ZeroDivisionError):
        run_preflight(Config(), lambda: 1 // 0)


def test_as_many_added_tokens_as_speech_models_have(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "model", vocab_size=256 + 28_000)
    hostile.use_tokenizer_json(added_tokens=hostile.added_tokens_list(28_000))(directory)
    assert run_preflight(Config(BASE_MODEL=str(directory))).total == 256 + 28_000
    assert load_tokenizer(directory).encode("<27999>") == (256 + 27_999,)


def test_smoke_test_texts_round_trip() -> None:
    tokenizer = load_tokenizer(Path(EMBEDDED_MODEL))
    check_tokenizer(tokenizer, Path(EMBEDDED_MODEL))
    assert len(set(sample_texts())) > 200
    for text in sample_texts():
        assert tokenizer.decode(tokenizer.encode(text)), text


def test_a_crash_of_the_child_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For example, the kernel kills it, or a library crashes."""
    python = sys.executable
    for code, words in (
        ("import os; os.abort()", "crashes a process with code -6"),
        ("import sys; sys.stderr.write('memory allocation of 9 bytes failed'); sys.exit(9)", "MiB"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "s of CPU time"),
        ("import time; time.sleep(600)", "or hangs"),
    ):
        child = tmp_path / "child.sh"
        child.write_text(f'#!/bin/sh\nexec {python} -c "{code}"\n')
        child.chmod(0o755)
        monkeypatch.setattr(preflight.sys, "executable", str(child))
        if "sleep" in code:
            monkeypatch.setattr(preflight, "WALL_FACTOR", 0)
            monkeypatch.setattr(preflight, "WALL_EXTRA_S", 3.0)
        with pytest.raises(StartupError, match=words):
            run_preflight(Config())


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "model", vocab_size=256)
    hostile.use_tokenizer_json(pre_tokenizer=hostile.regex_pre_tokenizer("(a+)+$"))(directory)
    command = [*CHECK, f"--base_model={directory}"]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)

    def runs_check(pid: str) -> bool:
        try:
            return b"app.server.preflight_child" in Path("/proc", pid, "cmdline").read_bytes()
        except OSError:  # it has ended
            return False

    def child() -> str:
        threads = Path(f"/proc/{parent.pid}/task").glob("*/children")
        pids = " ".join(path.read_text() for path in threads).split()
        return next(filter(runs_check, pids), "")

    try:
        pid = wait_until(child, lambda: "the child did not start")
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not runs_check(pid), lambda: "the child is still running")


def test_reading_files(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"\xef\xbb\xbfabc")
    (tmp_path / "link").symlink_to("a")
    assert file_exists(tmp_path / "link")
    assert not file_exists(tmp_path / "b")
    assert not file_exists(file / "b"), "a path below a file does not exist"
    assert read_file(tmp_path / "link", 6) == b"\xef\xbb\xbfabc"
    assert read_text(file, 6) == "abc"
    for call, words in (
        (lambda: read_file(file, 5), "over 0 MiB"),
        (lambda: read_file(Path("/proc/self/maps"), 10), "is over"),  # its size is 0
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
