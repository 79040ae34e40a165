"""Takedowns: rows and columns that a court or a mistake orders off the portal, for good.

`tombstones` says what is taken down and is asked by landing, the models, planning and sending;
`journal` keeps that memory where a restore does not reach it; `removal` takes it off the portals;
`purge` erases it from this machine. A tombstone comes before anything else, holds a keyed hash and
never a key, and is lifted only by another order.
"""
