"""The state database: what was landed, gated, quarantined and published, and by whom.

Rows of data never live here, only facts about them. SQLite by default, PostgreSQL by URL.
"""
