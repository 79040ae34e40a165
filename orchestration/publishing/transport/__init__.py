"""The way to a portal: requests out, answers and rows back, as values of our types.

    protocol  what a transport is, for whoever calls one: a protocol and its plain values
    soda      the transport that cities use today: SODA 2, one request for each call
    client    sodapy behind bars: the only module of publishing that knows it
    responses what a portal answered, as one of our errors or as counters
    reading   rows of a portal's JSON as Arrow tables in the shape of a snapshot
    values    rows of Parquet as the JSON that a portal takes

How portals behave is in `docs/protocol.md`. Nothing here retries, waits or knows of publications: how a
chunk gets through is for `sending`, what is sent for `planning`, which rows no portal should be sent for
`checking`, and drafts, which go through another client, for `revisions`. No cell's content leaves this
package in an error or a log.
"""

from orchestration.publishing.transport.protocol import (
    Aggregates,
    Answer,
    Credentials,
    Freshness,
    Transport,
)
from orchestration.publishing.transport.soda import SodaTransport

__all__ = [
    "Aggregates",
    "Answer",
    "Credentials",
    "Freshness",
    "SodaTransport",
    "Transport",
]
