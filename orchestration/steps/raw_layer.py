"""Makes the raw layer of a run: which extracts it stands on, and what they claim to hold.

`complete` extracts: the newest one at hand. `window` extracts: the newest, too, where its window
reaches back to the last published one. Otherwise, and for `increment` extracts: every one that no
publication holds yet, with all that came after the oldest of them, so that no older version of a
row wins; where nothing is new, the newest again. An extract with lines that waited for a person is
as good as new once somebody classified anything: no row is lost for waiting. Discarded extracts are
never used. The files are links to the landed extracts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from orchestration.classification.in_force import classes_in_force
from orchestration.dataset import Dataset
from orchestration.errors import Fault
from orchestration.layers import finish_layer, workspace
from orchestration.settings import Settings
from orchestration.sources import FoundExtract, Source
from orchestration.sources.counting import count_keys, count_keys_by_day
from orchestration.sources.landing import ROWS, land
from orchestration.state.records import LayerFacts
from orchestration.state.store import Extract, Layer, State
from orchestration.tombstones.tombstones import load_tombstones


@dataclass(frozen=True, kw_only=True)
class RawOutcome:
    """The raw layer of a run, and whether any of its extracts is new."""

    layer: Layer
    extracts: list[Extract]
    is_new: bool


def make_raw_layer(
    settings: Settings,
    state: State,
    dataset: Dataset,
    source: Source,
    *,
    as_of: date | None,
    run_id: str,
) -> RawOutcome | None:
    """Lands what the source has and links this run's extracts; none where there is no extract."""
    landed: dict[str, Extract] = {}
    asked = _without_erased(settings, state, dataset)
    for group in _to_land(dataset, _find(state, asked, source, as_of)):
        for found in group:
            before = state.extract(found.landed_as) if found.landed_as else None
            extract = before or land(settings, state, dataset, found, source=source.name)
            source.has_landed(asked, found, extract.id)
            landed[extract.id] = extract
        if any(extract.discarded_at is None for extract in landed.values()):
            break
    due = _due_again(settings, state, dataset)
    published = _published_extracts(state, dataset) - due
    known = state.extracts(dataset.id, source=source.name)
    if dataset.source.kind != "complete":
        # A file that is at hand may be read anew, after a change of the dataset file; the rows of
        # its former reading would all be there twice.
        read = {extract.file_hash for extract in landed.values()}
        for extract in reversed(known):
            is_due = as_of is None or date.fromisoformat(extract.extracted_at[:10]) <= as_of
            if is_due and extract.id not in published and extract.file_hash not in read:
                landed[extract.id] = extract
                read.add(extract.file_hash)
    done = [extract.extracted_at for extract in known if extract.id in published | due]
    chosen = _chosen(
        dataset, sorted(landed.values(), key=_age), published, [] if due else done[-1:]
    )
    if not chosen:
        return None
    return RawOutcome(
        layer=_link(settings, state, dataset, chosen, run_id),
        extracts=chosen,
        is_new=any(extract.id not in published for extract in chosen),
    )


def _without_erased(settings: Settings, state: State, dataset: Dataset) -> Dataset:
    """The dataset as a source is asked for it: what an order erased is kept by nobody any more."""
    erased = load_tombstones(settings, state, dataset).erased_columns
    columns = [
        column.model_copy(update={"privacy": "never", "keep_internal": False})
        if column.name in erased
        else column
        for column in dataset.columns
    ]
    return dataset.model_copy(update={"columns": tuple(columns)})


def _find(state: State, dataset: Dataset, source: Source, as_of: date | None) -> list[FoundExtract]:
    """What the source has; what it says is landed, and a restored state does not know, it gets anew."""
    found = list(source.find(dataset, as_of=as_of))
    lost = [one for one in found if one.landed_as and state.extract(one.landed_as) is None]
    for one in lost:
        one.path.unlink(missing_ok=True)
    return list(source.find(dataset, as_of=as_of)) if lost else found


def _age(extract: Extract) -> tuple[str, str]:
    return extract.extracted_at, extract.content_hash


def _to_land(dataset: Dataset, found: list[FoundExtract]) -> list[list[FoundExtract]]:
    """Groups of which the first is enough, unless it turns out to be discarded.

    Of complete extracts only the newest is worth landing; at the same time, content decides.
    """
    found.sort(key=lambda extract: (extract.extracted_at, extract.path.name))
    if dataset.source.kind != "complete":
        return [found]
    moments = sorted({extract.extracted_at for extract in found}, reverse=True)
    return [[extract for extract in found if extract.extracted_at == one] for one in moments]


def _published_extracts(state: State, dataset: Dataset) -> set[str]:
    return {
        extract_id
        for publication in state.publications(dataset.id, states=("verified", "unchanged"))
        for extract_id in publication.plan["extracts"]
    }


def _due_again(settings: Settings, state: State, dataset: Dataset) -> set[str]:
    """Extracts of which lines waited for a person, judged by other classes than those of today."""
    layer = state.newest_layer(dataset.id, "deduplicated")
    waiting = layer.facts.get("waiting", {}) if layer else {}
    if not waiting:
        return set()
    classes = classes_in_force(settings, state, dataset).hash
    return {extract_id for extract_id, classes_hash in waiting.items() if classes_hash != classes}


def _chosen(
    dataset: Dataset, extracts: Sequence[Extract], published: set[str], last_done: list[str]
) -> list[Extract]:
    usable = [extract for extract in extracts if extract.discarded_at is None]
    if not usable or dataset.source.kind == "complete":
        return usable[-1:]
    new = [extract for extract in usable if extract.id not in published]
    if not new or (last_done and _reaches_back(dataset, usable[-1], last_done[0])):
        return usable[-1:]
    return [extract for extract in usable if extract.extracted_at >= new[0].extracted_at]


def _reaches_back(dataset: Dataset, newest: Extract, last_done: str) -> bool:
    """Whether a window holds everything since the last extract that was published."""
    if dataset.source.window is None:
        return False
    window = timedelta(days=dataset.source.window.days)
    return datetime.fromisoformat(last_done) >= datetime.fromisoformat(newest.extracted_at) - window


def _link(
    settings: Settings, state: State, dataset: Dataset, extracts: list[Extract], run_id: str
) -> Layer:
    with workspace(settings, run_id, f"{dataset.id}-raw") as folder:
        files = []
        for extract in extracts:
            link = folder / f"{extract.id}.parquet"
            try:
                link.hardlink_to(settings.home / extract.path / ROWS)
            except FileNotFoundError:
                raise Fault(
                    f"{dataset.id}: the landed extract {extract.id} ({extract.file_name}) is gone "
                    "before it was published; put its file back and run again"
                ) from None
            files.append(link)
        return finish_layer(
            settings,
            state,
            dataset=dataset.id,
            layer="raw",
            run_id=run_id,
            upstream=None,
            facts=_facts(dataset, extracts, files),
            files=files,
        )


def _facts(dataset: Dataset, extracts: list[Extract], files: list[Path]) -> LayerFacts:
    newest = extracts[-1]
    return {
        "extracts": [extract.id for extract in extracts],
        "files": [extract.file_name for extract in extracts],
        "source": newest.source,
        "extracted_at": newest.extracted_at,
        "time_source": newest.time_source,
        "grain": newest.grain,
        "lines": sum(extract.lines for extract in extracts),
        "unparseable": sum(extract.unparseable for extract in extracts),
        "columns": sorted({name for extract in extracts for name in extract.columns}),
        "keys": count_keys(dataset, files, spill=files[0].parent),
        "keys_by_day": count_keys_by_day(dataset, files, spill=files[0].parent),
    }
