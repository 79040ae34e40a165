"""The plain way: pandas for the cleaning, Great Expectations on the frames, CSV between the steps."""

import re
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


def _suite() -> list[Any]:
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
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="closed_at",
            column_B="created_at",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
        ),
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
        for name in ("item_number", "disposition_text", "beat_code", "zip_code", "location"):
            changed = before[name].fillna("").str.strip() != frame[name].fillna("")
            before.loc[changed, ["item_number", name]].to_csv(
                folder / f"pandas-{re.sub('[^a-z]', '', name)}.csv", index=False
            )
    with steps.step("standardized suite"):
        validate(frame, _suite(), "standardized")
    with steps.step("deduplicate"):
        mart = frame.drop_duplicates().sort_values("item_number")
        mart.to_csv(folder / "pandas-mart.csv", index=False)
    with steps.step("publishable suite"):
        validate(mart, [gxe.ExpectColumnValuesToBeUnique(column="item_number")], "publishable")
    steps.report()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
