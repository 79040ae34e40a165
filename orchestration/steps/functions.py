"""The functions that the models ask of a step's database, and that must be there before dbt builds.

Those of a dataset stand in a schema of its id, so that one database may hold all datasets.
"""

import duckdb

from orchestration.cleaning.shifted import define_shifted
from orchestration.cleaning.spelling_step import define_correction
from orchestration.dataset import Dataset
from orchestration.domains.classes import Classes, define_asked, define_classes
from orchestration.scanning.scanned import define_found, scanned_columns
from orchestration.settings import Settings
from orchestration.warehouse.vocabularies import define_streets


def define_known(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    dataset: Dataset,
    classes: Classes,
    *,
    lines: str,
) -> None:
    """What people know: streets, classes of words, and which extracts say them at all."""
    define_streets(connection, settings)
    connection.execute(f"create schema if not exists {dataset.id}")
    define_classes(connection, classes, schema=dataset.id)
    define_asked(connection, dataset, lines=lines, schema=dataset.id)


def define_no_suspicion(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """What the machine suspects, where nothing is: no line shifted, nobody named, nothing misspelt."""
    define_shifted(connection, {}, schema=dataset.id)
    for column in scanned_columns(dataset):
        define_found(connection, column.name, {}, schema=dataset.id)
    for column in dataset.spelled:
        define_correction(connection, column.name, schema=dataset.id)
