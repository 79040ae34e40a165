"""Great Expectations on DuckDB: the two things it lacks, one it should leave, and nothing else.

Through plain SQLAlchemy every metric on DuckDB fails, because GX reads its cursor after the
connection has gone; and GX knows no regex operator for the dialect. A native engine is under way
upstream (great_expectations PR 12084): this module goes the day it is released. What it should
leave is fetching rows: a gate wants their number, and GX runs every query twice for both.

Defining the data source is enough: `context.data_sources.add_duckdb` appears.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Literal, TypeAlias

import duckdb
import sqlalchemy as sa
from great_expectations.datasource.fluent import SQLDatasource
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):  # type: ignore[misc]
    """Keeps one connection open for the length of a gate."""

    _connection: sa.Connection | None

    @contextmanager
    def get_connection(self) -> Iterator[sa.Connection]:
        """The kept connection, opened at first use."""
        if self._connection is None or self._connection.closed:
            self._connection = self.engine.connect()
            # duckdb-engine takes its dialect from PostgreSQL, which once doubled backslashes. DuckDB
            # does not: the query that lists failing rows would hold another regular expression.
            self.engine.dialect._backslash_escapes = False
        try:
            yield self._connection
        except Exception:
            # Else whatever is asked next fails too: "current transaction is aborted".
            self._connection.rollback()
            raise

    def let_go(self) -> None:
        """Closes the connection: a kept one keeps the file open and its snapshot alive."""
        if self._connection is not None:
            self._connection.close()
        self.engine.dispose()


EngineType: TypeAlias = type[DuckDBExecutionEngine]


class DuckDBDatasource(SQLDatasource):  # type: ignore[misc]
    """A data source whose execution engine is ours."""

    type: Literal["duckdb"] = "duckdb"

    @property
    def execution_engine_type(self) -> EngineType:
        """Where GX asks for it in public."""
        return DuckDBExecutionEngine

    def _execution_engine_type(self) -> EngineType:
        return DuckDBExecutionEngine


@contextmanager
def open_beside_gx(
    url: str, connect_args: Mapping[str, Any]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that GX's own to the same database stand beside, and open quickly for it.

    DuckDB lets several into a file where all have the same settings, and SQLAlchemy adds its own.
    """
    engine = sa.create_engine(url, connect_args=dict(connect_args))
    try:
        with closing(engine.raw_connection()) as pooled:
            connection: Any = pooled.driver_connection
            yield connection
    finally:
        engine.dispose()


class _RegexOnDuckDB(ColumnMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_values.match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=DuckDBExecutionEngine)  # type: ignore[untyped-decorator]
    def _duckdb(cls, column: Any, regex: str, **_: Any) -> Any:
        return sa.func.regexp_matches(column, regex)


class _NotRegexOnDuckDB(ColumnMapMetricProvider):  # type: ignore[misc]
    condition_metric_name = "column_values.not_match_regex"
    condition_value_keys = ("regex",)

    @column_condition_partial(engine=DuckDBExecutionEngine)  # type: ignore[untyped-decorator]
    def _duckdb(cls, column: Any, regex: str, **_: Any) -> Any:
        return sa.not_(sa.func.regexp_matches(column, regex))


class _NoRowsOnDuckDB(QueryMetricProvider):  # type: ignore[misc]
    metric_name = "unexpected_rows_query.table"
    value_keys = ("unexpected_rows_query",)

    @metric_value(engine=DuckDBExecutionEngine)  # type: ignore[untyped-decorator]
    def _duckdb(cls, **_: Any) -> list[dict[str, Any]]:
        return []
