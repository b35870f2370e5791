"""Responses for files and pages: gzip, ETag, Cache-Control."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.assets.static_files import static_files

FOR_EVER = "public, max-age=31536000, immutable"
PACKED = {"Accept-Encoding": "gzip, deflate, br"}
OTHER = "0123456789abcdef"


def loaded(page: str) -> list[str]:
    """The URLs of a page's files."""
    return re.findall(r'(?:src|href)="(/static/[^"]*)"', page)


@pytest.mark.parametrize("path", ["/", "/docs", "/?lang=zh-CN", "/playground/chat"])
def test_a_page_loads_few_immutable_files(client: FlaskClient, path: str) -> None:
    page = client.post(path, data={}) if path.startswith("/playground") else client.get(path)
    addresses = loaded(page.text)
    assert len(addresses) == 4, addresses
    for address in addresses:
        answer = client.get(address, headers=PACKED)
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == FOR_EVER
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.data) == client.get(address).data


def test_types_do_not_depend_on_the_machine(client: FlaskClient) -> None:
    kinds = {address.rpartition(".")[2]: address for address in loaded(client.get("/").text)}
    types = {kind: client.get(address).mimetype for kind, address in kinds.items()}
    assert types == {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "deflate, gzip;q=0.0"])
def test_no_gzip_for_clients_that_do_not_accept_it(client: FlaskClient, accepted: str) -> None:
    for address in ("/", loaded(client.get("/").text)[1]):
        answer = client.get(address, headers={"Accept-Encoding": accepted})
        assert "Content-Encoding" not in answer.headers
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.content_length == len(answer.data)


@pytest.mark.parametrize("headers", [{}, PACKED])
def test_what_has_not_changed_is_not_sent_again(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    for address in ("/", "/docs", *loaded(client.get("/").text), f"/static/{OTHER}/js/page.js"):
        first = client.get(address, headers=headers)
        tag = first.headers["ETag"]
        again = client.get(address, headers={**headers, "If-None-Match": tag})
        assert again.status_code == 304 and not again.data, address
        for name in ("ETag", "Vary", "Cache-Control", "Content-Security-Policy"):
            assert again.headers[name] == first.headers[name]
        changed = client.get(address, headers={**headers, "If-None-Match": f'"x{tag[2:]}'})
        assert changed.status_code == 200 and changed.data == first.data
        head = client.head(address, headers=headers)
        assert head.status_code == 200 and not head.data
        assert head.content_length == first.content_length == len(first.data)


def test_the_two_forms_have_different_tags(client: FlaskClient) -> None:
    """A cache must not serve one for the other."""
    for address in ("/", loaded(client.get("/").text)[1]):
        plain, packed = client.get(address), client.get(address, headers=PACKED)
        assert plain.headers["ETag"] != packed.headers["ETag"]
        assert packed.data == client.get(address, headers=PACKED).data, "the same at any time"


def test_a_page_is_asked_for_each_time(client: FlaskClient) -> None:
    for path in ("/", "/docs"):
        assert client.get(path).headers["Cache-Control"] == "private, no-cache"
    answered = client.post("/playground/chat", data={"message": "a"}, headers=PACKED)
    for kept_by_nobody in (answered, client.get("/nope", headers={"Accept": "text/html"})):
        assert kept_by_nobody.headers["Cache-Control"] == "no-store"
        assert "ETag" not in kept_by_nobody.headers
    streamed = client.post("/v1/completions", json={"prompt": "a", "stream": True}, headers=PACKED)
    assert "Content-Encoding" not in streamed.headers and streamed.data.startswith(b"data: ")


def test_a_page_in_another_state_is_another_page(client: FlaskClient) -> None:
    tags = {client.get(f"/?lang={lang}").headers["ETag"] for lang in ("en", "zh-CN")}
    assert len(tags) == 2


def test_a_url_from_before_an_upgrade_works_and_is_not_cached(client: FlaskClient) -> None:
    """A page opened before an upgrade still loads its dynamic imports."""
    for address in loaded(client.get("/").text):
        old = re.sub("/static/[0-9a-f]{16}/", f"/static/{OTHER}/", address)
        answer = client.get(old, headers=PACKED)
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-cache"
        assert answer.data == client.get(address, headers=PACKED).data


def test_any_change_of_a_file_changes_all_addresses(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "static"
    for path in source.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    versions = [static_files(source).version, static_files(tmp_path).version]
    for path in ("icon.svg", "js/math.js", "css/docs.css"):
        with (tmp_path / path).open("ab") as file:
            file.write(b"\n")
        static_files.cache_clear()
        versions.append(static_files(tmp_path).version)
    assert versions[0] == versions[1], "the same files, the same addresses"
    assert len(set(versions[1:])) == 4


@pytest.mark.parametrize(
    "path",
    [
        "../config.py",
        "..%2fconfig.py",
        "%2e%2e/config.py",
        f"{OTHER}/../../config.py",
        f"{OTHER}/..%2f..%2fconfig.py",
        f"{OTHER}//etc/passwd",
        f"{OTHER}/",
        f"{OTHER}/js",
        f"{OTHER}/js/nope.js",
        f"{OTHER}/{OTHER}/js/page.js",
        f"{OTHER[:-1]}/js/page.js",
        f"{OTHER[:-1]}G/js/page.js",
        "//etc/passwd",
        "js/page.js%00.css",
        "joined/page.js",
    ],
)
def test_nothing_else_is_there(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/static/{path}", headers=PACKED)
    assert answer.status_code == 404 and answer.headers["Cache-Control"] == "no-store"
    assert b"class Config" not in answer.data and b"root:" not in answer.data


def test_sources_load_by_themselves_where_somebody_looks_for_a_mistake(
    client: FlaskClient,
) -> None:
    addresses = loaded(client.get("/?files=single").text)
    assert "/static/js/page.js" in addresses and "/static/css/base.css" in addresses
    for address in addresses:
        with client.get(address) as answer:
            assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-cache"
