"""Owns the child process in which schemas are tried: starts it, asks it, ends it.

Knows nothing about what is tried, or for whom.
"""

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
from app.structured_output.validation_worker import WALL_S, Verdict, read_frame, write_frame

#: How often it is looked whether anybody still waits for a verdict.
LOOK_S = 0.05
#: A child that says nothing for so long after its own bound is given up.
PATIENCE_S = WALL_S + 4.0

_ROOT = Path(__file__).resolve().parents[2]
_log = logging.getLogger(__name__)


class TrialLost(Exception):
    """The child ended without a verdict."""


class TrialProcess:
    """The child, born with the first question. Used by one thread, which must live as long as
    the process: the child ends with the thread that started it."""

    def __init__(self, tokens: GrammarTokens) -> None:
        self._tokens = tokens
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, schema: str, abandoned: Callable[[], bool]) -> Verdict | None:
        """The verdict on a schema; None when `abandoned` became true before.

        Raises:
            TrialLost: there is no verdict; the next question gets another child.
            OSError: no child can be started.
        """
        child = self._started()
        assert child.stdin is not None and child.stdout is not None
        try:
            write_frame(child.stdin, schema.encode())
            gone = False
            give_up = time.monotonic() + PATIENCE_S
            while not select.select([child.stdout], [], [], LOOK_S)[0]:
                if time.monotonic() > give_up:
                    raise TrialLost("the process that tries schemas hangs")
                if not gone and abandoned():
                    gone = True
                    write_frame(child.stdin, b"")
            answer = read_frame(child.stdout)
            if answer is None:
                raise TrialLost("the process that tries schemas has ended")
            verdict: Verdict = marshal.loads(answer)  # noqa: S302 - our own child's
            return None if gone else verdict
        except (TrialLost, OSError, ValueError, EOFError) as error:
            self.end()
            raise error if isinstance(error, TrialLost) else TrialLost(str(error)) from error

    def end(self) -> None:
        """End the child, if there is one, and whatever it does."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self.end()
        command = [
            sys.executable,
            "-m",
            "app.structured_output.validation_worker",
            str(os.getpid()),
        ]
        # A session of its own, no terminal, and no descriptor but its two pipes.
        self._child = child = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            start_new_session=True,
        )
        assert child.stdin is not None
        _log.debug("schemas are tried in process %d", child.pid)
        write_frame(child.stdin, marshal.dumps(astuple(self._tokens)))
        return child
