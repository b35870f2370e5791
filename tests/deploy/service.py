"""Starts the service that is installed as /etc/systemd/system/westlake.service, as systemd would.

Knows nothing about the server. Of the sandbox it makes what a program can notice: its user and
groups, no privileges, no network, files that cannot be written, a /tmp and folders of its own.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

UNIT = Path("/etc/systemd/system/westlake.service")


def settings() -> dict[str, list[str]]:
    """What the section [Service] says, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    section = UNIT.read_text().partition("[Service]\n")[2].partition("\n[")[0]
    for name, value in re.findall(r"^(\w+)=(.*)$", section, re.M):
        found[name].append(value)
    return found


def environment(unit: dict[str, list[str]]) -> dict[str, str]:
    """Only what the unit and its file say."""
    found = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    words = [word for line in unit["Environment"] for word in shlex.split(line)]
    for path in unit["EnvironmentFile"]:
        lines = Path(path).read_text().splitlines()
        words += [line for line in lines if line and not line.startswith("#")]
    return found | dict(word.split("=", 1) for word in words)


def make_folder(path: Path, mode: str, user: str, group: str) -> None:
    """For the service's own use."""
    path.mkdir(parents=True, exist_ok=True)
    shutil.chown(path, user, group)
    path.chmod(int(mode, 8))


def main() -> None:
    """Start it, and leave it running."""
    unit = settings()
    user, group = unit["User"][0], unit["Group"][0]
    make_folder(Path("/run", unit["RuntimeDirectory"][0]), unit["RuntimeDirectoryMode"][0], user,
                group)  # fmt: skip
    make_folder(Path("/var/cache", unit["CacheDirectory"][0]), "755", user, group)
    others = [pwd.getpwnam(user).pw_gid]
    others += [grp.getgrnam(name).gr_gid for name in unit["SupplementaryGroups"][0].split()]
    inside = ["mount -t tmpfs -o mode=1777 none /tmp"]
    inside += [f"mount -o remount,bind,ro {path}" for path in ("/", "/etc", "/opt")]
    inside += [f"umask {unit['UMask'][0]}", f"cd {unit['WorkingDirectory'][0]}"]
    inside += [f"ulimit -n {unit['LimitNOFILE'][0]}"]
    command = ["setpriv", f"--reuid={user}", f"--regid={group}"]
    command += [f"--groups={','.join(map(str, sorted(set(others))))}", "--no-new-privs"]
    command += ["--bounding-set=-all", "--inh-caps=-all", *shlex.split(unit["ExecStart"][0])]
    script = "\n".join(["set -e", *inside, f"exec {shlex.join(command)}"])
    with Path("/var/log/westlake").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--net", "bash", "-c", script],
            env=environment(unit),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    Path("/run/westlake.pid").write_text(str(process.pid))
    os._exit(0)


if __name__ == "__main__":
    main()
