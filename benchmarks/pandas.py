"""The plain way: pandas for the cleaning, Great Expectations on the frames, CSV between the steps."""

import sys
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd

from benchmarks.bare_sql import NUMBERS, TEXTS, TIMES, extract_file
from benchmarks.steps import Steps


def read(path: Path) -> Any:
    """The extract as a frame of text under our names."""
    headings = {**TEXTS, **TIMES, **NUMBERS, "is_self_initiated": "SelfInitiated"}
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    return frame.rename(columns={heading: name for name, heading in headings.items()})


def standardize(frame: Any) -> Any:
    """Trims, collapses, parses, repairs."""
    for name in TEXTS:
        frame[name] = frame[name].str.strip().str.replace(r"\s+", " ", regex=True)
    frame["item_number"] = frame["item_number"].str.upper()
    frame["disposition_text"] = frame["disposition_text"].str.upper()
    frame["beat_code"] = frame["beat_code"].replace("None", None)
    frame["beat_code"] = frame["beat_code"].str.replace(
        r"^(\d)\.0+E\+(\d\d)$", r"\1E\2", regex=True
    )
    frame["zip_code"] = frame["zip_code"].replace("None", None)
    frame["location"] = frame["location"].replace("POINT (0 0)", None)
    for name in TIMES:
        frame[name] = pd.to_datetime(frame[name], format="%m/%d/%Y %H:%M", errors="coerce")
    for name in NUMBERS:
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    frame["is_self_initiated"] = frame["is_self_initiated"] == "Y"
    return frame


def validate(frame: Any, expectations: list[Any], name: str) -> None:
    """Runs one suite on a frame."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    validation = context.validation_definitions.add(
        gx.ValidationDefinition(
            name=name, data=asset.add_batch_definition_whole_dataframe("all"), suite=suite
        )
    )
    validation.run(
        batch_parameters={"dataframe": frame},
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": ["item_number"],
        },
    )


def _rows_that_hold(frame: Any) -> dict[str, Any]:
    """The rules that look at several columns, as columns of their own."""
    minute = frame["created_at"].dt.floor("min")
    listed = frame["initial_call_type_text"].isin(["AGGRAVATED RAPE", "MENTAL PATIENT"])
    times = {name: frame[name] for name in TIMES}
    return {
        "arrived_after_creation": ~(times["arrived_at"] < minute),
        "closed_after_creation": ~(times["closed_at"] < minute),
        "arrived_after_dispatch": ~(times["arrived_at"] < times["dispatched_at"]),
        "created_plausibly": times["created_at"] > "2010-01-01",
        "beat_in_district": frame["beat_code"].str[0].fillna("") == frame["police_district_code"],
        "map_x_in_parish": frame["map_x_feet"].between(3.6e6, 3.8e6),
        "map_y_in_parish": frame["map_y_feet"].between(4.5e5, 6.2e5),
        "sensitive_without_location": ~(listed & frame["location"].notna()),
        "one_place_per_call": frame.groupby("item_number")["location"].transform("nunique") < 2,
    }


def _suite(held: list[str]) -> list[Any]:
    districts = [str(number) for number in range(9)]
    patterns = {
        "item_number": r"^[A-L][0-9]{7}$",
        "priority_code": r"^[0-3][A-Z]$",
        "initial_priority_code": r"^[0-3][A-Z]$",
        "beat_code": r"^[1-8][A-Z][0-9]{2}$",
        "zip_code": r"^70[0-9]{3}$",
    }
    return [
        *(gxe.ExpectColumnValuesToNotBeNull(column=name) for name in ("item_number", "created_at")),
        *(
            gxe.ExpectColumnValuesToMatchRegex(column=name, regex=regex)
            for name, regex in patterns.items()
        ),
        gxe.ExpectColumnValuesToNotMatchRegex(
            column="block_address", regex=r"(^|[^0-9A-Za-z])[0-9]+ +[A-Za-z]"
        ),
        gxe.ExpectColumnValuesToBeInSet(column="police_district_code", value_set=districts),
        *(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[True]) for name in held),
    ]


def main(folder: Path) -> None:
    """Runs and times the steps."""
    steps = Steps()
    with steps.step("read"):
        frame = read(extract_file(folder))
    with steps.step("raw suite"):
        validate(frame, [gxe.ExpectColumnValuesToNotBeNull(column="item_number")], "raw")
    with steps.step("standardize"):
        before = frame.copy()
        frame = standardize(frame)
        frame.to_csv(folder / "pandas-standardized.csv", index=False)
    with steps.step("corrections"):
        for name in (*TEXTS, *NUMBERS):
            changed = before[name].fillna("").str.strip() != frame[name].fillna("").astype(str)
            both = {"item_number": frame["item_number"], "before": before[name]}
            pd.DataFrame({**both, "after": frame[name]})[changed].to_csv(
                folder / f"pandas-corrections-{name}.csv", index=False
            )
    with steps.step("standardized suite"):
        held = _rows_that_hold(frame)
        validate(frame.assign(**held), _suite(list(held)), "standardized")
    with steps.step("deduplicate and ledger"):
        repeats = frame.duplicated()
        ledger = pd.DataFrame({"item_number": frame["item_number"], "repeat": repeats})
        ledger.sort_values("item_number").to_csv(folder / "pandas-ledger.csv")
        mart = frame[~repeats].sort_values("item_number")
        mart.to_csv(folder / "pandas-mart.csv", index=False)
    with steps.step("publishable suite"):
        validate(mart, [gxe.ExpectColumnValuesToBeUnique(column="item_number")], "publishable")
    with steps.step("difference and snapshot"):
        baseline = mart.head(0)
        joined = mart.merge(baseline[["item_number"]], on="item_number", how="left", indicator=True)
        joined[joined["_merge"] == "left_only"].to_csv(folder / "pandas-upserts.csv", index=False)
        mart.to_csv(folder / "pandas-snapshot.csv", index=False)
    steps.report()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
