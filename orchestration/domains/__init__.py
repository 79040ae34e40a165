"""What columns may hold: the classes of deciding values, places, and the order of days and months.

What a domain is stands in `orchestration/column.py`; here it is turned into functions for models, in
`orchestration/gates/domain_rules.py` into rules. Finding persons in text belongs to
`orchestration/scanning/`, misspellings to `orchestration/cleaning/`.
"""
