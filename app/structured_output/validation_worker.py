"""The child process that tries schemas: each in a fork of its own, so that none harms the next.

Knows nothing about the server: it is started with the vocabulary, and told one schema at a time.
A schema may take all the time there is, exhaust memory or overflow the library's stack: all of that
ends its fork and no other process.

    stdin   the vocabulary, then schemas; an empty frame ends the trial that runs
    stdout  for each schema one verdict
"""

from __future__ import annotations

import json
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
    InvalidSchema,
    spells_controls,
)
from app.structured_output.schema_dialect import close_objects, in_library_words
from app.structured_output.schema_errors import TOO_LARGE, TOO_SLOW, in_our_words, with_place
from app.structured_output.schema_exactness import Inexact, make_exact
from app.structured_output.schema_satisfiability import Endless, without_endless_parts

#: Of processor time, then of any, for one schema.
CPU_S = 2.0
WALL_S = 15.0
#: All running answers wait for each step of a grammar: its first steps take at most this long
#: (the very first is taken before any answer waits for it), and half of them less than that.
FIRST_STEP_S, STEP_S, USUAL_STEP_S = 0.5, 0.15, 0.025
#: Steps that are tried, and processor time for them after the first.
STEPS, STEPS_S = 24, 0.25
MEMORY_BYTES = 512 << 20
#: Where the server compiles and where it takes steps there is more: what fits here never
#: overflows a stack there.
COMPILE_STACK_BYTES, STEP_STACK_BYTES = 32 << 20, 1 << 20
T = TypeVar("T")
_PDEATHSIG = 1  #: of prctl(2)


def read_frame(source: IO[bytes]) -> bytes | None:
    """The next frame; None at the end."""
    head = source.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack("!I", head)
    data = source.read(size)
    return data if len(data) == size else None


def write_frame(target: IO[bytes], data: bytes) -> None:
    """Send `data` as one frame."""
    target.write(struct.pack("!I", len(data)) + data)
    target.flush()


def die_with_parent(parent: int) -> None:
    """End this process when its parent ends. Where the system cannot say so, the end of stdin
    does, and the bounds of time."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)  # it ended before


def main(parent: int) -> None:
    """Try schemas until stdin ends."""
    die_with_parent(parent)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the server's end is this process's, not before
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Unbuffered, so that select() sees all there is.
    source, target = os.fdopen(0, "rb", 0), os.fdopen(1, "wb", 0)
    vocabulary = read_frame(_Whole(source))  # type: ignore[arg-type]
    if vocabulary is None:
        return
    compiler = GrammarCompiler(GrammarTokens(*marshal.loads(vocabulary)))  # noqa: S302 - ours
    while (schema := read_frame(_Whole(source))) is not None:  # type: ignore[arg-type]
        if schema:  # an empty one: an end that came too late
            write_frame(target, marshal.dumps(_try(compiler, schema.decode(), source)))


class _Whole:
    """Reads as much as is asked for from a raw stream."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end."""
        data = b""
        while len(data) < size and (piece := self._raw.read(size - len(data))):
            data += piece
        return data


#: Whether the schema may be used; the text to compile, or why not; bytes its grammar takes with
#: its first steps; whether another trial would say the same.
Verdict = tuple[bool, str, int, bool]


def _try(compiler: GrammarCompiler, schema: str, source: IO[bytes]) -> Verdict:
    """Fork, wait, and say how it went."""
    reading, writing = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        _in_fork(compiler, schema, parent, writing)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading, source.fileno()], [], [], WALL_S)
        if reading not in ready:
            os.kill(child, signal.SIGKILL)
        data = os.read(reading, 1 << 22) if reading in ready else b""
        while data and (more := os.read(reading, 1 << 22)):
            data += more
    finally:
        os.close(reading)
        _, status = os.waitpid(child, 0)
    if data:
        verdict: Verdict = marshal.loads(data)  # noqa: S302 - our fork's
        return verdict
    if not ready:
        return False, TOO_SLOW, 0, False  # of a busy machine nothing is remembered
    timed_out = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF
    return False, TOO_SLOW if timed_out else TOO_LARGE, 0, True


def _in_fork(compiler: GrammarCompiler, schema: str, parent: int, writing: int) -> None:
    """Never returns."""
    try:
        die_with_parent(parent)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        limit = _memory_now() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        verdict = _in_thread(COMPILE_STACK_BYTES, lambda: examine(compiler, schema))
        os.write(writing, marshal.dumps(verdict))
    finally:
        os._exit(0)


def _in_thread(stack_bytes: int, work: Callable[[], T]) -> T:
    """What `work` returns or raises, done on a stack of its own."""
    threading.stack_size(stack_bytes)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def _memory_now(column: int = 0) -> int:
    """Bytes of this process's address space, or of what of it is in memory (column 1)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[column]) * resource.getpagesize()
    except OSError:
        return 1 << 30 if column == 0 else 0


def examine(compiler: GrammarCompiler, schema: str) -> Verdict:
    """Prepare, compile and walk a schema, without any bound."""
    try:
        value: Any = json.loads(schema)
        changed = in_library_words(value)
        changed |= without_endless_parts(value)
        changed |= make_exact(value)
        text = json.dumps(value) if changed else schema
        if spells_controls(text):
            close_objects(value)
            text = json.dumps(value)
        before = _memory_now(1)
        matcher = compiler.compile(text)
        _in_thread(STEP_STACK_BYTES, lambda: _walk(matcher))
        return True, text, max(0, _memory_now(1) - before), True
    except InvalidSchema as error:
        return False, with_place(str(error), value), 0, True
    except (Endless, Inexact) as error:
        return False, str(error), 0, True
    except (MemoryError, RecursionError):
        return False, TOO_LARGE, 0, True
    except _Slow:
        return False, TOO_SLOW, 0, True


class _Slow(Exception):
    """One step takes too long."""


def _walk(matcher: Any) -> None:
    """Take some first steps.

    Raises:
        InvalidSchema, _Slow: they cannot be taken.
    """
    began = time.process_time()
    took: list[float] = []
    while len(took) < STEPS and not matcher.is_stopped():
        at = time.process_time()
        mask = matcher.compute_bitmask()
        if not matcher.is_error():
            # The highest: long tokens, and where names may follow not always their end.
            matcher.consume_token(mask_highest(mask))
        if matcher.is_error():
            raise InvalidSchema(in_our_words(matcher.get_error()))
        now = time.process_time()
        took.append(now - at)
        if took[-1] > (STEP_S if len(took) > 1 else FIRST_STEP_S):
            raise _Slow
        if now - began > STEPS_S and len(took) > 4:
            break
    if len(took) > 1 and median(took[1:]) > USUAL_STEP_S:
        raise _Slow


def mask_highest(mask: bytes) -> int:
    """The highest token in a mask.

    Raises:
        InvalidSchema: there is none.
    """
    number = int.from_bytes(mask, "little").bit_length() - 1
    if number < 0:
        raise InvalidSchema(in_our_words("unsatisfiable schema"))
    return number


if __name__ == "__main__":
    main(int(sys.argv[1]))
