"""Timings side by side in one run: the pipeline, bare DuckDB, and the plain pandas way."""
