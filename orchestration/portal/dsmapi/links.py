"""The links in every answer: clients follow them, placeholders included, and build no path."""

from __future__ import annotations

from typing import Any

BASE = "/api/publishing/v1"


def revision_links(fourfour: str, sequence: int) -> dict[str, Any]:
    """What can be done with a revision."""
    here = f"{BASE}/revision/{fourfour}/{sequence}"
    return {
        "show": here,
        "update": here,
        "discard": here,
        "create_source": f"{here}/source",
        "list_sources": f"{here}/source",
        "apply": f"{here}/apply",
        "plan": f"{here}/plan",
    }


def source_links(number: int) -> dict[str, Any]:
    """What can be done with a source, and below it with its schemas."""
    here = f"{BASE}/source/{number}"
    return {
        "show": here,
        "bytes": here,
        "update": here,
        "add_to_revision": here,
        "initiate": f"{here}/initiate",
        "chunk": f"{here}/chunk/{{seq_num}}/{{byte_offset}}",
        "commit": f"{here}/chunk/{{seq_num}}/{{byte_offset}}/commit",
        "show_input_schema": f"{here}/schema/{{input_schema_id}}",
        "input_schema_links": input_links(number, "{input_schema_id}"),
    }


def input_links(source: int, number: int | str) -> dict[str, Any]:
    """What can be done with an input schema."""
    here = f"{BASE}/source/{source}/schema/{number}"
    return {
        "show": here,
        "transform": here,
        "latest_output": f"{here}/output/latest",
        "output_schema_links": output_links(source, number, "{output_schema_id}"),
    }


def output_links(source: int, schema: int | str, number: int | str) -> dict[str, Any]:
    """What can be done with an output schema."""
    here = f"{BASE}/source/{source}/schema/{schema}/output/{number}"
    return {
        "show": here,
        "rows": f"{here}/rows",
        "schema_errors": f"{here}/errors",
        "validate_row_id": f"{here}/validate_row_id/{{transform_id}}",
    }


def job_links(number: int) -> dict[str, Any]:
    """What can be done with a job."""
    return {"show": f"{BASE}/job/{number}"}
