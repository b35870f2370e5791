"""GET /metrics: every name of the contract, in Prometheus's text format."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app.engine.model_info import ModelFacts
from app.engine.stats import EngineState, EngineStats
from tests.fakes import ScriptedEngine

NAMES = """requests_running requests_waiting kv_cache_usage_ratio prompt_tokens_total
generation_tokens_total prefix_cache_queries_total prefix_cache_hits_total
requests_accepted_total requests_completed_total requests_failed_total requests_cancelled_total
finished_total time_to_first_token_seconds inter_token_latency_seconds http_requests_total"""

LINE = re.compile(r'(westlake|process)_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+')


def samples(text: str) -> dict[str, float]:
    assert text.endswith("\n")
    result = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            assert LINE.fullmatch(line), line
            name, value = line.rsplit(" ", 1)
            assert name not in result
            result[name] = float(value)
    return result


def test_every_name_has_help_and_type(client: FlaskClient) -> None:
    response = client.get("/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    for name in NAMES.split():
        assert f"# HELP westlake_{name} " in response.text
        assert f"# TYPE westlake_{name} " in response.text
    samples(response.text)


def test_values(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    stats = EngineStats(
        running=1,
        waiting=2,
        accepted=3,
        kv_usage_ratio=0.25,
        finished=(("stop", 4), ("length", 5)),
        ttft_seconds=((0.1, 1), (0.5, 3), (float("inf"), 6)),
        ttft_sum_seconds=7.5,
        itl_seconds=((0.1, 9), (float("inf"), 9)),
    )
    monkeypatch.setattr(ScriptedEngine, "stats", stats)
    values = samples(client.get("/metrics").text)
    assert values["westlake_requests_running"] == 1
    assert values["westlake_requests_waiting"] == 2
    assert values["westlake_requests_accepted_total"] == 3
    assert values["westlake_kv_cache_usage_ratio"] == 0.25
    assert values['westlake_finished_total{reason="length"}'] == 5
    ttft = "westlake_time_to_first_token_seconds"
    assert values[f'{ttft}_bucket{{le="0.5"}}'] == 3
    assert values[f'{ttft}_bucket{{le="+Inf"}}'] == 6 == values[f"{ttft}_count"]
    assert values[f"{ttft}_sum"] == 7.5
    assert values['westlake_inter_token_latency_seconds_bucket{le="+Inf"}'] == 9
    assert values["process_resident_memory_bytes"] > 2**20
    assert values["process_open_fds"] > 2


@pytest.mark.parametrize("holds", [True, False])
def test_batch_invariance(client: FlaskClient, engine: ScriptedEngine, holds: bool) -> None:
    assert "batch_invariant" not in client.get("/metrics").text, "the script was not checked"
    engine.info_ = replace(engine.info_, facts=ModelFacts(batch_invariant=holds))
    text = client.get("/metrics").text
    assert "# TYPE westlake_batch_invariant gauge" in text
    assert samples(text)["westlake_batch_invariant"] == holds
    engine.state = EngineState.LOADING
    assert "batch_invariant" not in client.get("/metrics").text


def test_prometheus_own_parser_reads_it(client: FlaskClient) -> None:
    client.get("/health")
    families = {
        each.name: each for each in text_string_to_metric_families(client.get("/metrics").text)
    }
    assert families["westlake_requests_running"].type == "gauge"
    assert families["westlake_http_requests"].type == "counter"
    assert families["westlake_time_to_first_token_seconds"].type == "histogram"


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=x", "text/plain;version=", "\x00", ";"]
)
def test_no_accept_header_breaks_it(client: FlaskClient, accept: str) -> None:
    environ = {"HTTP_ACCEPT": accept}
    assert client.get("/metrics", environ_overrides=environ).status_code == 200


def test_requests_by_route_method_and_status(client: FlaskClient) -> None:
    client.post("/v1/completions", json={"prompt": "a"})
    client.post("/v1/completions", json={})
    client.post("/v1/completions", json={})
    client.open("/v1/" + "x" * 500, method="BREW")
    client.get("/v1/models/any/name")
    values = samples(client.get("/metrics").text)
    prefix = "westlake_http_requests_total"
    assert values[f'{prefix}{{method="POST",route="/v1/completions",status="200"}}'] == 1
    assert values[f'{prefix}{{method="POST",route="/v1/completions",status="400"}}'] == 2
    assert values[f'{prefix}{{method="other",route="other",status="404"}}'] == 1
    route = "/v1/models/<path:model_id>"
    assert values[f'{prefix}{{method="GET",route="{route}",status="404"}}'] == 1


def test_no_request_is_lost_under_threads(client: FlaskClient) -> None:
    def work() -> None:
        thread_client = client.application.test_client()
        for _ in range(100):
            thread_client.get("/health")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = samples(client.get("/metrics").text)
    assert values['westlake_http_requests_total{method="GET",route="/health",status="200"}'] == 800
