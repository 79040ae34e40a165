"""Receipts: what was published, on whose word, from what, how it went and how it was proven.

One link per ended publication in its dataset's chain of hashes, only ever added. A receipt holds
counts, hashes, names and times: no key of a row and no cell, so that nothing in it must ever be
taken back.
"""

from collections import Counter
from dataclasses import asdict
from typing import cast

from orchestration.dataset import Dataset
from orchestration.publishing.journal import plan_of
from orchestration.publishing.verification import Verification
from orchestration.state.chunks import ChunkRecord
from orchestration.state.publishing import PublishingStore, Receipt
from orchestration.state.records import ChunkReceipt, SignatureRecord
from orchestration.state.store import Publication, State


def write_receipt(
    state: State,
    dataset: Dataset,
    publication: Publication,
    *,
    verification: Verification | None = None,
    described: list[str] | None = None,
) -> Receipt:
    """Adds the receipt of a publication that has ended, as it is now."""
    store = PublishingStore(state)
    return store.add_receipt(
        dataset.id,
        publication.id,
        {
            "publication": publication.id,
            "kind": publication.kind,
            "state": publication.state,
            "target": publication.target,
            "asked_by_run": publication.run_id,
            "held_because": publication.held_because,
            "signatures": [
                cast(SignatureRecord, asdict(one)) for one in store.signatures(publication.id)
            ],
            "released_by": publication.released_by,
            "extracts": publication.plan["extracts"],
            "newest_extract_at": publication.newest_extract_at,
            "layer": publication.layer_id,
            "content_hash": publication.content_hash,
            "rules_hash": publication.rules_hash,
            "suite_hashes": _suite_hashes(state, dataset, publication),
            "files_hash": publication.plan["files"],
            "plan": plan_of(publication).as_json(),
            "rows_refused": publication.refused,
            "chunks": [_chunk(chunk) for chunk in state.chunks(publication.id)],
            "verification": verification.as_json() if verification else None,
            "metadata_changed": described or [],
            "failure": publication.failure,
            "times": {
                name: getattr(publication, name)
                for name in ("planned_at", "released_at", "sent_at", "verified_at")
            },
        },
    )


def _chunk(chunk: ChunkRecord) -> ChunkReceipt:
    return {
        "kind": chunk.id.kind,
        "number": chunk.id.number,
        "is_repair": chunk.id.is_repair,
        "partition": chunk.partition,
        "rows": chunk.rows,
        "state": chunk.state,
        "moved_at": chunk.moved_at,
        "attempts": chunk.answer.get("attempts"),
        "settled": chunk.answer.get("settled"),
        "request_ids": chunk.answer.get("request_ids"),
        # Which rows they are is in the journal, from which a key can be erased.
        "refused": [
            {"column": column, "reason": reason, "rows": rows}
            for (column, reason), rows in Counter(
                (row.column, row.reason) for row in chunk.refused
            ).items()
        ],
    }


def _suite_hashes(state: State, dataset: Dataset, publication: Publication) -> dict[str, str]:
    """Under which suites the content and everything upstream of it last passed."""
    hashes = {}
    layer_id: str | None = publication.layer_id
    while layer_id:
        layer = state.find_layer(layer_id)
        if layer is None:
            break
        record = state.newest_gate_record(dataset.id, layer.layer, layer.content_hash)
        if record is not None:
            hashes[layer.layer] = record.suite_hash
        layer_id = layer.upstream_id
    return hashes
