"""Protocol 7.1, line by line: the checks of the probe hold for our own portal, each on its own.

What the probe does not try on a real domain, because it needs datasets made and dropped, TLS or
another login, is in the files named in `ELSEWHERE`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.portal.probe.checks import CHECKS
from orchestration.portal.probe.scratch import Access, Scratch, make_scratch

LINES = {
    "atomic request": ["request_is_atomic", "broken_json_stores_nothing"],
    "merge vs null": ["absent_field_keeps_its_value", "null_clears"],
    ":deleted strict boolean": ["true_deletes", "only_true_deletes", "list_of_a_key_deletes"],
    "duplicates in a request": ["same_key_twice_goes_in_order", "delete_then_insert_keeps_order"],
    "type table": [
        "numbers_are_exact_strings",
        "local_times_have_milliseconds",
        "bad_values_are_never_stored",
        "structured_values_come_back",
    ],
    "silent nulls": ["unreadable_location_becomes_null"],
    "Errors non-fatal": ["row_errors_are_not_fatal", "missing_key_is_a_row_error"],
    "PUT truncates": [
        "replace_empties_first",
        "replace_with_nothing_empties",
        "replace_takes_an_array_only",
    ],
    "single object answer": ["single_object_answers_the_row"],
    "row GET/DELETE": ["row_is_read_by_its_key", "row_is_deleted_by_its_key"],
    "missing Content-Type": ["other_content_types_are_refused", "zipped_body_is_read"],
    "CSV": ["csv_is_upserted", "csv_deletes"],
    "nulls omitted": ["nulls_are_left_out"],
    "system fields": ["system_fields_only_when_asked", "identical_update_moves_the_version"],
    "default limit": ["default_limit_is_1000"],
    "SoQL": ["aggregates_have_their_names", "groups_can_be_filtered", "conditions_work"],
    "headers": ["reads_have_their_headers"],
    "metadata": ["metadata_has_its_shape"],
    "request ids": ["answers_have_request_ids"],
    "auth": ["writing_needs_a_login"],
    "names, NUL, errors": [
        "names_match_caselessly",
        "nul_is_stripped",
        "bad_queries_are_refused",
        "unknown_dataset_is_a_404",
    ],
}
ELSEWHERE = {
    "no-key insert duplicates": ("test_upsert.py", "test_without_identifier_rows_are_always_new"),
    "unknown column 400": ("test_upsert.py", "test_one_bad_row_refuses_the_request"),
    "counters": ("test_upsert.py", "test_counters_say_how_rows_were_addressed"),
    "$$version=2.0": ("test_upsert.py", "test_version_two_names_the_failed_row"),
    "bad token, OAuth": ("test_access.py", "test_unknown_app_token_is_refused"),
    "unordered pages": ("test_soql.py", "test_without_order_rows_do_not_come_as_inserted"),
    "4x4 ids": ("test_views.py", "test_metadata_of_a_new_dataset"),
    "setPermission, publication": ("test_views.py", "test_publication_and_permission_show"),
    "delete view": ("test_views.py", "test_dropped_dataset_is_gone"),
    "replica lag": ("test_replica.py", "test_reads_see_a_write_after_the_lag"),
    "switches": ("test_switches.py", "test_"),
    "faults": ("../../integration/test_portal_faults.py", "test_"),
    "TLS": ("../../integration/test_portal_server.py", "test_tls_"),
}


@pytest.fixture(scope="module")
def scratch(portal):
    access = Access(base=portal.url, username="local", password="local", app_token="local")
    found = Scratch(access, make_scratch(access))
    found.require()
    yield found
    found.close()


@pytest.mark.parametrize("name", CHECKS)
def test_claim_holds(scratch, name):
    """The claim, and its paragraph, are the check's own."""
    CHECKS[name].run(scratch)


def test_every_check_belongs_to_a_line():
    """The list above has each check, and no other."""
    assert sorted(name for names in LINES.values() for name in names) == sorted(CHECKS)
    assert all(one.claim and one.paragraph for one in CHECKS.values())


@pytest.mark.parametrize("line", ELSEWHERE)
def test_the_other_lines_are_tested_elsewhere(line):
    """The test that a line of the list names is there."""
    file, test = ELSEWHERE[line]
    assert f"def {test}" in (Path(__file__).parent / file).read_text(encoding="utf-8")
