"""The child process of `app.server.preflight`: bounds itself, then reads a model's files.

Knows nothing about where its answer goes: it writes a line for each file that it opens, and a
last one that begins with "=" (numbers) or "!" (what is wrong).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pickle
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from app.checkpoint.check import check_without_memory
from app.checkpoint.errors import StartupError
from app.checkpoint.vocabulary import TokenCount
from app.tokenizer import fast_tokenizer, sentencepiece_tokenizer
from app.tokenizer.smoke_test import check_tokenizer
from app.tokenizer.tokenizer import load_tokenizer
from app.tokenizer.vocab_size import count
from config import Config

_PR_SET_PDEATHSIG = 1
#: Imported for their libraries: what those take is not the model directory's doing.
READERS = (fast_tokenizer, sentencepiece_tokenizer)


def main(parent: int) -> None:
    """Read what stdin describes; `parent`: the process to die with."""
    _exit_with_parent(parent)
    config, (cpu_s, max_bytes) = pickle.load(sys.stdin.buffer)  # noqa: S301 - our parent's
    _limit_resources(cpu_s, max_bytes)
    _report_opened_files(config)
    counts: list[TokenCount] = []

    def load_and_probe(directory: Path) -> TokenCount:
        tokenizer = load_tokenizer(directory)
        check_tokenizer(tokenizer, directory)
        counts.append(count(tokenizer))
        return counts[0]

    try:
        check_without_memory(config, load_and_probe)
        answer = "=" + json.dumps(asdict(counts[0]))
    except StartupError as error:
        answer = "!" + " ".join(str(error).split())
    except MemoryError:
        sys.exit("memory allocation failed")
    except Exception as error:  # the libraries, and what we did not think of
        answer = f"!the model's files cannot be read: {type(error).__name__}: {error}"
        answer = " ".join(answer.split())
    sys.stdout.buffer.write(f"{answer}\n".encode("utf-8", "backslashreplace"))


def _exit_with_parent(parent: int) -> None:
    """Linux ends this process when its parent's thread ends; elsewhere the bounds do, later."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the parent has gone")


def _limit_resources(cpu_s: float, max_bytes: int) -> None:
    """No core file; so much more time and memory than the imports took."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft_limit_s = int(used.ru_utime + used.ru_stime + cpu_s) + 1
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (soft_limit_s, soft_limit_s + 1))
    with contextlib.suppress(OSError, ValueError):  # no /proc, no such limit: as on macOS
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        bound = pages * resource.getpagesize() + max_bytes
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))


def _report_opened_files(config: Config) -> None:
    """Write the path of every file of the model's directories before it is opened."""
    directories = [config.BASE_MODEL, *config.LORA_MODEL, config.TOKENIZER_PATH]
    prefixes = tuple(f"{name}/" for name in directories if name is not None)

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]).startswith(prefixes):
            line = f"{str(arguments[0])!r}"[1:-1] + "\n"
            sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace"))
            sys.stdout.flush()

    sys.addaudithook(audit)


if __name__ == "__main__":
    main(int(sys.argv[1]))
