"""What names a person in published text: recognized cell by cell, reported by column and kind.

`persons.py` is the one function on a text; `telephones.py`, `identities.py`, `vehicles.py`,
`addresses.py`, `names.py` and `health.py` hold the forms of each kind; `scanned.py` runs it over a
dataset's distinct cells in DuckDB. Own patterns and no library: docs/adr/0023 says what was measured.

Not here: what becomes of a line in which something was found. That is a rule's
(`no_person_in_text` in `expectations/`). What a place may look like is a place's own grammar.
"""
