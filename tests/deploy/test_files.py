"""The files under deploy/ and the page that uses them, held against the tools they are for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config import PREFIX, Config
from tests.harness.server import ROOT

DEPLOY = ROOT / "deploy"
PAGE = ROOT / "docs" / "deploy.md"
SCALING = ROOT / "docs" / "scaling.md"
#: systemd's own measure, 0 to 10; below 2 it calls a service's exposure OK.
MOST_EXPOSED = 2.0


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The service, as installed here: systemd looks whether its program can be run."""
    text = (DEPLOY / "systemd" / "westlake.service").read_text()
    assert "/opt/westlake/.venv/bin/python" in text
    path = tmp_path / "westlake.service"
    path.write_text(text.replace("/opt/westlake/.venv/bin/python", sys.executable))
    return path


def exposure(unit: Path) -> float:
    """How much a service could do, by systemd's measure."""
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level.*: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    print(f"exposure {found[1]}")
    return float(found[1])


def test_the_service_is_a_right_one(unit: Path) -> None:
    done = run("systemd-analyze", "verify", "--man=no", str(unit))
    assert done.returncode == 0, done.stderr
    assert "westlake" not in done.stderr, done.stderr


def test_the_service_with_a_network_is_a_right_one(unit: Path) -> None:
    """A drop-in is read as if it stood at the service's end."""
    unit.write_text(unit.read_text() + (DEPLOY / "systemd" / "network.conf").read_text())
    done = run("systemd-analyze", "verify", "--man=no", str(unit))
    assert done.returncode == 0, done.stderr
    assert "westlake" not in done.stderr, done.stderr
    assert exposure(unit) <= MOST_EXPOSED


def test_the_service_is_shut_in(unit: Path) -> None:
    assert exposure(unit) <= MOST_EXPOSED


def test_the_container_is_a_right_one() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert linter is not None
    done = run(linter, str(DEPLOY / "Dockerfile"))
    assert done.returncode == 0, done.stdout


def test_the_container_copies_what_there_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (.*)$", text, re.M) for word in line.split()[:-1]]
    assert {"app", "models", "static", "templates", "wsgi.py", "config.py"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert not set(copied) & set(ignored)


def test_the_example_settings_are_settings() -> None:
    lines = (DEPLOY / "env.example").read_text().splitlines()
    settings = dict(re.findall(r"^#?([A-Z_0-9]+)=(.*)$", "\n".join(lines), re.M))
    assert len(settings) >= 8
    assert all(name.startswith(PREFIX) for name in settings)
    for name, value in settings.items():
        upstream = {f"{PREFIX}UPSTREAM": "http://localhost:8000/v1"}
        needed = upstream if name.startswith(f"{PREFIX}UPSTREAM_") else {}
        Config.from_env({name: value, **needed})  # raises where it is unknown or wrong
    Config.from_env(dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", "\n".join(lines), re.M)))


def test_the_limits_agree() -> None:
    """nginx refuses what the server would refuse, and neither more nor less."""
    for name in ("nginx/westlake-server.conf", "nginx-cluster.conf"):
        found = re.search(r"client_max_body_size +(\d+)m", (DEPLOY / name).read_text())
        assert found and int(found[1]) == Config().MAX_BODY_MB


def commands(page: Path) -> list[str]:
    """A page's blocks of shell commands, one for each step."""
    return re.findall(r"```sh\n(.*?)```", page.read_text(), re.S)


def test_the_pages_have_ten_steps_and_right_shell() -> None:
    steps = re.findall(r"^## (\d+)\.", PAGE.read_text(), re.M)
    assert steps == [str(number) for number in range(1, 11)]
    for block in [*commands(PAGE), *commands(SCALING)]:
        done = run("bash", "-n", "-c", block)
        assert done.returncode == 0, done.stderr


def test_the_pages_name_the_files_that_there_are() -> None:
    text = "\n".join([*commands(PAGE), *commands(SCALING)])
    named = set(re.findall(r"(?<![\w/])deploy/[\w./-]+", text))
    assert len(named) >= 6
    for name in named:
        assert (ROOT / name).exists(), name
    shipped = {str(path.relative_to(ROOT)) for path in DEPLOY.rglob("*") if path.is_file()}
    others = {
        "deploy/Dockerfile",
        "deploy/compose.yaml",
        "deploy/prometheus/alerts.yml",
        "deploy/grafana/westlake.json",
        "deploy/ray/Dockerfile",
        "deploy/ray/gpu.Dockerfile",
        "deploy/ray/kuberay.yaml",
        "deploy/ray/vllm_app.py",
    }
    assert shipped - named <= others, "a file that no page uses"
    assert all(name in PAGE.read_text() + SCALING.read_text() for name in others)
