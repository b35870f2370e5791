"""Runs nginx with the files of deploy/nginx, on a free port in a temporary folder.

Only what an operator would edit is changed in the files: names, ports and paths.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.harness.server import ROOT, free_port
from tests.harness.waiting import wait_until

SHIPPED = ROOT / "deploy" / "nginx"
CLUSTER = "../nginx-cluster.conf"
PROGRAM = shutil.which("nginx") or "/usr/sbin/nginx"
MAIN = """
daemon off;
{user}
pid {folder}/nginx.pid;
worker_processes 2;
worker_rlimit_nofile 8192;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    log_format times '$status $request_time $uri';
    access_log {folder}/access.log times;
    client_body_temp_path {folder}/temporary;
    proxy_temp_path {folder}/temporary;
    fastcgi_temp_path {folder}/temporary;
    scgi_temp_path {folder}/temporary;
    uwsgi_temp_path {folder}/temporary;
    include {folder}/westlake.conf;
    include {folder}/{site};
}}
"""


def replaced(name: str, changes: Mapping[str, str]) -> str:
    """A file of deploy/nginx with `changes`; each of their keys must occur in it."""
    text = (SHIPPED / name).read_text()
    for old, new in changes.items():
        assert old in text, f"{name} does not hold {old!r}"
        text = text.replace(old, new)
    return text


class Proxy:
    """A running nginx."""

    def __init__(self, folder: Path, port: int, tls_port: int) -> None:
        self.folder, self.port, self.tls_port = folder, port, tls_port

    def errors(self) -> str:
        """The error log."""
        path = self.folder / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def times_s(self, status: int, path: str) -> list[float]:
        """$request_time of all responses so far with this status and path."""
        lines = (self.folder / "access.log").read_text(errors="replace").splitlines()
        entries = [line.split(" ", 2) for line in lines]
        return [float(took) for code, took, uri in entries if (code, uri) == (str(status), path)]


def write_site(
    folder: Path,
    upstream: str,
    site: str = "site-http.conf",
    limited: bool = False,
    changes: Mapping[str, str] | None = None,
) -> Proxy:
    """Write nginx's files to `folder`. upstream: the server's address, as nginx writes it; limited:
    apply the rate limits to this machine; changes: further ones, in the part both sites share."""
    proxy = Proxy(folder, free_port(), free_port())
    shared = {"unix:/run/westlake/http.sock": upstream, "/etc/nginx/westlake": str(folder)}
    (folder / "westlake.conf").write_text(replaced("westlake.conf", shared))
    (folder / "westlake-server.conf").write_text(replaced("westlake-server.conf", changes or {}))
    changes_of_test = {
        "listen 80": f"listen 127.0.0.1:{proxy.port}",
        "    listen [::]:80;\n": "",
        "    listen [::]:80 default_server;\n": "",
        "llm.example.org": "localhost",
        "/etc/nginx/snippets": str(folder),
    }
    if site == "site-tls.conf":
        changes_of_test |= {
            "listen 443": f"listen 127.0.0.1:{proxy.tls_port}",
            "    listen [::]:443 ssl;\n": "",
            "    listen [::]:443 ssl default_server;\n": "",
            "llm.example.org": "localhost",
        }
    text = replaced(site, changes_of_test).replace("/etc/letsencrypt/live/localhost", str(folder))
    # Tests ask for 127.0.0.1; the site has a name.
    text = text.replace("server_name localhost", "server_name localhost 127.0.0.1")
    (folder / site).write_text(text)
    unlimited = replaced("unlimited.conf", {}) + ("" if limited else "127.0.0.1 0;\n")
    (folder / "unlimited.conf").write_text(unlimited)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, site=site))
    return proxy


def write_cluster(folder: Path, ports: Sequence[int]) -> Proxy:
    """Write nginx's files for replicas on these ports of this machine, behind the site. The log
    tells which replicas a request was given to."""
    between = free_port()
    proxy = write_site(folder, f"127.0.0.1:{between}")
    addresses = re.findall(r"[\d.]+:\d+", replaced("replicas.conf", {}))
    local = {old: f"127.0.0.1:{port}" for old, port in zip(addresses, ports, strict=True)}
    (folder / "replicas.conf").write_text(replaced("replicas.conf", local))
    changes = {
        "listen 127.0.0.1:19327": f"listen 127.0.0.1:{between}",
        "access_log off": f"access_log {folder}/replicas.log replicas",
        "/etc/nginx/westlake/": f"{folder}/",
    }
    text = replaced(CLUSTER, changes)
    log = "log_format replicas '$http_x_request_id $status $upstream_addr';\n"
    (folder / "cluster.conf").write_text(log + text)
    more = f"include {folder}/cluster.conf;"
    main = (folder / "nginx.conf").read_text().rstrip().removesuffix("}")
    (folder / "nginx.conf").write_text(f"{main}{more}\n}}\n")
    return proxy


def command(proxy: Proxy, *more: str) -> list[str]:
    """nginx's command line."""
    folder = str(proxy.folder)
    return [PROGRAM, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log", *more]


def check(proxy: Proxy) -> str:
    """The output of `nginx -t`; fails if the files are invalid."""
    done = subprocess.run(command(proxy, "-t"), capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stderr


@contextmanager
def started(proxy: Proxy) -> Iterator[Proxy]:
    """Run nginx. At the end it must not have crashed or logged errors of its own."""
    process = subprocess.Popen(
        command(proxy), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        pid = proxy.folder / "nginx.pid"

        def listens() -> bool:
            assert process.poll() is None, proxy.errors()
            return pid.exists() and bool(pid.read_text().strip())

        wait_until(listens, proxy.errors)
        yield proxy
        assert process.poll() is None, proxy.errors()
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stderr is not None:
            process.stderr.close()
    for word in ("[alert]", "[emerg]"):
        assert word not in proxy.errors(), proxy.errors()
