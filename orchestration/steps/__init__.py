"""The steps of a run: each makes one layer out of the one above.

`raw_layer` links the extracts that a run stands on, `modelled_layer` has dbt build the other two, with
what the machine suspects made between two builds. What Dagster sees of a step is in `assets`; whether
what it made may go on is for `gates`.
"""
