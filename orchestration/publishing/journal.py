"""The journal of one dataset on one portal: what was planned, sent and proven, and its files.

Files of a publication, immutable, under `publications/<dataset>/<publication id>/`: those that
`planning` names. Where rows were refused, `<publication id>-outcome/` holds the snapshot of what is
really there and `refused.parquet` (`row_key`, `column_name`, `value`, `reason`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.dataset import Dataset
from orchestration.layers import finish_folder, hash_folder
from orchestration.publishing.planning import FILES, Plan
from orchestration.publishing.senders import Part
from orchestration.settings import Settings
from orchestration.state.chunks import ChunkId, ChunkRecord, RefusedRow
from orchestration.state.records import PortalMarks
from orchestration.state.store import FINISHED, Layer, Publication, State, new_id, now

if TYPE_CHECKING:
    # Reports read the journal too, and must not load a portal's client for it.
    from orchestration.publishing.targets import Target

OPEN = ("planned", "released", "sent")
"""What a dead process can leave behind; the next one ends it."""
WAITING = ("held", "stopped")
"""What waits for people."""
STORY = ("changes.parquet", "refused.parquet")
"""The files that are kept for good: which publication touched which key, and what was refused."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a plan was made from: a gated layer, or an older publication of one."""

    layer_id: str
    content_hash: str
    newest_extract_at: str
    source: str
    grain: str
    extracts: tuple[str, ...]

    @classmethod
    def of_layer(cls, layer: Layer, raw: Layer) -> "Content":
        """The content of a deduplicated layer; `raw` is the one that it was made from."""
        return cls(
            layer_id=layer.id,
            content_hash=layer.content_hash,
            newest_extract_at=raw.facts["extracted_at"],
            source=raw.facts["source"],
            grain=raw.facts.get("grain", ""),
            extracts=tuple(raw.facts["extracts"]),
        )

    @classmethod
    def of_publication(cls, earlier: Publication, *, newest_extract_at: str) -> "Content":
        """The content of an earlier publication, as of a later time."""
        return cls(
            layer_id=earlier.layer_id,
            content_hash=earlier.content_hash,
            newest_extract_at=newest_extract_at,
            source=earlier.plan["source"],
            grain=earlier.plan.get("grain", ""),
            extracts=tuple(earlier.plan["extracts"]),
        )


class Journal:
    """One dataset on one target; the publication lease is the caller's."""

    def __init__(
        self, settings: Settings, state: State, dataset: Dataset, target: "Target"
    ) -> None:
        self._settings = settings
        self._state = state
        self._dataset = dataset
        self._target = target

    def publications(self, *states: str) -> list[Publication]:
        """Publications to this target in these states, oldest first; all where none is named."""
        return self._state.publications(
            self._dataset.id, target=self._target.name, states=states or None
        )

    def find(self, publication_id: str) -> Publication | None:
        """The publication of that id, where it went to this target."""
        return next((one for one in self.publications() if one.id == publication_id), None)

    def last_finished(self) -> Publication | None:
        """The newest publication that was proven."""
        finished = self.publications(*FINISHED)
        return finished[-1] if finished else None

    def last_kind(self) -> str | None:
        """The kind of the newest proven publication; a takedown is nobody's wish for a content."""
        kinds = [one.kind for one in self.publications(*FINISHED) if one.kind != "takedown"]
        return kinds[-1] if kinds else None

    def unproven(self) -> list[Publication]:
        """What may have left rows on the portal since all of it was proven last."""
        proven = [one for one in self.publications(*FINISHED) if not is_aside(one)]
        return [
            one
            for one in self.publications("released", "sent", "failed")
            if (not proven or one.planned_at > proven[-1].planned_at)
            and any(chunk.may_be_there for chunk in self._state.chunks(one.id))
        ]

    def refused(self, publication: Publication) -> list[RefusedRow]:
        """What the portal said it did not take."""
        return [row for chunk in self._state.chunks(publication.id) for row in chunk.refused]

    def chunks(self, publication: Publication) -> dict[ChunkId, ChunkRecord]:
        """How far each part of a publication came."""
        return {chunk.id: chunk for chunk in self._state.chunks(publication.id)}

    def note(
        self,
        publication: Publication,
        part: Part,
        state: str,
        answer: Mapping[str, Any] | None = None,
        /,
    ) -> None:
        """Notes how far a part of a publication is."""
        self._state.move_chunk(
            publication.id,
            part.id,
            partition=part.partition,
            rows=part.rows,
            state=state,
            answer=answer,
        )

    def with_drafts(self) -> list[Publication]:
        """Publications that have drafts on the portal, whatever became of them."""
        left = self._state.with_open_drafts(self._dataset.id)
        return [one for one in self.publications() if one.id in left] if left else []

    def waiting_with(self, files: str) -> Publication | None:
        """A publication that waits for people with exactly these files, if there is one."""
        waiting = [one for one in self.publications(*WAITING) if one.plan["files"] == files]
        return waiting[-1] if waiting else None

    def record(
        self,
        content: Content,
        plan: Plan,
        folder: Path,
        *,
        run_id: str,
        kind: str,
        rules_hash: str,
        marks: Mapping[str, PortalMarks] | None = None,
        aside: bool = False,
    ) -> Publication:
        """Keeps a plan's files and records the publication as `planned`.

        `marks` are the portal's own from before it was planned. `aside` says that what is sent is
        another plan, which leaves others' edits as they are, so that it proves nothing else.
        """
        publication_id = new_id()
        kept = self._settings.publications / self._dataset.id / publication_id
        finish_folder([folder / f"{name}.parquet" for name in FILES], kept)
        publication = Publication(
            id=publication_id,
            dataset=self._dataset.id,
            target=self._target.name,
            state="planned",
            content_hash=content.content_hash,
            layer_id=content.layer_id,
            run_id=run_id,
            newest_extract_at=content.newest_extract_at,
            plan={
                # The plan itself has no count of refused rows, which mypy cannot know.
                **plan.as_json(),  # type: ignore[typeddict-item]
                "extracts": list(content.extracts),
                "source": content.source,
                "grain": content.grain,
                "marks": dict(marks or {}),
                "aside": aside,
                "files": hash_folder(kept),
            },
            path=str(kept.relative_to(self._settings.home)),
            released_by=None,
            planned_at=now(),
            released_at=None,
            sent_at=None,
            verified_at=None,
            kind=kind,
            rules_hash=rules_hash,
        )
        self._state.add_publication(publication)
        return publication

    def move(self, publication: Publication, state: str, **values: Any) -> Publication:
        """Moves a publication to another state; gives it as it is then."""
        self._state.move_publication(publication.id, state=state, **values)
        return replace(publication, state=state, **values)

    def folder(self, publication: Publication) -> Path:
        """Where the files of a publication are."""
        return self._settings.home / publication.path


def refused_file(settings: Settings, publication: Publication) -> Path | None:
    """The rows that could not be published, where there were any."""
    if publication.outcome_path is None:
        return None
    return settings.home / publication.outcome_path / "refused.parquet"


def is_aside(publication: Publication) -> bool:
    """Whether it took something down beside somebody's edits: a measure of ours, not a proof."""
    return bool(publication.plan.get("aside"))


def plan_of(publication: Publication) -> Plan:
    """The plan in counts, as it was recorded."""
    fields = Plan.__dataclass_fields__
    values: Mapping[str, Any] = publication.plan
    return Plan(**{name: value for name, value in values.items() if name in fields})


def grain_of(publication: Publication | None) -> str | None:
    """What one line was when it was published, where that is known."""
    return (publication.plan.get("grain") or None) if publication else None
