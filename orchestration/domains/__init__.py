"""What columns may hold, as SQL that rules ask with: nothing here runs it or judges a whole gate.

Which column has which domain stands in the dataset files (`dataset.py`); the gates run the rules.
"""
