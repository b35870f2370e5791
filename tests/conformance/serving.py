"""The server under test: one with the embedded model, or one in front of an upstream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready

#: As an upstream: a server of our own, started for the test.
WESTLAKE = "westlake"


class Serve(Protocol):
    """Starts a server that is ready."""

    def __call__(
        self,
        *model: str,
        template: Sequence[str] = (),
        front: Sequence[str] = (),
        folder: Path | None = None,
    ) -> AbstractContextManager[Server]:
        """model: flags about the model, given where the model is; template: the flag of its chat
        template, given to the server that is asked if the model is not ours to start; front: flags
        of the server that is asked; folder: where it is started."""


def serving(folders: pytest.TempPathFactory, upstream: str | None) -> Serve:
    """upstream: None, WESTLAKE, or the URL of one that is running."""

    @contextmanager
    def serve(
        *model: str,
        template: Sequence[str] = (),
        front: Sequence[str] = (),
        folder: Path | None = None,
    ) -> Iterator[Server]:
        with ExitStack() as stack:

            def start(*flags: str) -> Server:
                port, log = free_port(), folders.mktemp("server") / "log"
                command = python_wsgi(port, *flags)
                where = {} if folder is None else {"folder": folder}
                server = stack.enter_context(running(command, port, log, **where))
                wait_ready(server)
                return server

            if upstream is None:
                yield start(*model, *template, *front)
            elif upstream == WESTLAKE:
                behind = start(*model, *template)
                yield start("--upstream", f"{behind.url}/v1", *front)
            else:
                yield start("--upstream", upstream, *template, *front)

    return serve
