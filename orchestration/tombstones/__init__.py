"""What was taken down by order, and how everything that passes is held against it.

`tombstones` says which rows and columns they are, as keyed hashes and never as a key, until another
order lifts it; `journal` keeps
that where a restore of the state does not reach; `extract_filter` empties their lines, `plan_filter`
takes them out of what is sent. Who orders a takedown, and what then goes from portals and disk, is in
`takedown`.
"""
