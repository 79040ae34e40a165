"""Finds out how a real domain behaves where the protocol is open, with a dataset to play with.

`checks` are claims of the protocol, each tried on the scratch dataset; `switches` finds what each of
`behaviour` is set to there; `scratch` talks HTTP; `profile` runs all of it and writes what was found.
The same checks run against the local portal as its conformance tests.
"""
