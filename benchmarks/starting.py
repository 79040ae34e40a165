"""`python -m benchmarks.starting`: what people wait for before anything happens, each the best of five.

The definitions and a command, each against the import that neither can do without.
"""

import os
import subprocess
import sys
import tempfile
import time

DEFINITIONS = "from orchestration.definitions import build_defs; build_defs()"
STARTS = {
    "definitions": (DEFINITIONS, "import dagster"),
    "a command": (
        "import sys; sys.argv[1:] = ['gates', '--help']; from orchestration.cli import main; main()",
        "import sqlalchemy, pyarrow, typer, pydantic, duckdb",
    ),
}


def main() -> None:
    """Prints seconds and ratios."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "SUMMERWARE_HOME": home}
        _seconds(DEFINITIONS, environment)  # parses dbt's project once
        for name, (ours, bare) in STARTS.items():
            took, least = (
                min(_seconds(one, environment) for _ in range(5)) for one in (ours, bare)
            )
            print(f"{name}: {took:.2f} s, {took / least:.2f} times `{bare}`'s {least:.2f}")


def _seconds(program: str, environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, env=environment
    )
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
