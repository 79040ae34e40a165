"""The records that the state database keeps as JSON, key by key.

What a column of JSON holds is written in one package and read in others: its keys, grain and units
stand here, below all of them. Records that have columns of their own are in `store.py`; what an
answer of somebody else holds is typed by whoever reads it.
"""

from typing import Any, Literal, NotRequired, TypedDict

Suspicion = Literal["spelling", "duplicates"]
"""What the machine suspects: misspelled values, or rows that are one event."""


class RuleRecord(TypedDict):
    """What one rule of a gate found; one per rule in `GateRecord.results`.

    `failing` counts rows, `keys` the keys that they belong to (none where the table has none per
    line); `share` is of the rows looked at, 0 to 1. `examples` are line ids. `observed` is for a rule
    about the table or about lines that could not be read; `cause` for a broken one.
    """

    rule_id: str
    strength: str
    outcome: str
    failing: int
    keys: int | None
    share: float
    examples: list[str]
    query: str | None
    observed: str | None
    cause: str | None


class LayerFacts(TypedDict, total=False):
    """What a finished layer notes of its making; one per layer.

    A raw layer has `extracts` (ids, oldest first) and what goes with them: `extracted_at` is the
    newest one's, city time; `lines`, `unparseable` and `keys` are counts, `keys_by_day` counts keys.
    A modelled layer has `rows`, and by its kind the hash of the `classes` in force and how each
    column was parsed (`parsing`), lines by fate (`fates`), suspicions by outcome (`spelling`,
    `duplicates`), and extracts with lines that wait, each with the hash of the classes by which they
    were judged (`waiting`). Layers of earlier versions lack what was not noted then.
    """

    extracts: list[str]
    files: list[str]
    source: str
    extracted_at: str
    time_source: str
    grain: str
    lines: int
    unparseable: int
    columns: list[str]
    keys: int
    keys_by_day: dict[str, int]
    rows: int
    classes: str
    parsing: dict[str, str]
    fates: dict[str, int]
    spelling: dict[str, int]
    duplicates: dict[str, int]
    waiting: dict[str, str]


class PortalMarks(TypedDict):
    """The portal's own marks of one 4x4: its rows, and when it says that they changed.

    `rows_updated_at` is as the portal's metadata has it, `newest_update` the newest row's time.
    """

    partition: str
    rows: int
    rows_updated_at: Any
    newest_update: str | None


class PlanCounts(TypedDict):
    """A plan in counts of rows, as `publishing.planning.Plan` is kept; one per publication.

    Records of earlier versions lack the keys that may be absent.
    """

    rows: int
    inserts: int
    updates: int
    updates_by_column: dict[str, int]
    first_fills: int
    first_fills_by_column: dict[str, int]
    deletes: int
    held_back: int
    unchanged: int
    dead_columns: list[str]
    rows_by_partition: dict[str, int]
    kept: NotRequired[int]
    rows_before: NotRequired[int]
    common_keys: NotRequired[int]
    guarded_updates: NotRequired[int]
    emptied_columns: NotRequired[list[str]]
    new_columns: NotRequired[list[str]]
    surplus: NotRequired[int]


class PlanRecord(PlanCounts):
    """A publication's plan, with what it was made from; one per publication.

    `extracts` are ids, `files` is the hash of the plan's files, `marks` are the portal's of each 4x4
    before it was planned. `aside` says that it proves nothing but itself. `refused_by_change` counts
    refused rows by kind of change, once the portal has answered.
    """

    extracts: list[str]
    source: str
    grain: NotRequired[str]
    marks: NotRequired[dict[str, PortalMarks]]
    aside: NotRequired[bool]
    files: str
    refused_by_change: NotRequired[dict[str, int]]


class SignatureRecord(TypedDict):
    """One named person's act on one publication, as its receipt has it; times UTC, ISO 8601."""

    publication_id: str
    act: str
    signed_by: str
    content_hash: str
    reason: str
    signed_at: str


class RefusedCount(TypedDict):
    """How many rows of a chunk a portal did not take for one reason; `rows` is a count."""

    column: str | None
    reason: str
    rows: int


class ChunkReceipt(TypedDict):
    """How far one chunk of a publication came, as its receipt has it; `rows` is a count."""

    kind: str
    number: int
    is_repair: bool
    partition: str
    rows: int
    state: str
    moved_at: str
    attempts: Any
    settled: Any
    request_ids: list[str] | None
    refused: list[RefusedCount]


class CheckRecord(TypedDict):
    """One figure of one 4x4: what should be there and what was found, as text."""

    portal_id: str
    what: str
    expected: str
    found: str
    holds: bool


class VerificationRecord(TypedDict):
    """How a publication was proven: its figures, counts of rows, and hashes by 4x4; no key."""

    checks: list[CheckRecord]
    rows_read_back: int
    rows_sampled: int
    rows_differing: dict[str, int]
    hashes: dict[str, str]


class ReceiptBody(TypedDict):
    """What a receipt says of one publication that has ended; no key of a row and no cell.

    Hashes are SHA-256 in hex; `newest_extract_at` is city time, `times` are UTC, ISO 8601, none where
    it did not come so far.
    """

    publication: str
    kind: str
    state: str
    target: str
    asked_by_run: str
    held_because: list[str]
    signatures: list[SignatureRecord]
    released_by: str | None
    extracts: list[str]
    newest_extract_at: str
    layer: str
    content_hash: str
    rules_hash: str
    suite_hashes: dict[str, str]
    files_hash: str
    plan: PlanCounts
    rows_refused: int
    chunks: list[ChunkReceipt]
    verification: VerificationRecord | None
    metadata_changed: list[str]
    failure: str | None
    times: dict[str, str | None]


class RateRecord(TypedDict):
    """How many were wrong of how many checked, and what that says of all, as `review.audit.Rate`.

    `rate`, `low` and `high` are shares, 0 to 1; the others count rows or cells.
    """

    wrong: int
    checked: int
    rate: float
    low: float
    high: float
    probably: int
    at_least: int
    at_most: int


class Estimate(TypedDict):
    """The error rates of a checked sample: of rows, of cells, and of each column's cells.

    `population`, `sampled` and `unsure` count rows; `confidence` is that of the intervals, 0 to 1.
    """

    population: int
    sampled: int
    unsure: int
    is_whole: bool
    confidence: float
    rows: RateRecord
    cells: RateRecord
    columns: dict[str, RateRecord]
    notes: list[str]


class AuditResult(Estimate):
    """What a read audit says; one per audit. `sample` is the id of its questionnaire."""

    sample: str
    seed: int
