"""Makes a copy of this machine's files, users and network, and follows docs/deploy.md on it.

Knows nothing about what the page's commands do. Run as root, in namespaces of its own:

    unshare --mount --net --pid --fork --mount-proc python -m tests.deploy.machine FOLDER

FOLDER is an empty one. What this machine cannot have is stood in for by a small program of the
same name (STAND_INS); every other command of the page runs as it is written.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "llm.test"
FRESH = ("/run", "/var/cache", "/var/log", "/var/lib/nginx", "/var/www", "/tmp")
COPIED = ("/etc",)
#: Folders that get a new top, in which what they hold is mounted: /opt/westlake is no folder of
#: the real machine, and a Python that lies in /root must be found by the service's own user.
SHELLS = ("/opt", "/root")

STAND_INS = {
    # The packages are there. Debian starts nginx when it is installed.
    "apt-get": """
[ "$1" = install ] || exit 0
shift
for word; do
    case "$word" in -*|certbot|python3*) ;; *) dpkg -s "$word" > /dev/null ;; esac
done
mkdir -p /var/www/html; exec nginx
""",
    # The repository as it lies here, whatever of it is committed.
    "git": """
[ "$1 $2" = "clone https://github.com/your-organisation/westlake" ]
cp -r {tree} "$3"
""",
    # An environment that is ready; whether `install` is a right goal, make says.
    "make": """
/usr/bin/make --dry-run "$@" > /dev/null
mkdir .venv; exec mount --bind {venv} .venv
""",
    # A certificate that signs itself, once the challenge's file is served under the name.
    "certbot": """
while [ $# -gt 0 ]; do case "$1" in -w) web="$2";; -d) name="$2";; esac; shift; done
folder="$web/.well-known/acme-challenge"; mkdir -p "$folder"; echo proof > "$folder/token"
[ "$(curl -sf "http://$name/.well-known/acme-challenge/token")" = proof ]
live="/etc/letsencrypt/live/$name"; mkdir -p "$live"
exec openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout "$live/privkey.pem" \\
    -out "$live/fullchain.pem" -subj "/CN=$name" -addext "subjectAltName=DNS:$name" 2> /dev/null
""",
    "systemctl": """
case "$*" in
    daemon-reload) ;;
    "reload nginx") exec nginx -s reload ;;
    "enable --now westlake") exec {python} {root}/tests/deploy/service.py ;;
    *) echo "systemctl $*: unknown here" >&2; exit 1 ;;
esac
""",
}


def mount(*words: str) -> None:
    """mount(8)."""
    subprocess.run(["mount", *words], check=True)


def new_top(path: str, folder: Path) -> None:
    """Everything in `path` stays where it is, in another folder that all may enter."""
    top = folder / path.strip("/")
    top.mkdir(parents=True)
    for child in Path(path).iterdir():
        if child.is_symlink():
            (top / child.name).symlink_to(child.readlink())
        else:
            (top / child.name).mkdir() if child.is_dir() else (top / child.name).touch()
            mount("--rbind", str(child), str(top / child.name))
    mount("--rbind", str(top), path)


def build(folder: Path) -> Path:
    """The machine; returns the folder of the stand-ins."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    mount("-t", "tmpfs", "none", str(folder))
    folder.chmod(0o755)
    tree, here = folder / "tree", folder / "bin"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "build", "__pycache__", ".*_cache", ".hypoth*"
    )
    shutil.copytree(ROOT, tree, ignore=ignored, symlinks=True)
    here.mkdir()
    for name, body in STAND_INS.items():
        told = body.format(tree=tree, venv=sys.prefix, python=sys.executable, root=ROOT)
        (here / name).write_text(f"#!/bin/bash -eu\n{told.strip()}\n")
        (here / name).chmod(0o755)
    for path in COPIED:
        shutil.copytree(path, folder / "copies" / path.strip("/"), symlinks=True)
        mount("--rbind", str(folder / "copies" / path.strip("/")), path)
    for path in SHELLS:
        new_top(path, folder / "shells")
    for path in FRESH:
        if not folder.is_relative_to(path):
            mount("-t", "tmpfs", "-o", "mode=755", "none", path)
    Path("/var/log/nginx").mkdir()
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write(f"127.0.0.1 {NAME}\n")
    return here


def page() -> str:
    """The commands of the ten steps, one after the other."""
    steps = (ROOT / "docs" / "deploy.md").read_text().partition("\n---\n")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", steps, re.S))


def follow(stand_ins: Path) -> None:
    """Run the page's commands in one shell, and then look at what they made."""
    commands = page().replace("NAME=llm.example.org", f"NAME={NAME}")
    path = f"{stand_ins}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    authority = f"/etc/letsencrypt/live/{NAME}/fullchain.pem"
    environ = {"PATH": path, "HOME": "/root", "CURL_CA_BUNDLE": authority, "LANG": "C.UTF-8"}
    look = f'exec "{sys.executable}" "{ROOT}/tests/deploy/look.py" "$NAME" "$KEY"'
    script = f"set -eux -o pipefail\n{commands}\n{look}\n"
    os.execvpe("bash", ["bash", "-c", script], environ)


if __name__ == "__main__":
    follow(build(Path(sys.argv[1])))
