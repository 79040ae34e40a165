"""What the machine only suspects, and people decide: proposals, judgements, decisions, audits.

Proposals are read from finished layers (`proposals.py`), judgements make decisions
(`judgements.py`), and decisions, with those of the decisions file, go back to the pipeline
(`decisions.py`). All that knows no file format. Sheets stand on top (`sheets.py`,
`review_sheets.py`, `audit_sheets.py`), as a browser desk could.
"""
