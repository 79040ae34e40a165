"""People say what values of deciding columns mean: which words are asked, who proposes, who signs.

How a class counts for rows stands in `orchestration/domains/classes.py`.
"""
