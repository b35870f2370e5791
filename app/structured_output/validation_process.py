"""Starts, asks and ends the child process that validates structured outputs."""

from __future__ import annotations

import logging
import marshal
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

from app.structured_output.grammar_compiler import GrammarTokens
from app.structured_output.structured_output import StructuredOutput
from app.structured_output.validation_worker import WALL_LIMIT_S, read_frame, write_frame
from app.structured_output.verdict import Verdict

#: Seconds between two checks whether a verdict is still wanted.
POLL_S = 0.05
#: A child that does not answer for this long after its own limit is killed.
REPLY_TIMEOUT_S = WALL_LIMIT_S + 4.0

_ROOT = Path(__file__).resolve().parents[2]
_log = logging.getLogger(__name__)


class ValidationProcessDied(Exception):
    """The child ended without a verdict."""


class ValidationProcess:
    """The child, started with the first validation. Used by one thread, which must live as long as
    the server: the child ends with the thread that started it."""

    def __init__(self, tokens: GrammarTokens) -> None:
        self._tokens = tokens
        self._child: subprocess.Popen[bytes] | None = None

    def validate(self, output: StructuredOutput, abandoned: Callable[[], bool]) -> Verdict | None:
        """The verdict on a structured output; None when `abandoned` became true before.

        Raises:
            ValidationProcessDied: there is no verdict; the next call starts another child.
            OSError: no child can be started.
        """
        child = self._running_child()
        assert child.stdin is not None and child.stdout is not None
        try:
            write_frame(child.stdin, marshal.dumps((output.kind.value, output.text)))
            aborted = False
            deadline = time.monotonic() + REPLY_TIMEOUT_S
            while not select.select([child.stdout], [], [], POLL_S)[0]:
                if time.monotonic() > deadline:
                    raise ValidationProcessDied("the process that validates grammars hangs")
                if not aborted and abandoned():
                    aborted = True
                    write_frame(child.stdin, b"")
            reply = read_frame(child.stdout)
            if reply is None:
                raise ValidationProcessDied("the process that validates grammars has ended")
            verdict = Verdict(*marshal.loads(reply))  # noqa: S302 - written by our own child
            return None if aborted else verdict
        except (ValidationProcessDied, OSError, ValueError, EOFError) as error:
            self.end()
            if isinstance(error, ValidationProcessDied):
                raise
            raise ValidationProcessDied(str(error)) from error

    def end(self) -> None:
        """Kill the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def _running_child(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self.end()
        command = [
            sys.executable,
            "-m",
            "app.structured_output.validation_worker",
            str(os.getpid()),
        ]
        # In a new session, without a terminal, and with no descriptors but its two pipes.
        self._child = child = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            start_new_session=True,
        )
        assert child.stdin is not None
        _log.debug("grammars are validated in process %d", child.pid)
        write_frame(child.stdin, marshal.dumps(astuple(self._tokens)))
        return child
