"""What documents, docstrings and comments name exists: paths, names, flags, metrics, links.

docs/lab-log.md and CHANGELOG.md tell of the past and are left out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from app import create_app
from app.engine.model_info import ModelFacts
from config import Config
from tests.architecture.references import repository
from tests.architecture.references.architecture_names import in_architecture
from tests.architecture.references.finder import (
    Known,
    in_comments,
    in_markdown,
    in_text,
)
from tests.architecture.references.python_names import ROOT
from tests.fakes import ScriptedEngine

FILES = repository.files()
HISTORY = {"docs/lab-log.md", "CHANGELOG.md"}
DOCUMENTS = [path for path in FILES if path.suffix == ".md" and str(path) not in HISTORY]
#: Files whose docstrings and comments are read; of others, all text.
COMMENTED = [path for path in FILES if path.suffix in (".py", ".js", ".css", ".html", ".conf")]
COMMENTED = [path for path in COMMENTED if not {"vendor", "references"} & set(path.parts)]
COMMENTED.remove(Path(__file__).relative_to(ROOT))
#: Where flags and variables are named besides: in error messages, the pages' texts, deploy/.
TEXTS = [path for path in FILES if path.parts[0] in ("app", "deploy", "templates")]
TEXTS = [path for path in TEXTS if path.suffix in (".py", ".toml", ".html", ".service", ".conf")]

#: Wrong references as they could stand in docs/models.md, and what is found.
PLANTED = {
    "See app/engine/service.py.": "no such path: app/engine/service.py",
    "the folder `engine/nowhere/`, `scheduler.py`, `nowhere.py`": "no such file: nowhere.py",
    "in `engine/core.py` and `engine/stepper.py`": "no such file: engine/stepper.py",
    "the folder `text/`": "no such folder: text/",
    "tests of tests/engine/test_no*.py": "no such path: tests/engine/test_no*.py",
    "`tests/test_config.py::test_nothing`": "no such test: tests/test_config.py::test_nothing",
    "`app.engine.nowhere`": "no such name: app.engine.nowhere",
    "`app.engine.core.EngineCore.walk`": "no such name: app.engine.core.EngineCore.walk",
    "`config.Config.PORTS`": "no such name: config.Config.PORTS",
    "```\npython -m tests.stack.nowhere\n```": "no such name: tests.stack.nowhere",
    "| `--port` | `--ports` |": "no such flag: --ports",
    "\n\n    python wsgi.py --base-models a\n": "no such flag: --base-models",
    "WESTLAKE_PORT=1 WESTLAKE_PORTS=1": "no such variable: WESTLAKE_PORTS",
    "`westlake_requests_lost`": "not a metric of /metrics: westlake_requests_lost",
    "`make check` and `make tests`": "no such target: make tests",
    "```sh\nmake instal TORCH_INDEX=x\n```": "no such target: make instal",
    "[a](deploy.md) [b](depoly.md)": "link to nowhere: depoly.md",
    "[a](#names) [b](#name)": "no such heading: #name",
    "[a](models.md#by-memory) [b](models.md#by-time)": "no such heading: models.md#by-time",
}
#: What looks like one and is none, or is right.
RIGHT = """
`app.engine.core.EngineCore.step`, `tests.fakes`, `config.Config.PORT`, `config.json`
`app/`, `scheduler.py`, `engine/core.py`, tests/engine/test_s*.py, and/or, `tests/FOLDER`, build/x
`tests/test_config.py::test_is_frozen_and_keyword_only`, `--max-model-len`, `WESTLAKE_`
`WESTLAKE_PORT`, `westlake_finished_total`
`westlake_time_to_first_token_seconds_bucket`, `make docs`
they make do, https://example.org/app/nowhere.py, `/etc/app/nowhere.py`
[a](https://example.org/x.md#none), `curl --fail x` `docker run --cpus 1`
[a](models.md#limits-of-a-model-directory), [b](../README.md)
"""


@pytest.fixture(scope="module")
def known() -> Known:
    return Known(
        flags=frozenset(repository.flags()),
        variables=frozenset(repository.setting_names()),
        metrics=frozenset(metrics()),
        targets=frozenset(repository.make_targets()),
        files=FILES,
    )


def metrics() -> set[str]:
    """Every name in /metrics, of families and of samples."""
    engine = ScriptedEngine()
    engine.info_ = replace(engine.info_, facts=ModelFacts(batch_invariant=True))
    text = create_app(Config(), engine).test_client().get("/metrics").text
    return set(re.findall(r"^(?:# TYPE )?(westlake_\w+)", text, re.M))


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_document(document: Path, known: Known) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert sorted(set(in_markdown(text, document, known))) == []


def test_architecture_names_the_code(known: Known) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert sorted(set(in_architecture(text, known))) == []


def test_comments_and_docstrings(known: Known) -> None:
    broken = {
        str(path): found
        for path in COMMENTED
        if (found := set(in_comments(repository.comments(path), path, known)))
    }
    assert broken == {}


def test_flags_and_variables_in_messages(known: Known) -> None:
    broken = {
        str(path): found
        for path in TEXTS
        if (found := set(in_text((ROOT / path).read_text(encoding="utf-8"), known)))
    }
    assert broken == {}


@pytest.mark.parametrize(("text", "found"), PLANTED.items(), ids=PLANTED.values())
def test_a_wrong_one_is_found(text: str, found: str, known: Known) -> None:
    assert list(in_markdown(text, Path("docs/models.md"), known)) == [found]


def test_right_ones_pass(known: Known) -> None:
    assert list(in_markdown(RIGHT, Path("docs/models.md"), known)) == []


def test_wrong_names_of_the_code_are_found(known: Known) -> None:
    right = "`Scheduler`, `EngineCore.step`, `core.EngineCore`, `sse.js`, `MemoryError`, `e.g.`\n"
    assert list(in_architecture(right, known)) == []
    wrong = "`Stepper`, `core.walk`, `EngineCore.walk`\n```\n0 core.run ▸ ChatCall, text\n```\n"
    names = {"class: Stepper", "name: core.walk", "name: EngineCore.walk", "name: core.run"}
    names |= {"class: ChatCall"}
    assert set(in_architecture(right + wrong, known)) == {f"no such {name}" for name in names}


def test_wrong_names_in_comments_are_found(known: Known) -> None:
    text = "# See app.engine.nowhere and tests/nowhere.py. # app.engine.core is."
    found = ["no such path: tests/nowhere.py", "no such name: app.engine.nowhere"]
    assert list(in_comments(text, Path("app/build.py"), known)) == found
