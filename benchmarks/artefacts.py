"""Bare DuckDB writing the artefacts that the pipeline keeps, and none of its guarantees.

Landing Parquet, staging, ledger, mart, corrections, hashes, ordered snapshot, difference to an
empty portal, and 29 predicates counted.
"""

import sys
from pathlib import Path

import duckdb

from benchmarks.bare_sql import COLUMNS, NUMBERS, PREDICATES, TEXTS, TIMES, cleaned, read
from benchmarks.steps import Steps


def main(folder: Path) -> None:
    """Runs and times the steps."""
    steps = Steps()
    target = folder / "artefacts"
    target.mkdir()
    connection = duckdb.connect()

    def write(name: str, query: str) -> None:
        path = target / f"{name}.parquet"
        connection.execute(f"copy ({query}) to '{path}' (format parquet, compression zstd)")
        connection.execute(f"create view {name} as select * from read_parquet('{path}')")

    headings = {**TEXTS, **TIMES, **NUMBERS, "is_self_initiated": "SelfInitiated"}
    renamed = ", ".join(f"nullif(\"{h}\", '') as {name}" for name, h in headings.items())
    with steps.step("landing"):
        write("landing", f"select row_number() over () as _line, {renamed} from {read(folder)}")
    with steps.step("staging"):
        staged = cleaned("landing", names=True).replace("select ", "select _line, ", 1)
        write("staging", staged)
    with steps.step("ledger"):
        content = ", ".join(f"coalesce({name}::varchar, '')" for name in COLUMNS)
        write(
            "ledger",
            "select _line, item_number, case when row_number() over (partition by item_number, "
            "content order by _line) > 1 then 'merged' else 'published' end as fate from (select "
            f"_line, item_number, md5(concat_ws(chr(31), {content})) as content from staging) "
            "order by item_number, _line",
        )
    with steps.step("mart"):
        write(
            "mart",
            f"select {', '.join(COLUMNS)} from staging semi join (select _line from ledger where "
            "fate = 'published') using (_line) order by item_number",
        )
    with steps.step("corrections"):
        changed = [
            f"select _line, '{name}' as column_name, landing.{name} as before, "
            f"staging.{name}::varchar as after from landing join staging using (_line) "
            f"where nullif(trim(landing.{name}), '') is distinct from staging.{name}::varchar"
            for name in (*TEXTS, *NUMBERS)
        ]
        write("corrections", " union all ".join(changed))
    with steps.step("hash"):
        for path in target.glob("*.parquet"):
            connection.execute(f"select sha256(content) from read_blob('{path}')").fetchall()
    with steps.step("difference and snapshot"):
        connection.execute("create view before as select * from mart limit 0")
        write("upserts", "select mart.* from mart anti join before using (item_number)")
        write("snapshot", "select * from mart order by item_number")
        write("changes", "select item_number, 'insert' as change from upserts order by item_number")
    with steps.step("predicates"):
        counted = ", ".join(f"count(*) filter ({predicate})" for predicate in PREDICATES)
        connection.execute(f"select {counted} from staging").fetchall()
    steps.report()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
