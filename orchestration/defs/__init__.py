"""The definitions that Dagster gets: assets, the gate behind each layer, the sensor.

Thin on purpose: what happens is done in `sources`, `steps`, `gates` and `publishing`; here it is put in
order and reported to the UI, and errors are sorted into those that a retry can help and others.
`orchestration/definitions.py` assembles it; `schedules.py` is beside this, as alerts ask it, too.
"""
