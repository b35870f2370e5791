"""Runs a coding agent's command line: one turn on a random model, three turns on a script.

Knows nothing about any agent but its commands. To be run in a network namespace.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clients.environments import ROOT
from clients.recording import Recorder, recording
from tests.clients.agent_sessions import Session, bodies, structure
from tests.clients.agents.random_model import write_random_model
from tests.clients.agents.script import ANSWER, ASKED, CONTEXT, GREETING, OUTPUT, THANKS
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready

START_S, TURN_S = 180.0, 300.0
NOBODY = 65_534


@dataclass(frozen=True)
class Agent:
    """What is particular to an agent."""

    path: str  #: of the API's route
    session: Callable[[], Session]  #: its requests as the tests know them
    first: Sequence[str]  #: the command of a new session, without the prompt
    again: Sequence[str]  #: the command that goes on with the last session
    #: Writes its settings below a home folder; returns its environment.
    configure: Callable[[Path, str], Mapping[str, str]]
    tool: str  #: one that it offers and that runs a command
    argument: str  #: the tool's parameter for the command


def try_agent(agent: Agent) -> list[str]:
    """Both servers, one after the other; what was found.

    Raises:
        AssertionError: a turn ended with another code than 0, or what was sent is not expected.
    """
    subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        return [_on_a_random_model(agent, Path(folder)), _on_a_script(agent, Path(folder))]


def _on_a_random_model(agent: Agent, folder: Path) -> str:
    model = write_random_model(folder / "model", CONTEXT)
    port = free_port()
    command = python_wsgi(port, "--base_model", str(model), "--model_name", "model")
    with _served(command, port, folder / "random.log") as (server, recorder):
        home = Home(agent, folder / "random", recorder)
        home.turn(agent.first, GREETING)
        before = server.client.metrics()
        home.turn(agent.first, GREETING)
        after = server.client.metrics()
    read, reused = (
        int(after[name] - before[name])
        for name in ("prefix_cache_queries_total", "prefix_cache_hits_total")
    )
    assert reused > 0.9 * read, (reused, read)
    return (
        f"one turn on a random model ({read} tokens); a second session reuses "
        f"{100 * reused / read:.1f} % of them"
    )


def _on_a_script(agent: Agent, folder: Path) -> str:
    port = free_port()
    environ = {"SCRIPT_TOOL": agent.tool, "SCRIPT_ARGUMENT": agent.argument}
    command = ["env", *(f"{name}={value}" for name, value in environ.items()), sys.executable]
    command += ["-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
    command += ["--bind", f"127.0.0.1:{port}", "tests.clients.agents.scripted_wsgi:app"]
    with _served(command, port, folder / "script.log") as (_, recorder):
        home = Home(agent, folder / "script", recorder)
        for how, said in ((agent.first, GREETING), (agent.again, ASKED), (agent.again, THANKS)):
            assert ANSWER in home.turn(how, said)
    sent = recorder.bodies(agent.path)
    assert [OUTPUT in str(body) for body in sent] == [False, False, True, True]
    for real, ours in zip(sent, bodies(agent.session()), strict=True):
        different = set(structure(real)) ^ set(structure(ours))
        assert not different, f"not as in tests/clients/agent_sessions.py: {different}"
    return f"three turns of one session on a script, with a call of {agent.tool} that it runs"


@contextmanager
def _served(command: list[str], port: int, log: Path) -> Iterator[tuple[Server, Recorder]]:
    with running(command, port, log) as server:
        wait_ready(server, START_S)
        with recording(server.url) as recorder:
            yield server, recorder


class Home:
    """An agent's home and working folder, and the user who runs it, who is not root."""

    def __init__(self, agent: Agent, folder: Path, recorder: Recorder) -> None:
        self._folder = folder
        self._work = folder / "work"
        self._work.mkdir(parents=True)
        self._recorder = recorder
        self._environ = {
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "TERM": "dumb",
            **agent.configure(folder, recorder.address),
        }
        if os.geteuid() == 0 and _is_root_outside():
            for path in (folder, *folder.rglob("*")):
                shutil.chown(path, NOBODY, NOBODY)

    def turn(self, how: Sequence[str], said: str) -> str:
        """What the agent prints.

        Raises:
            AssertionError: it ended with another code than 0, or the server refused a request.
        """
        done = subprocess.run(
            [*_not_as_root(), *how, said],
            env=self._environ, cwd=self._work, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=TURN_S,
        )  # fmt: skip
        refused = [(each.path, each.refused) for each in self._recorder.requests if each.refused]
        assert done.returncode == 0 and not refused, (done.stdout, done.stderr, refused)
        return done.stdout


def _is_root_outside() -> bool:
    """Whether the user id 0 is the machine's, not that of a user namespace."""
    return Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]


def _not_as_root() -> tuple[str, ...]:
    if _is_root_outside():
        return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    return ("unshare", "--user", "--map-user=1000", "--map-group=1000")
