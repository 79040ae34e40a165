"""What the machine suspects, with the evidence: misspelt values and near duplicates.

Spelling (`spelling_engine.py` and what it is made of) works on the distinct values of a column,
duplicates (`linkage.py`) on the rows. Both only read tables and write what they found; nothing here
changes a published cell by itself.

Not here: bringing a cell into its form (case, suffixes of streets, words for null) is standardizing
and is in dbt. What people decide about a suspicion is in `orchestration.review`. How often the
suspicions are right is measured in `orchestration.evaluation`.
"""
