"""The child process that validates structured outputs, each in a fork of its own.

It is started with the vocabulary and gets one StructuredOutput at a time. One may exhaust the time
or memory allowed, or overflow the library's stack: that ends its fork only.

    stdin   the vocabulary, then structured outputs; an empty frame aborts the current validation
    stdout  one verdict for each
"""

from __future__ import annotations

import marshal
import os
import resource
import select
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import IO, Any, TypeVar

from app.structured_output.grammar_compiler import (
    GrammarCompiler,
    GrammarTokens,
    InvalidGrammar,
)
from app.structured_output.library_errors import TOO_LARGE, TOO_SLOW, client_message
from app.structured_output.library_grammar import library_grammar
from app.structured_output.schema_exactness import InexactSchema
from app.structured_output.schema_patterns import UnsupportedPattern
from app.structured_output.schema_satisfiability import UnsatisfiableSchema
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind
from app.structured_output.verdict import Verdict

#: Processor time and wall-clock time for one validation.
CPU_LIMIT_S = 2.0
WALL_LIMIT_S = 15.0
#: Limits of a grammar's first steps, since all running answers wait for each step: the first
#: (which is computed before an answer waits for it), each of the others, and their median.
FIRST_STEP_S, STEP_S, MEDIAN_STEP_S = 0.5, 0.15, 0.025
#: How many steps are tried, and the processor time for them.
MAX_STEPS, STEPS_CPU_LIMIT_S = 24, 0.25
MEMORY_LIMIT_BYTES = 512 << 20
#: The server has larger stacks for compiling and for steps: what fits here fits there.
COMPILE_STACK_BYTES, STEP_STACK_BYTES = 32 << 20, 1 << 20
T = TypeVar("T")
_PDEATHSIG = 1  #: of prctl(2)


def read_frame(source: IO[bytes]) -> bytes | None:
    """The next frame; None at the end."""
    header = source.read(4)
    if len(header) < 4:
        return None
    (size,) = struct.unpack("!I", header)
    data = source.read(size)
    return data if len(data) == size else None


def write_frame(target: IO[bytes], data: bytes) -> None:
    """Write `data` as one frame."""
    target.write(struct.pack("!I", len(data)) + data)
    target.flush()


def die_with_parent(parent: int) -> None:
    """End this process when its parent ends. Elsewhere than on Linux the end of stdin and the
    time limits do it."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)  # the parent ended before prctl


def main(parent: int) -> None:
    """Validate structured outputs until stdin ends."""
    die_with_parent(parent)
    for signal_number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signal_number, signal.SIG_IGN)  # it ends with the server, not before
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Unbuffered, so that select() sees everything that has arrived.
    source, target = os.fdopen(0, "rb", 0), os.fdopen(1, "wb", 0)
    vocabulary = read_frame(_FullReader(source))  # type: ignore[arg-type]
    if vocabulary is None:
        return
    tokens = GrammarTokens(*marshal.loads(vocabulary))  # noqa: S302 - written by our parent
    compiler = GrammarCompiler(tokens)
    while (frame := read_frame(_FullReader(source))) is not None:  # type: ignore[arg-type]
        if frame:  # an empty frame here is an abort that came after the verdict
            kind, text = marshal.loads(frame)  # noqa: S302 - written by our parent
            output = StructuredOutput(StructuredOutputKind(kind), text)
            verdict = _validate_in_fork(compiler, output, source)
            write_frame(target, marshal.dumps(tuple(verdict)))


class _FullReader:
    """Reads as many bytes as are asked for from a raw stream."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw

    def read(self, size: int) -> bytes:
        """`size` bytes; fewer only at the end."""
        data = b""
        while len(data) < size and (part := self._raw.read(size - len(data))):
            data += part
        return data


