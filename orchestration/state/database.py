"""Opens the state database and brings its tables up to date. Queries are in `store.py`."""

from pathlib import Path

import sqlalchemy as sa

from orchestration.errors import ConfigurationError
from orchestration.file_lock import file_lock
from orchestration.settings import Settings

HEAD = "0001"
_MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(settings: Settings) -> sa.Engine:
    """The state database, migrated to the newest tables.

    Raises:
        ConfigurationError: the URL is wrong or the database cannot be reached.
    """
    settings.prepare()
    try:
        engine = sa.create_engine(settings.state_url)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise ConfigurationError("SUMMERWARE_STATE_URL: is not a database URL") from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _configure_sqlite)
    try:
        if _revision(engine) != HEAD:
            _migrate(engine, settings)
    except sa.exc.OperationalError as error:
        # The driver's message may hold the URL, and with it a password: its type is enough.
        kind = type(error.orig).__name__
        raise ConfigurationError(
            f"SUMMERWARE_STATE_URL: the state database cannot be opened ({kind})"
        ) from None
    if engine.dialect.name == "sqlite" and engine.url.database:
        Path(engine.url.database).chmod(0o600)
    return engine


def _configure_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("pragma busy_timeout = 60000")
    cursor.execute("pragma journal_mode = wal")
    cursor.execute("pragma synchronous = full")
    cursor.execute("pragma foreign_keys = on")
    cursor.close()


def _revision(engine: sa.Engine) -> str | None:
    if not sa.inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        found = connection.scalar(sa.text("select version_num from alembic_version"))
        return None if found is None else str(found)


def _migrate(engine: sa.Engine, settings: Settings) -> None:
    # Imported here: readers of an up-to-date database do not pay for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with file_lock(settings, "migration"), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
