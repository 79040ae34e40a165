"""The local portal: a development server that behaves like a Socrata domain.

Here belongs everything that answers HTTP in the place of a Socrata domain: rows, views, downloads, the
catalog, the Data Management API (`dsmapi`) and a few pages for people; and the probe, which tries on a
real domain what `docs/protocol.md` says. It knows nothing of dataset files, gates or publications. Of the
rest of the project it uses the guard of everything that listens (`orchestration/guarding.py`).

Others use `portal.server` and `portal.errors.PortalInUseError`, and nothing else of
it; tests may use more. What the publisher does with a portal is in `publishing/`.

It is bound to the loopback interface, keeps its rows in one SQLite file and is not meant for more.
"""