def _validate_in_fork(
    compiler: GrammarCompiler, output: StructuredOutput, source: IO[bytes]
) -> Verdict:
    """Validate in a fork, until a limit or an abort from `source`."""
    read_end, write_end = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        _run_fork(compiler, output, parent, write_end)
    os.close(write_end)
    try:
        ready, _, _ = select.select([read_end, source.fileno()], [], [], WALL_LIMIT_S)
        if read_end not in ready:
            os.kill(child, signal.SIGKILL)
        data = os.read(read_end, 1 << 22) if read_end in ready else b""
        while data and (more := os.read(read_end, 1 << 22)):
            data += more
    finally:
        os.close(read_end)
        _, status = os.waitpid(child, 0)
    if data:
        return Verdict(*marshal.loads(data))  # noqa: S302 - written by our fork
    if not ready:
        return Verdict(False, TOO_SLOW, 0, False)  # the machine may just be busy
    timed_out = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF
    return Verdict(False, TOO_SLOW if timed_out else TOO_LARGE, 0, True)


def _run_fork(
    compiler: GrammarCompiler, output: StructuredOutput, parent: int, write_end: int
) -> None:
    """The fork's main function. Never returns."""
    try:
        die_with_parent(parent)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S)
        limit = _memory_bytes() + MEMORY_LIMIT_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        verdict = _in_thread(COMPILE_STACK_BYTES, lambda: validate(compiler, output))
        os.write(write_end, marshal.dumps(tuple(verdict)))
    finally:
        os._exit(0)


def _in_thread(stack_bytes: int, function: Callable[[], T]) -> T:
    """Call `function` in a thread with a stack of this size."""
    threading.stack_size(stack_bytes)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def _memory_bytes(column: int = 0) -> int:
    """Size of this process's address space, or its resident memory (column 1)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[column]) * resource.getpagesize()
    except OSError:
        return 1 << 30 if column == 0 else 0


def validate(compiler: GrammarCompiler, output: StructuredOutput) -> Verdict:
    """Translate, compile and try a structured output, without the process's limits."""
    try:
        grammar = library_grammar(output)
        before = _memory_bytes(1)
        matcher = compiler.compile(grammar)
        _in_thread(STEP_STACK_BYTES, lambda: _try_steps(matcher))
        return Verdict(True, grammar, max(0, _memory_bytes(1) - before), True)
    except InvalidGrammar as error:
        return Verdict(False, client_message(str(error), output), 0, True)
    except UnsupportedPattern as error:
        return Verdict(False, f"a pattern with {error} is not supported", 0, True)
    except (UnsatisfiableSchema, InexactSchema) as error:
        return Verdict(False, str(error), 0, True)
    except (MemoryError, RecursionError):
        return Verdict(False, TOO_LARGE, 0, True)
    except _TooSlow:
        return Verdict(False, TOO_SLOW, 0, True)


class _TooSlow(Exception):
    """A step takes too long."""


def _try_steps(matcher: Any) -> None:
    """Take a grammar's first steps.

    Raises:
        InvalidGrammar: the library reports an error.
        _TooSlow: they take too long.
    """
    started_at = time.process_time()
    durations: list[float] = []
    while len(durations) < MAX_STEPS and not matcher.is_stopped():
        step_started_at = time.process_time()
        mask = matcher.compute_bitmask()
        if not matcher.is_error():
            # The highest ids are often long tokens, and do not always end a name.
            matcher.consume_token(highest_token(mask))
        if matcher.is_error():
            raise InvalidGrammar(matcher.get_error())
        now = time.process_time()
        durations.append(now - step_started_at)
        if durations[-1] > (STEP_S if len(durations) > 1 else FIRST_STEP_S):
            raise _TooSlow
        if now - started_at > STEPS_CPU_LIMIT_S and len(durations) > 4:
            break
    if len(durations) > 1 and median(durations[1:]) > MEDIAN_STEP_S:
        raise _TooSlow


def highest_token(mask: bytes) -> int:
    """The highest token id in a bit mask.

    Raises:
        InvalidGrammar: the mask is empty.
    """
    token = int.from_bytes(mask, "little").bit_length() - 1
    if token < 0:
        raise InvalidGrammar("unsatisfiable schema")
    return token


if __name__ == "__main__":
    main(int(sys.argv[1]))
