"""The cleaning of calls in plain DuckDB SQL, as somebody would write it who needs nothing else."""

from pathlib import Path

TEXTS = {
    "item_number": "NOPD_Item",
    "call_type_code": "Type",
    "call_type_text": "TypeText",
    "priority_code": "Priority",
    "initial_call_type_code": "InitialType",
    "initial_call_type_text": "InitialTypeText",
    "initial_priority_code": "InitialPriority",
    "disposition_code": "Disposition",
    "disposition_text": "DispositionText",
    "beat_code": "Beat",
    "block_address": "BLOCK_ADDRESS",
    "zip_code": "Zip",
    "police_district_code": "PoliceDistrict",
    "location": "Location",
}
TIMES = {
    "created_at": "TimeCreate",
    "dispatched_at": "TimeDispatch",
    "arrived_at": "TimeArrive",
    "closed_at": "TimeClosed",
}
NUMBERS = {"map_x_feet": "MapX", "map_y_feet": "MapY"}
COLUMNS = [*TEXTS, *TIMES, *NUMBERS, "is_self_initiated"]
_STANDARD = {
    "item_number": "upper({})",
    "disposition_text": "upper({})",
    "beat_code": "case when {0} = 'None' then null when {0} like '%E+%' "
    "then left({0}, 1) || 'E' || right({0}, 2) else {0} end",
    "zip_code": "nullif({}, 'None')",
    "location": "nullif({}, 'POINT (0 0)')",
}


def extract_file(folder: Path) -> Path:
    """The one extract."""
    return next((folder / "extract" / "calls_for_service").glob("*.csv"))


def read(folder: Path) -> str:
    """The extract as a table of text."""
    return f"read_csv('{extract_file(folder)}', all_varchar = true, header = true)"


def cleaned(source: str, *, names: bool = False) -> str:
    """Select list parts that clean a source; `names` where it already has our names."""

    def cell(name: str, heading: str) -> str:
        return name if names else f'"{heading}"'

    parts = []
    for name, heading in TEXTS.items():
        text = f"regexp_replace(nullif(trim({cell(name, heading)}), ''), '\\s+', ' ', 'g')"
        parts.append(f"{_STANDARD.get(name, '{}').format(text)} as {name}")
    for name, heading in TIMES.items():
        parts.append(f"try_strptime(trim({cell(name, heading)}), '%m/%d/%Y %H:%M') as {name}")
    for name, heading in NUMBERS.items():
        parts.append(
            f"nullif(try_cast({cell(name, heading)} as double), "
            f"{37369000 if name == 'map_x_feet' else 3513814}) as {name}"
        )
    parts.append(f"{cell('is_self_initiated', 'SelfInitiated')} = 'Y' as is_self_initiated")
    return f"select {', '.join(parts)} from {source}"


PREDICATES = [
    "item_number is null",
    "not regexp_matches(item_number, '^[A-L][0-9]{7}$')",
    "created_at is null",
    "created_at < timestamp '2010-01-01'",
    "coalesce(arrived_at, closed_at) < created_at",
    "arrived_at < dispatched_at",
    "closed_at < created_at",
    "not regexp_matches(priority_code, '^[0-3][A-Z]$')",
    "not regexp_matches(initial_priority_code, '^[0-3][A-Z]$')",
    "not regexp_matches(beat_code, '^[1-8][A-Z][0-9]{2}$')",
    "not regexp_matches(zip_code, '^70[0-9]{3}$')",
    "police_district_code not in ('0','1','2','3','4','5','6','7','8')",
    "police_district_code = '0'",
    "left(beat_code, 1) <> police_district_code",
    "map_x_feet not between 3600000 and 3800000",
    "map_y_feet not between 450000 and 620000",
    "not regexp_matches(location, 'POINT')",
    "regexp_matches(block_address, '(^|[^0-9A-Za-z])[0-9]+ +[A-Za-z]')",
    "location is not null and initial_call_type_text in ('AGGRAVATED RAPE', 'MENTAL PATIENT')",
    "call_type_text in ('MISSING JUVENILE', 'JUVENILE ATTACHMENT')",
    "call_type_code is null",
    "call_type_text is null",
    "block_address is null",
    "length(block_address) > 100",
    "length(call_type_text) > 100",
    "dispatched_at < created_at",
    "disposition_code is null",
    "closed_at < arrived_at",
    "regexp_matches(block_address, 'Ã.|Â.')",
]
