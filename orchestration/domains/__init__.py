"""What columns may hold: the classes of deciding values, and the gate rules made of declared domains.

What a domain is stands in `orchestration/dataset.py`; here it is turned into functions for models and
into rules for gates. Finding persons in text belongs to `orchestration/scanning/`, misspellings to
`orchestration/cleaning/`.
"""
