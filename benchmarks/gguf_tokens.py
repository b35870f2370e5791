"""Our token ids of GGUF files' vocabularies, beside those of llama-server's /tokenize.

Texts are those on which tokenizers differ (`tests/harness/varied_texts.py`), taken as plain text.
The embedded model's vocabulary is written to a GGUF file first.

    python -m benchmarks.gguf_tokens [FILE.gguf ...] [--count 5000]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gguf import GGMLQuantizationType  # noqa: E402

from app.tokenizer.tokenizer import Tokenizer, load_tokenizer  # noqa: E402
from benchmarks.servers import Server, started  # noqa: E402
from config import EMBEDDED_MODEL  # noqa: E402
from tests.harness.gguf_model import (  # noqa: E402
    random_tensors,
    sentencepiece_vocabulary,
    write_gguf,
)
from tests.harness.model_directory import PIECES, config_json  # noqa: E402
from tests.harness.varied_texts import varied_texts  # noqa: E402

PROGRAM = ROOT / "build" / "peers" / "llama" / "bin" / "llama-server"


def different(path: Path, texts: list[str], program: Path, log: Path) -> list[str]:
    """The texts whose ids differ."""
    ours = load_tokenizer(path)
    flags = ("-m", str(path), "--host", "127.0.0.1", "--port", "{port}", "-c", "256")
    server = Server("llama-server", (str(program), *flags, "--no-warmup"), "/health")
    with started(server, log) as running:
        running.wait_ready()
        theirs = _tokenize(running.port, texts)
        return [text for text, ids in zip(texts, theirs, strict=True) if ids != _plain(ours, text)]


def _plain(tokenizer: Tokenizer, text: str) -> list[int]:
    """Without BOS."""
    ids = list(tokenizer.encode(text))
    return ids[len(tokenizer.encode("")) :]


def _tokenize(port: int, texts: list[str]) -> Iterator[list[int]]:
    connection = HTTPConnection("127.0.0.1", port)
    for text in texts:
        body = {"content": text, "add_special": False, "parse_special": False}
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/tokenize", json.dumps(body), headers)
        yield json.load(connection.getresponse())["tokens"]


def embedded(directory: Path) -> Path:
    """The embedded model's vocabulary, with random weights of a tiny model."""
    shape: dict[str, Any] = {"vocab_size": PIECES, "head_dim": 8}
    tensors = random_tensors(config_json(**shape), lambda name: GGMLQuantizationType.F16)
    model = (Path(EMBEDDED_MODEL) / "tokenizer.model").read_bytes()
    path = directory / "embedded.gguf"
    return write_gguf(path, tensors, sentencepiece_vocabulary(model), **shape)


def main() -> None:
    """Compare every file, and print how many texts differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--program", type=Path, default=PROGRAM)
    arguments = parser.parse_args()
    texts = list(varied_texts(arguments.count))
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        for path in (*arguments.files, embedded(Path(directory))):
            log = Path(directory) / "llama-server.log"
            found = different(path, texts, arguments.program, log)
            results[path.name] = len(found)
            print(f"{path.name}: {len(found)} of {len(texts)} texts differ", *map(repr, found[:3]))
    print(json.dumps({"texts": len(texts), "different": results}))


if __name__ == "__main__":
    main()
