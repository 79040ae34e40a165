"""The local portal: a development SODA 2 server with the real one's manners.

Here belongs everything that answers HTTP in the place of a Socrata domain: resources, views, the
catalog and a few pages for people. It stands alone: it knows nothing of datasets files, gates or
publications, and nothing outside may reach into it except through `portal.app.create_app`,
`portal.server`, `portal.commands` and, for tests, `portal.faults` and `portal.manners`. What the
publisher does with a portal is in `publishing/`.

It is bound to the loopback interface, keeps its rows in one SQLite file and is not meant for more.
"""
