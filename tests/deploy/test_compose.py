"""deploy/compose.yaml, held against the Dockerfile, the settings and nginx itself.

Docker is not here: what it would do with the file is done by hand, as far as it can be.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import PREFIX, Config
from tests.harness.server import ROOT

DEPLOY = ROOT / "deploy"
FILE = DEPLOY / "compose.yaml"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def interpolated(environ: dict[str, str]) -> dict[str, Any]:
    """The file as compose reads it: `${NAME:-default}` and `$$`."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return environ.get(match[1]) or match[2]

    text = re.sub(r"\$\$|\$\{(\w+):-([^}]*)\}", value, FILE.read_text())
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = interpolated({})["services"]
    return found


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Where each mount lies inside: to what it is outside."""
    parts = [volume.split(":") for volume in service["volumes"]]
    return {part[1]: part[0] for part in parts}


def test_what_is_built_and_mounted_is_there(services: dict[str, Any]) -> None:
    build = services["server"]["build"]
    context = (DEPLOY / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    named = set(yaml.safe_load(FILE.read_text())["volumes"])
    for service in services.values():
        for source in mounts(service).values():
            assert source in named or (DEPLOY / source).is_dir(), source
    models = [v for v in services["server"]["volumes"] if ":/models" in v]
    assert models == ["../models:/models:ro"], "people's models are never written to"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WESTLAKE_BASE_MODEL": "/models/my-llama", "WESTLAKE_LORA_MODEL": "/models/a,/models/b"},
        {"WESTLAKE_MODEL_NAME": "my-llama", "WESTLAKE_LOAD_IN_8BIT": "1"},
    ],
)
def test_settings_are_settings(environ: dict[str, str]) -> None:
    given = interpolated(environ)["services"]["server"]["environment"]
    config = Config.from_env({name: str(value) for name, value in given.items()})
    for name, value in environ.items():
        shown = getattr(config, name.removeprefix(PREFIX))
        assert (",".join(shown) if isinstance(shown, tuple) else str(shown)) in (value, "True")
    assert config.PORT == Config().PORT, "the port that nginx asks"


def test_the_default_model_is_the_images_own(services: dict[str, Any]) -> None:
    base = services["server"]["environment"]["WESTLAKE_BASE_MODEL"]
    workdir = re.search(r"^WORKDIR (\S+)$", DOCKERFILE, re.M)
    assert workdir is not None
    inside = Path(base).relative_to(workdir[1])
    assert (ROOT / inside / "config.json").is_file()
    assert re.search(rf"^COPY {inside.parts[0]} {inside.parts[0]}$", DOCKERFILE, re.M)


def test_compiled_kernels_outlive_the_container(services: dict[str, Any]) -> None:
    """On a read-only root the cache is the one place that may be written, by the image's user."""
    server = services["server"]
    cache = server["environment"]["NUMBA_CACHE_DIR"]
    assert mounts(server)[cache] == "kernels"
    assert server["read_only"] is True
    assert re.search(rf"useradd --uid (\d+) .*? westlake .*install -d -o westlake {cache}$",
                     DOCKERFILE.replace("\\\n", " "), re.M)  # fmt: skip
    assert "USER 10001" in DOCKERFILE


def test_only_nginx_is_reached_and_only_from_here(services: dict[str, Any]) -> None:
    assert "ports" not in services["server"]
    assert services["nginx"]["ports"] == ["127.0.0.1:19327:80"]
    assert re.search(r"^EXPOSE 19327$", DOCKERFILE, re.M)


def test_the_engine_has_a_profile_of_its_own(services: dict[str, Any]) -> None:
    """vLLM on Ray Serve, asked by the server only."""
    engine = services["engine"]
    assert engine["profiles"] == ["ray"]
    assert all("profiles" not in services[name] for name in ("server", "nginx"))
    assert "ports" not in engine
    assert (DEPLOY / engine["build"]["context"] / "Dockerfile").is_file()
    serve, run, import_path, *given = engine["command"]
    module = (DEPLOY / engine["build"]["context"] / f"{import_path.split(':')[0]}.py").read_text()
    assert (serve, run) == ("serve", "run") and "def build(" in module
    names = [each.split("=")[0] for each in given]
    assert names and all(re.search(rf"^    {name}: ", module, re.M) for name in names)
    (told,) = re.findall(r"WESTLAKE_UPSTREAM=(\S+)", FILE.read_text())
    environ = interpolated({"WESTLAKE_UPSTREAM": told})["services"]["server"]["environment"]
    # In the image the embedded model lies there; that is as if no model were named.
    environ["WESTLAKE_BASE_MODEL"] = ""
    config = Config.from_env({name: str(value or "") for name, value in environ.items()})
    assert config.UPSTREAM == told == "http://engine:8000/v1"


def test_running_answers_get_their_time(services: dict[str, Any]) -> None:
    settings = (ROOT / "gunicorn.conf.py").read_text()
    found = re.search(r"^graceful_timeout = (\d+)", settings, re.M)
    assert found is not None
    assert int(services["server"]["stop_grace_period"].removesuffix("s")) > int(found[1])


def test_nginx_takes_what_it_is_given(services: dict[str, Any], tmp_path: Path) -> None:
    """The container's own commands, in a folder instead of its file system."""
    nginx = services["nginx"]
    (etc := tmp_path / "etc" / "nginx" / "conf.d").mkdir(parents=True)
    (etc / "default.conf").write_text("the image's own")
    (source,) = [outside for inside, outside in mounts(nginx).items() if inside == "/westlake"]
    (tmp_path / "westlake").symlink_to(DEPLOY / source)
    shell, flags, script = nginx["command"]
    assert (shell, flags) == ("/bin/sh", "-euc")
    script = script.replace("/etc/nginx", f"{tmp_path}/etc/nginx")
    script = re.sub(r"(?<= )/westlake/", f"{tmp_path}/westlake/", script)
    script, daemon = script.rsplit("exec ", 1)
    assert daemon.strip() == "nginx -g 'daemon off;'"
    environ = {"PATH": "/bin:/usr/bin:/usr/sbin", "SITE": nginx["environment"]["SITE"]}
    subprocess.run([shell, flags, script], env=environ, check=True, timeout=30)

    text = (etc / "westlake.conf").read_text()
    assert "server server:19327;" in text and "unix:" not in text
    (etc / "westlake.conf").write_text(text.replace("server server:", "server 127.0.0.1:"))
    site = (etc / "westlake_site.conf").read_text()
    assert "server_name localhost 127.0.0.1;" in site and "example" not in site
    assert not (etc / "default.conf").exists()
    for path in (tmp_path / "etc").rglob("*.conf"):
        path.write_text(path.read_text().replace(" /etc/nginx/", f" {tmp_path}/etc/nginx/"))
    # The site's port and this user's rights: not what is looked at here.
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; include {etc}/*.conf; }}\n"
    )
    done = subprocess.run(
        ["nginx", "-t", "-p", str(tmp_path), "-c", str(main)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
