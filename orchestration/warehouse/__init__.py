"""Runs the dbt models on DuckDB, inside this process, one throw-away database per step.

What the models say stands in `dbt_project/`; what becomes of their files, in `layers.py`.
"""
