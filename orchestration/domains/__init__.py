"""What a column may hold, and how its cells are held against that.

`places.py` has the grammar of places and points. Which column has which domain stands in the dataset
file; what becomes of a row that breaks one is for the gates.
"""
