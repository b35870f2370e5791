"""The child process of `app.server.preflight`: limits its resources, then checks a model's files.

It writes the path of each file before opening it, then a last line: "=" and the result as JSON, or
"!" and an error message.
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
from app.checkpoint.gguf.gguf_file import GgufFile, model_name
from app.checkpoint.vocabulary import VocabSize
from app.tokenizer.gguf import gguf_tokenizer
from app.tokenizer.smoke_test import check_tokenizer
from app.tokenizer.tokenizer import load_tokenizer
from app.tokenizer.vocab_size import get_vocab_size
from config import Config

_PR_SET_PDEATHSIG = 1
#: Imported before the limits are set, so that the libraries' own memory does not count.
READERS = (gguf_tokenizer,)  # and, by it, those of directories


def main(parent: int) -> None:
    """Check the model of the pickled config on stdin. parent: its process id; exit with it."""
    _exit_with_parent(parent)
    config, (cpu_s, max_bytes) = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the parent
    _limit_resources(cpu_s, max_bytes)
    _report_opened_files(config)
    sizes: list[VocabSize] = []

    def load_and_probe(source: Path | GgufFile) -> VocabSize:
        tokenizer = load_tokenizer(source)
        check_tokenizer(tokenizer, source if isinstance(source, Path) else source.path)
        sizes.append(get_vocab_size(tokenizer))
        return sizes[0]

    try:
        check_without_memory(config, load_and_probe)
        answer = "=" + json.dumps(asdict(sizes[0]))
    except StartupError as error:
        answer = "!" + " ".join(str(error).split())
    except MemoryError:
        sys.exit("memory allocation failed")
    except Exception as error:  # raised by a library on a malformed file
        answer = f"!the model's files cannot be read: {type(error).__name__}: {error}"
        answer = " ".join(answer.split())
    sys.stdout.buffer.write(f"{answer}\n".encode("utf-8", "backslashreplace"))


def _exit_with_parent(parent: int) -> None:
    """On Linux, exit when the parent's thread ends; elsewhere the limits end this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the parent has exited")


def _limit_resources(cpu_s: float, max_bytes: int) -> None:
    """Disable core files; allow this much CPU time and memory beyond what the imports used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft_limit_s = int(used.ru_utime + used.ru_stime + cpu_s) + 1
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (soft_limit_s, soft_limit_s + 1))
    with contextlib.suppress(OSError, ValueError):  # macOS has no /proc and no RLIMIT_AS
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + max_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _report_opened_files(config: Config) -> None:
    """Write the path of each of the model's files before it is opened."""
    names = [config.BASE_MODEL, *config.LORA_MODEL, config.TOKENIZER_PATH]
    prefixes = tuple(_prefix(Path(name)) for name in names if name is not None)

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]).startswith(prefixes):
            line = f"{str(arguments[0])!r}"[1:-1] + "\n"
            sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace"))
            sys.stdout.flush()

    sys.addaudithook(audit)


def _prefix(path: Path) -> str:
    """What the paths of a model's files begin with: of a GGUF file's parts, too."""
    return str(path.with_name(model_name(path))) if path.is_file() else f"{path}/"


if __name__ == "__main__":
    main(int(sys.argv[1]))
