"""Which tier each test belongs to, by the folder or file that it lies in.

unit     runs in pytest's own process: no server, no browser, no model over 4 M parameters
e2e      starts a server or the command line as a user does, answers with a whole engine and
         compares it with transformers, fuzzes the whole application, or trains
stack    nginx, a Unix socket and gunicorn, and the files in deploy/
browser  Chromium and the playground

tests/conftest.py marks each test with its tier; `--tier unit` runs one tier and does not even
import the others.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent

UNIT = "unit"
#: Paths under tests/; whatever is not listed is UNIT.
TIERS = {
    "browser": "browser",
    "checkpoint/test_gguf_command.py": "e2e",
    "checkpoint/test_hostile.py": "e2e",
    "checkpoint/test_quantized_command.py": "e2e",
    "conformance": "e2e",
    "cpus": "e2e",
    "deploy": "stack",
    "e2e": "e2e",
    "fuzz": "e2e",
    "hostile_schemas": "e2e",
    "lora/test_convert.py": "e2e",
    "lora/test_gguf.py": "e2e",
    "lora/test_guide.py": "e2e",
    "lora/test_promise_b.py": "e2e",
    "lora/test_served.py": "e2e",
    "model/cpu_kernels/test_jit.py": "e2e",
    "model/test_beams.py": "e2e",
    "model/test_gguf.py": "e2e",
    "model/test_int8.py": "e2e",
    "model/test_promise_a.py": "e2e",
    "model/test_promise_b.py": "e2e",
    "model/test_quantized.py": "e2e",
    "real": "e2e",
    "server/test_check_report.py": "e2e",
    "server/test_template_at_start.py": "e2e",
    "server/test_worker.py": "e2e",
    "stack": "stack",
    "training": "e2e",
}


def tier_of(path: Path) -> str:
    """The tier of a test file, or of a folder that has only one."""
    names = path.relative_to(FOLDER).parts
    for length in range(1, len(names) + 1):
        tier = TIERS.get("/".join(names[:length]))
        if tier is not None:
            return tier
    return UNIT
