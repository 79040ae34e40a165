"""The probe finds what a portal does: our own with switches flipped, and one that misbehaves."""

from __future__ import annotations

from dataclasses import fields

import pytest
import yaml
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.portal.behaviour import Behaviour, read_profile, with_switches
from orchestration.portal.probe.checks import CHECKS
from orchestration.portal.probe.profile import probe
from orchestration.portal.probe.scratch import Access, ProbeError, Scratch, make_scratch
from orchestration.portal.probe.switches import Effort
from orchestration.portal.server import PortalServer

FLIPPED = {
    "bad_values": "count",
    "unknown_columns": "ignore",
    "text_booleans": True,
    "bare_urls": True,
    "us_dates": True,
    "csv_us_dates": False,
    "empty_text": "null",
    "broken_points": 500,
    "counters": "four",
    "errors_counter": "when any",
    "version_two": False,
    "error_keys": "service",
    "error_codes": "truth",
    "errors_are_fatal": True,
    "expected_version": True,
    "unknown_token": "ignore",
    "max_limit": 1234,
    "max_body_bytes": 100_000,
    "throttle_per_minute": 20,
    "retry_after": False,
    "replica_lag_seconds": 0.2,
}
EFFORT = Effort(body_bytes=256 * 1024, requests_without_token=30)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with PortalServer(tmp_path_factory.mktemp("probe")) as running:
        yield running


@pytest.fixture(scope="module")
def access(server):
    base = f"http://{server.address}"
    return Access(base=base, username="local", password="local", app_token="local")


@pytest.fixture
def scratch(server, access):
    found = Scratch(access, make_scratch(access))
    yield found
    found.close()
    server.faults.clear()
    server.behaviour = Behaviour()


@pytest.mark.parametrize("name", FLIPPED)
def test_probe_finds_the_flipped_switch(server, scratch, name):
    """It and no other; every claim still holds, for no switch contradicts one."""
    flips = {name: FLIPPED[name]}
    if name == "retry_after":
        flips["throttle_per_minute"] = 20
    server.behaviour = with_switches(Behaviour(), flips)
    findings = probe(scratch, effort=EFFORT)
    assert findings.differs == {}
    flipped = findings.flipped
    if name == "replica_lag_seconds":
        # Measured by waiting, so not to the digit.
        assert abs(flipped[name] - FLIPPED[name]) < 0.15
        flipped[name] = FLIPPED[name]
    assert flipped == flips


def test_probe_finds_all_of_them_at_once(server, scratch):
    """Whatever can be seen beside the others: a counted bad value hides its code."""
    flips = {k: v for k, v in FLIPPED.items() if k not in ("error_codes", "replica_lag_seconds")}
    server.behaviour = with_switches(Behaviour(), flips)
    findings = probe(scratch, effort=EFFORT)
    assert findings.flipped == flips
    assert "error_codes" not in findings.seen


def test_every_switch_is_probed():
    """TLS is not: a login is never sent in the clear to find out. Nor is the other API."""
    not_probed = {"require_tls", "dsmapi_bad_cells", "dsmapi_approval"}
    assert {item.name for item in fields(Behaviour)} - set(FLIPPED) == not_probed


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        ("wrong-counters:how=doubled", {"true_deletes", "replace_empties_first"}),
        ("500@GET /api/views/", {"metadata_has_its_shape"}),
        ("dropped-chunk@POST /resource/", {"null_clears", "csv_deletes"}),
        ("stale-replica:how=lying", {"null_clears", "default_limit_is_1000"}),
        ("html:status=200@DELETE /resource/", {"row_is_deleted_by_its_key"}),
    ],
)
def test_probe_says_which_claims_differ(server, scratch, fault, names):
    """A server that does something else is found out, and nothing breaks."""
    scratch.require()
    server.faults.add(fault)
    findings_of = {}
    for name in names:
        with pytest.raises(Exception, match=r"\w") as found:
            CHECKS[name].run(scratch)
        findings_of[name] = str(found.value)
    assert set(findings_of) == names
    server.faults.clear()
    for name in names:
        CHECKS[name].run(scratch)


@pytest.mark.parametrize(
    "fault",
    [
        "html:status=200@GET|POST|PUT|DELETE /resource/",
        "500@GET|POST|PUT|DELETE /resource/",
        "wrong-counters:how=zeros",
    ],
)
def test_probe_survives_a_server_of_another_shape(server, scratch, fault):
    """It ends, with what it found: no claim about rows holds that could not be seen."""
    server.faults.add(fault)
    findings = probe(scratch)
    assert {"true_deletes", "csv_deletes", "names_match_caselessly"} <= set(findings.differs)
    assert set(findings.holds) | set(findings.differs) == set(CHECKS)
    assert all(findings.differs.values())


def test_profile_is_loaded_by_a_portal(server, scratch, tmp_path):
    """What one portal was found to be is what another becomes."""
    flips = {"bad_values": "count", "counters": "four", "max_limit": 500}
    server.behaviour = with_switches(Behaviour(), flips)
    path = tmp_path / "profile.yaml"
    probe(scratch).write(path)
    assert read_profile(path) == server.behaviour
    written = yaml.safe_load(path.read_text())
    assert "throttle_per_minute" in written["not_seen"]
    assert all(check["holds"] for check in written["checks"].values())
    with PortalServer(tmp_path / "other", behaviour=read_profile(path)) as other:
        assert other.behaviour == server.behaviour


def test_probe_plays_with_scratch_datasets_only(server, access, scratch):
    """A title without the word, a missing column, no rights: nothing is touched."""
    scratch.call("PUT", f"/api/views/{scratch.fourfour}", json={"name": "Calls for service"})
    scratch.start([{"key": "precious"}])
    with pytest.raises(ProbeError, match="no word `scratch`"):
        probe(scratch)
    assert scratch.rows() == [{"key": "precious"}]
    body = {"name": "scratch", "columns": [{"fieldName": "key", "name": "key"}]}
    other = scratch.call("POST", "/api/views.json", json=body).json()["id"]
    with pytest.raises(ProbeError, match="columns are missing: name"):
        probe(Scratch(access, other))
    viewer = Access(base=access.base, username="viewer", password="viewer", app_token="local")
    scratch.call("PUT", f"/api/views/{scratch.fourfour}", json={"name": "Scratch"})
    with pytest.raises(ProbeError, match="may not write"):
        probe(Scratch(viewer, scratch.fourfour))


def test_command_prints_and_writes(server, scratch, tmp_path, home):
    """`summerware probe` says what holds, which switches are otherwise, and writes the profile."""
    server.behaviour = with_switches(Behaviour(), {"us_dates": True})
    path = tmp_path / "profile.yaml"
    arguments = ["probe", server.address, "--scratch", scratch.fourfour, "--profile", str(path)]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    assert f"{len(CHECKS)} of {len(CHECKS)} claims hold; 1 switches" in ran.output
    assert "us_dates = True  instead of False" in ran.output
    assert read_profile(path).us_dates is True


def test_command_makes_a_scratch_dataset(server, home):
    """`--make-scratch` prints a 4x4 that can be probed."""
    ran = CliRunner().invoke(app, ["probe", server.address, "--make-scratch"])
    made = ran.output.strip()
    assert ran.exit_code == 0
    ran = CliRunner().invoke(app, ["probe", server.address, "--scratch", made])
    assert ran.exit_code == 0, ran.output
