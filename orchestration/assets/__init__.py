"""Dagster assets: one per dataset and layer, and one gate behind each layer.

Thin on purpose: what happens is done in `sources`, `warehouse`, `gates` and `publishing`; here it
is put in order, told to the UI, and errors are sorted into those that a retry can help and others.
"""
