"""What is asked of the state database about signatures, receipts and edits that people keep.

Publications themselves and their chunks are in `store.py`. What must be signed, and what a receipt
says, is decided in `orchestration/publishing/`.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from orchestration.state import tables
from orchestration.state.database import for_writing
from orchestration.state.records import ReceiptBody
from orchestration.state.store import State, now

FIRST = "0" * 64
"""What stands before the first receipt of a dataset."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One named person's act on one publication: `release` or `override`, for one content hash."""

    publication_id: str
    act: str
    signed_by: str
    content_hash: str
    reason: str
    signed_at: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One link of a dataset's chain: `hash` is over the previous hash and the body's text."""

    dataset: str
    number: int
    publication_id: str
    body: ReceiptBody
    previous_hash: str
    hash: str
    recorded_at: str


class PublishingStore:
    """Signatures, receipts and kept edits of the opened state database."""

    def __init__(self, state: State) -> None:
        self._engine = state.engine
        self._writing = for_writing(state.engine)

    # Signatures

    def sign(
        self, publication_id: str, *, act: str, by: str, content_hash: str, reason: str = ""
    ) -> None:
        """Notes a signature; signing twice changes nothing."""
        table = tables.publication_signature
        with self._writing.begin() as connection:
            known = connection.scalar(
                sa.select(table.c.signed_at).where(
                    table.c.publication_id == publication_id,
                    table.c.act == act,
                    table.c.signed_by == by,
                )
            )
            if known is None:
                connection.execute(
                    table.insert().values(
                        publication_id=publication_id,
                        act=act,
                        signed_by=by,
                        content_hash=content_hash,
                        reason=reason,
                        signed_at=now(),
                    )
                )

    def signatures(self, publication_id: str, *, act: str | None = None) -> list[Signature]:
        """Who signed a publication, in their order."""
        table = tables.publication_signature
        query = (
            sa.select(table)
            .where(table.c.publication_id == publication_id)
            .order_by(table.c.signed_at, table.c.signed_by)
        )
        if act is not None:
            query = query.where(table.c.act == act)
        with self._engine.connect() as connection:
            return [Signature(**row) for row in connection.execute(query).mappings()]

    # Receipts

    def add_receipt(self, dataset: str, publication_id: str, body: ReceiptBody) -> Receipt:
        """Adds the next link of a dataset's chain."""
        table = tables.receipt
        text = canonical(body)
        with self._writing.begin() as connection:
            last = connection.execute(
                sa.select(table.c.number, table.c.hash)
                .where(table.c.dataset == dataset)
                .order_by(table.c.number.desc())
                .limit(1)
            ).first()
            number, previous = (last.number + 1, last.hash) if last else (1, FIRST)
            receipt = Receipt(
                dataset=dataset,
                number=number,
                publication_id=publication_id,
                body=body,
                previous_hash=previous,
                hash=chained(previous, text),
                recorded_at=now(),
            )
            connection.execute(table.insert().values(**{**vars(receipt), "body": text}))
        return receipt

    def receipts(self, dataset: str, *, publication_id: str | None = None) -> list[Receipt]:
        """The receipts of a dataset, oldest first."""
        table = tables.receipt
        query = sa.select(table).where(table.c.dataset == dataset).order_by(table.c.number)
        if publication_id is not None:
            query = query.where(table.c.publication_id == publication_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Receipt(**{**row, "body": json.loads(row["body"])}) for row in rows]

    def broken_receipt(self, dataset: str) -> int | None:
        """The number of the first receipt that does not fit the chain, or none."""
        table = tables.receipt
        query = sa.select(table).where(table.c.dataset == dataset).order_by(table.c.number)
        expected = FIRST
        with self._engine.connect() as connection:
            for number, row in enumerate(connection.execute(query).mappings(), 1):
                fits = row["number"] == number and row["previous_hash"] == expected
                if not fits or chained(expected, row["body"]) != row["hash"]:
                    return number
                expected = row["hash"]
        return None

    # Edits on the portal that people keep

    def keep_edits(
        self, dataset: str, target: str, keys: Iterable[str], *, by: str, reason: str
    ) -> None:
        """Leaves these rows as the portal has them, from now on."""
        table = tables.kept_edit
        with self._writing.begin() as connection:
            known = set(
                connection.scalars(
                    sa.select(table.c.key).where(
                        table.c.dataset == dataset, table.c.target == target
                    )
                )
            )
            fresh = [
                {
                    "dataset": dataset,
                    "target": target,
                    "key": key,
                    "kept_by": by,
                    "reason": reason,
                    "kept_at": now(),
                }
                for key in sorted(set(keys) - known)
            ]
            if fresh:
                connection.execute(table.insert(), fresh)

    def kept_edits(self, dataset: str, target: str) -> list[str]:
        """The keys that are left as the portal has them."""
        table = tables.kept_edit
        with self._engine.connect() as connection:
            return list(
                connection.scalars(
                    sa.select(table.c.key)
                    .where(table.c.dataset == dataset, table.c.target == target)
                    .order_by(table.c.key)
                )
            )


def canonical(body: ReceiptBody) -> str:
    """One text for one body, whatever the order of its keys."""
    return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def chained(previous: str, text: str) -> str:
    """The hash of a receipt's text behind the one before it."""
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()
