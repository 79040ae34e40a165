"""Alerts: people hear once of what went wrong, and once when it is over.

`reading` and `conditions` find what is wrong, in Dagster's event log and in the state database;
`lifecycle` decides what is new about it and writes messages into the outbox, in the transaction that
moves the place in the log; `delivery` takes the outbox to the channels. `watch` is all of it in a
row, which the Dagster sensor does every half minute and `summerware run` at its end. What a gate
found is decided in `orchestration/gates/`; whether the machinery itself is alive in
`orchestration/health/`.
"""
