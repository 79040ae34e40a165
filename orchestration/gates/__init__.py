"""Gates: one suite of rules against one asset's exact content, and the record of its verdict.

`suites` reads the rules, `engine` teaches Great Expectations DuckDB, `evaluation` runs a suite,
`gate` keeps the verdict and answers whether content passed. Rules about our own SQL are dbt tests.
"""
