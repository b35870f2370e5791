"""Checks a model's files in a child process with limits on CPU time and memory.

A malicious file of a downloaded model could otherwise hang the server or use all memory. Files
that pass in the child are then read in this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.hub import local_directory, local_model
from app.checkpoint.safe_open import MIB
from app.checkpoint.vocabulary import VocabSize
from config import Config

ROOT = Path(__file__).resolve().parents[2]
#: The limits grow with the tokenizer's size: a tokenizer.json of 24 MiB (258,000 tokens) takes
#: 1.7 s and 0.3 GB.
BASE_CPU_S, CPU_S_PER_MIB = 4.0, 0.5
BASE_MEMORY_BYTES, MEMORY_PER_FILE_BYTE = 256 * MIB, 20
#: Wall-clock limit: WALL_FACTOR times the CPU limit plus WALL_EXTRA_S, for a child that sleeps.
WALL_FACTOR, WALL_EXTRA_S = 5, 20.0
_TOKENIZER_FILES, _MAX_TOKENIZER_BYTES = ("tokenizer.json", "tokenizer.model"), 64 * MIB
#: A GGUF file's size says nothing of its vocabulary's: this is twice that of the largest known.
_GGUF_HEADER_BYTES = 20 * MIB
#: One thread per library: memory that threads reserve counts against the limit.
_CHILD_ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "false",
    "RAYON_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}


def run_preflight(config: Config, meanwhile: Callable[[], object] = lambda: None) -> VocabSize:
    """Check all files that `config` names, except the weights' values. Returns the tokenizer's
    size. meanwhile: called once the child has what it needs.

    Raises:
        StartupError: what is wrong, in one line; also if the limits are exceeded.
    """
    config = _with_local_directories(config)
    size = _bytes_to_read(config)
    cpu_s = BASE_CPU_S + CPU_S_PER_MIB * size / MIB
    limits = (cpu_s, BASE_MEMORY_BYTES + MEMORY_PER_FILE_BYTE * size)
    child = subprocess.Popen(  # noqa: S603 - a fixed module of this package
        [sys.executable, "-m", "app.server.preflight_child", str(os.getpid())],
        cwd=ROOT,
        env={**os.environ, **_CHILD_ENVIRONMENT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with child:
        try:
            _send(child, pickle.dumps((config, limits)))
            meanwhile()
            out, err = child.communicate(timeout=WALL_FACTOR * cpu_s + WALL_EXTRA_S)
        except BaseException as error:
            child.kill()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            out, err = child.communicate()
    return _parse_result(out, err, child.returncode, *limits)


def _send(child: subprocess.Popen[bytes], data: bytes) -> None:
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # its exit status says more
        child.stdin.write(data)
        child.stdin.flush()


def _parse_result(out: bytes, err: bytes, code: int, cpu_s: float, max_bytes: int) -> VocabSize:
    """Parse the child's output: a line for each file it opened, then "=" and the result as JSON,
    or "!" and an error message."""
    lines = out.decode("utf-8", "replace").splitlines() or [""]
    if lines[-1].startswith("="):
        return VocabSize(**json.loads(lines[-1][1:]))
    if lines[-1].startswith("!"):
        raise StartupError(lines[-1][1:])
    file = lines[-1] or "the model's directory"
    prefix = f"{file} is rejected: reading it, or trying the tokenizer it describes, "
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        raise StartupError(f"{prefix}takes more than {cpu_s:.0f} s of CPU time, or hangs")
    if b"memory allocation" in err or b"bad_alloc" in err:
        raise StartupError(f"{prefix}takes more than {max_bytes // MIB} MiB of memory")
    last_line = (err.decode("utf-8", "replace").strip().splitlines() or [""])[-1]
    raise StartupError(f"{prefix}crashes a process with code {code}: {last_line[:200]}")


def _with_local_directories(config: Config) -> Config:
    """`config` with local directories for Hub names, and without a GPU: the child must not wait
    for downloads or drivers."""

    pickles = config.ALLOW_PICKLE
    loras = (local_directory(n, "--lora_model", allow_pickle=pickles) for n in config.LORA_MODEL)
    tokenizer = config.TOKENIZER_PATH
    return replace(
        config,
        BASE_MODEL=str(local_model(config.BASE_MODEL, "--base_model", allow_pickle=pickles)),
        LORA_MODEL=tuple(map(str, loras)),
        TOKENIZER_PATH=tokenizer and str(local_model(tokenizer, "--tokenizer_path")),
        ONLY_CPU=True,
        GPUS=(),
        DTYPE="auto",
    )


def _bytes_to_read(config: Config) -> int:
    """Size of the largest tokenizer file, at most what may be read. Other files are small."""
    names = (config.BASE_MODEL, *config.LORA_MODEL, config.TOKENIZER_PATH)
    given = [Path(name) for name in names if name is not None]
    paths = [path / file for path in given for file in _TOKENIZER_FILES]
    sizes = [min(path.stat().st_size, _MAX_TOKENIZER_BYTES) for path in paths if path.is_file()]
    headers = [min(path.stat().st_size, _GGUF_HEADER_BYTES) for path in given if path.is_file()]
    return max([*sizes, *headers], default=0)
