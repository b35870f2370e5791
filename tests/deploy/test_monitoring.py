"""Alert rules and dashboard: every metric that they name is served, with the labels they use."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine
from tests.harness.server import ROOT

DEPLOY = ROOT / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "westlake.json").read_text())
#: Prometheus' own, and what Prometheus adds to every sample.
_OWN_METRICS, _OWN_LABELS = {"up"}, {"instance", "job"}


@pytest.fixture(scope="module")
def served() -> dict[str, set[str]]:
    """Every sample's name that /metrics has, and the labels it comes with."""
    engine = ScriptedEngine()
    client = create_app(Config(), engine).test_client()
    assert client.post("/v1/completions", json={"prompt": "a"}).status_code == 200
    text = client.get("/metrics").get_data(as_text=True)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def named(expression: str) -> dict[str, set[str]]:
    """The metrics in a query, each with the labels it is selected by."""
    found: dict[str, set[str]] = {}
    for name, braces in re.findall(r"\b(westlake_\w+|process_\w+|up)\b(\{[^}]*\})?", expression):
        found.setdefault(name, set()).update(re.findall(r"(\w+)\s*=~?", braces))
    return found


def check(expression: str, served: dict[str, set[str]]) -> None:
    metrics = named(expression)
    assert metrics, expression
    for name, labels in metrics.items():
        if name in _OWN_METRICS:
            continue
        assert name in served, name
        assert labels - _OWN_LABELS <= served[name], (name, labels)
    grouped = {
        label for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(", ")
    }
    assert grouped - _OWN_LABELS <= set().union(*(served[n] for n in metrics if n in served))
    assert expression.count("(") == expression.count(")")


def test_there_are_four_rules(served: dict[str, set[str]]) -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES) == 4
    for rule in RULES:
        check(rule["expr"], served)
        assert re.fullmatch(r"\d+m", rule["for"])
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]


def test_the_dashboard(served: dict[str, set[str]]) -> None:
    panels = DASHBOARD["panels"]
    assert len(panels) == len({panel["id"] for panel in panels}) >= 8
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken and place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            check(target["expr"].replace("$__rate_interval", "5m"), served)
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) - {"__rate_interval", "__all"}
    assert used == variables


def test_the_pages_say_where_they_are() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    for name in ("deploy/prometheus/alerts.yml", "deploy/grafana/westlake.json"):
        assert name in page
