"""The commands of a page, and what stands in for the parts of a machine that a test must not touch.

Everything in a `sh` block is run, line by line, as it stands. Only `useradd`, `systemctl` and `podman`
are stand-ins: a test must not make users, has no init system and no image registry. `podman build` runs
the Containerfile's own lines, but for Debian's packages.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## +(.*)$", re.MULTILINE)
_STAND_INS = {
    "useradd": '[ "$1" = --system ] && for last; do :; done && [ "$last" = summerware ]',
    "systemctl": 'shift; for unit; do case "$unit" in --now) ;; *) [ -f "$UNITS/$unit" ];; esac; done',
    "nginx": '[ "$1" = -t ] && "$REAL_NGINX" -t -q -e stderr -c "$NGINX/test.conf"',
    "podman": """
case "$1" in
build)
    sed -n 's/^RUN //p' "$3" | grep -v apt-get | while read -r line; do sh -eu -c "$line"; done ;;
run)
    command=$(sed -n 's/^HEALTHCHECK.* CMD \\[\\(.*\\)\\]$/\\1/p' docs/operations/Containerfile)
    sh -c "$(echo "$command" | tr -d '",')" ;;
esac""",
}


def blocks(page: Path) -> dict[str, list[str]]:
    """The `sh` blocks of a page by their section, the part before the first under an empty name."""
    text = page.read_text(encoding="utf-8")
    heads = [("", 0), *((found.group(1), found.start()) for found in _SECTION.finditer(text))]
    ends = [start for _, start in heads[1:]] + [len(text)]
    return {
        name: _BLOCK.findall(text[start:end])
        for (name, start), end in zip(heads, ends, strict=True)
    }


def stand_ins(folder: Path) -> Path:
    """A folder to put in front of `PATH`."""
    folder.mkdir()
    for name, body in _STAND_INS.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\nset -eu\n{body}\n")
        path.chmod(0o755)
    return folder


def real_nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def run_block(block: str, environment: Mapping[str, str], folder: Path) -> None:
    """Runs a block as a person would paste it; the first command that fails is named."""
    ended = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", block],
        env={**os.environ, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert ended.returncode == 0, f"{block}\n{ended.stdout}\n{ended.stderr}"
