"""Takedowns: rows and columns that a court or a mistake orders off the portal, for good.

`orders` writes the tombstone, which comes before anything else; `removal` takes what it names off the
portals; `purge` erases it from this machine. What a tombstone is, and who else asks it, is in
`orchestration/tombstones/`.
"""
