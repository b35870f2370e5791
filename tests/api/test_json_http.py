"""What all routes share: names of ignored fields, JSON as it is sent."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.fakes import ScriptedEngine


def ignored(client: FlaskClient, fields: dict[str, object]) -> str | None:
    response = client.post("/v1/completions", json={"prompt": "a", **fields})
    assert response.status_code == 200, response.text
    return response.headers.get("X-Ignored-Parameters")


def test_nothing_ignored(client: FlaskClient) -> None:
    assert ignored(client, {"metadata": {}, "user": "me"}) is None


def test_sorted_and_percent_encoded(client: FlaskClient) -> None:
    fields = {"zz": 1, "温度": 2, "a,b": 2, "null": None, "x\r\nSet-Cookie: y": 3}
    header = ignored(client, fields)
    assert header == "a%2Cb, x%0D%0ASet-Cookie%3A%20y, zz, %E6%B8%A9%E5%BA%A6"


def test_at_most_16_names(client: FlaskClient) -> None:
    header = ignored(client, {f"f{number:02}": 1 for number in range(40)})
    assert header is not None
    assert header.split(", ") == [f"f{number:02}" for number in range(16)]


def test_at_most_512_bytes(client: FlaskClient) -> None:
    header = ignored(client, {letter * 200: 1 for letter in "abcd"} | {"e": 1})
    shown = [letter * 151 + "%E2%80%A6" for letter in "abc"]
    assert header == ", ".join([*shown, "e"]) and len(header) <= 512, "what is too long leaves room"


def test_odd_names(client: FlaskClient) -> None:
    assert ignored(client, {"a.b": 1, "": 2}) == "a.b"


def test_json_lines_are_lines_for_everyone(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: "a\u2028b\u2029c\x85d\x1ee"
    response = client.post("/v1/completions", json={"prompt": "a"})
    assert len(response.text.splitlines()) == 1
    assert response.get_json()["choices"][0]["text"] == "a\u2028b\u2029c\x85d\x1ee"
