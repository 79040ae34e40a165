"""Keys under which two spellings of one value meet."""

import duckdb
import pytest

from orchestration.cleaning.keys import define_keys


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    define_keys(made)
    return made


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("spelling_tokens", "Hit & Run, no injury", ["HIT", "RUN", "NO", "INJURY"]),
        ("spelling_tokens", "O'Keefe  Ave", ["OKEEFE", "AVE"]),
        ("spelling_tokens", " - ", []),
        ("spelling_compact", "Décatur St.", "DECATURST"),
        ("spelling_compact", "CAR JACKING", "CARJACKING"),
        ("spelling_fingerprint", "DEATH-UNCLASSIFIED death", "DEATH UNCLASSIFIED"),
        ("spelling_collapsed", "HITTING", "HITING"),
        ("spelling_collapsed", "", ""),
        ("spelling_ngrams", "BANANA", "ANBANA"),
        ("spelling_letters", "TOTY", "OTTY"),
        ("spelling_sound", "KAWASAKI", "2"),
        ("spelling_sound", "NISSON", "525"),
        ("spelling_sound", "NISAAN", "525"),
        ("spelling_sound", "PORSHE", "162"),
        ("spelling_sound", "AEIOU", ""),
        ("spelling_digits", "F250A1", "2501"),
    ],
)
def test_a_key_is_what_it_says(
    connection: duckdb.DuckDBPyConnection, key: str, text: str, expected: object
) -> None:
    """Each key forgives what its table says, and has these values."""
    assert connection.execute(f"select {key}(?)", [text]).fetchone() == (expected,)


@pytest.mark.parametrize("key", ["spelling_tokens", "spelling_compact", "spelling_sound"])
def test_no_text_has_no_key(connection: duckdb.DuckDBPyConnection, key: str) -> None:
    """Null stays null."""
    assert connection.execute(f"select {key}(null::varchar)").fetchone() == (None,)
