"""Our own Great Expectations: registered by importing this module, before any suite is loaded.

There is one class per function of `row_queries.py`, which says the SQL, the arguments and what is
expected: `expect_block_address` there is `ExpectBlockAddress` here. `load_gx_suite` is how a notebook
opens a suite file. Great Expectations alone drops an expectation of a type that it does not know with
a line in a log, and the suite would pass with fewer rules than its file holds.
"""

from collections.abc import Callable
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, ClassVar

import great_expectations as gx
import great_expectations.expectations as gxe
from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from orchestration.errors import ConfigurationError
from orchestration.gates.row_queries import QUERIES, QUERY, filled
from orchestration.yaml_text import parse_yaml


class RowQuery(gxe.UnexpectedRowsExpectation):  # type: ignore[misc]
    """An expectation whose query follows from its own arguments."""

    unexpected_rows_query: str = ""
    own: ClassVar[frozenset[str]] = frozenset()
    library_metadata: ClassVar[dict[str, Any]] = {
        "maturity": "PRODUCTION",
        "tags": ["duckdb"],
        "contributors": ["Summerware"],
    }

    @pydantic.root_validator(pre=True)  # type: ignore[untyped-decorator]
    def _ask(cls, values: dict[str, Any]) -> dict[str, Any]:
        said = filled({name: value for name, value in values.items() if name in cls.own})
        return {**values, QUERY: QUERIES[cls.expectation_type](**said)}


def _expectation(query: Callable[..., str]) -> type[RowQuery]:
    """The class of a query. Each text may be a suite parameter, given when the suite is validated."""
    arguments = signature(query).parameters
    types = {
        name: SuiteParameterDict | str if one.annotation is str else one.annotation
        for name, one in arguments.items()
    }
    defaults = {
        name: one.default for name, one in arguments.items() if one.default is not Parameter.empty
    }
    name = "".join(word.capitalize() for word in query.__name__.split("_"))
    return type(
        name,
        (RowQuery,),
        {
            "__doc__": query.__doc__,
            "__module__": __name__,
            "__annotations__": types,
            "own": frozenset(types),
            **defaults,
        },
    )


EXPECTATIONS = {one.__name__: one for one in map(_expectation, QUERIES.values())}
"""Our own expectation classes by name; each may be imported from here, too."""


def __getattr__(name: str) -> type[RowQuery]:
    try:
        return EXPECTATIONS[name]
    except KeyError:
        raise AttributeError(name) from None


def load_gx_suite(*paths: Path) -> gx.ExpectationSuite:
    """One suite of all expectations of these files, such as a common suite and a dataset's own.

    Raises:
        ConfigurationError: Great Expectations does not know the type of one; names file and type.
    """
    contents = {path: parse_yaml(path.read_text(encoding="utf-8")) for path in paths}
    suite = gx.ExpectationSuite(name=" + ".join(one["name"] for one in contents.values()))
    for path, content in contents.items():
        loaded = gx.ExpectationSuite(**content).expectations
        if len(loaded) != len(content["expectations"]):
            known = {one.expectation_type for one in loaded}
            lost = sorted({str(one.get("type")) for one in content["expectations"]} - known)
            raise ConfigurationError(
                f"{path}: Great Expectations knows no {', '.join(lost)}; it would leave out "
                f"{len(content['expectations']) - len(loaded)} of the suite's rules"
            )
        suite.expectations += loaded
    return suite
