"""GET /metrics: every name of the contract, in a text that Prometheus reads."""

from __future__ import annotations

import re
import threading

from flask.testing import FlaskClient

from app.engine.types import Stats
from app.ops.metrics import render_metrics
from app.ops.requests import RequestCounter

NAMES = """requests_running requests_waiting kv_cache_usage_ratio prompt_tokens_total
generation_tokens_total prefix_cache_queries_total prefix_cache_hits_total
requests_accepted_total requests_completed_total requests_failed_total requests_cancelled_total
finished_total time_to_first_token_seconds inter_token_latency_seconds http_requests_total"""

LINE = re.compile(r'westlake_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+')


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


def test_values() -> None:
    stats = Stats(
        running=1,
        waiting=2,
        accepted=3,
        kv_usage_ratio=0.25,
        finished=(("stop", 4), ("length", 5)),
        ttft_seconds=((0.1, 1), (0.5, 3), (float("inf"), 6)),
        ttft_sum_seconds=7.5,
        itl_seconds=((0.1, 9),),
    )
    found = samples(render_metrics(stats, {("/a", "GET", 200): 8}))
    assert found["westlake_requests_running"] == 1
    assert found["westlake_requests_waiting"] == 2
    assert found["westlake_requests_accepted_total"] == 3
    assert found["westlake_kv_cache_usage_ratio"] == 0.25
    assert found['westlake_finished_total{reason="length"}'] == 5
    ttft = "westlake_time_to_first_token_seconds"
    assert found[f'{ttft}_bucket{{le="0.5"}}'] == 3
    assert found[f'{ttft}_bucket{{le="+Inf"}}'] == 6 == found[f"{ttft}_count"]
    assert found[f"{ttft}_sum"] == 7.5
    assert found['westlake_http_requests_total{route="/a",method="GET",status="200"}'] == 8
    assert found['westlake_inter_token_latency_seconds_bucket{le="+Inf"}'] == 9


def test_requests_by_route_method_and_status(client: FlaskClient) -> None:
    client.post("/v1/completions", json={"prompt": "a"})
    client.post("/v1/completions", json={})
    client.post("/v1/completions", json={})
    client.open("/v1/" + "x" * 500, method="BREW")
    client.get("/v1/models/any/name")
    found = samples(client.get("/metrics").text)
    prefix = "westlake_http_requests_total"
    assert found[f'{prefix}{{route="/v1/completions",method="POST",status="200"}}'] == 1
    assert found[f'{prefix}{{route="/v1/completions",method="POST",status="400"}}'] == 2
    assert found[f'{prefix}{{route="other",method="other",status="404"}}'] == 1
    route = "/v1/models/<path:model_id>"
    assert found[f'{prefix}{{route="{route}",method="GET",status="404"}}'] == 1


def test_counter_loses_nothing_under_threads() -> None:
    counter = RequestCounter()

    def work() -> None:
        for _ in range(2_000):
            counter.add(("/a", "GET", 200))
            counter.totals()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.totals() == {("/a", "GET", 200): 8_000}
