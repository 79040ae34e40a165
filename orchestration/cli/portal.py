"""The commands `summerware portal` and `summerware probe`."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated

import typer

from orchestration.errors import ConfigurationError, TransientError
from orchestration.portal.behaviour import Behaviour, from_words, read_profile
from orchestration.portal.errors import PortalInUseError
from orchestration.portal.faults import Faults
from orchestration.settings import Settings
from orchestration.terminal import out

_PROFILE_VARIABLE = "SUMMERWARE_PORTAL_PROFILE"
_SWITCHES_VARIABLE = "SUMMERWARE_PORTAL_SWITCHES"


def portal(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3001,
    switch: Annotated[
        list[str] | None, typer.Option(help="name=value, what the protocol leaves open.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="Switches as `summerware probe` found them.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="KIND[:option=value,...][@[METHOD ]PATH], see docs/portal.md."),
    ] = None,
    tls_port: Annotated[
        int | None, typer.Option(help="Answer here too, over TLS, with a self-signed certificate.")
    ] = None,
) -> None:
    """Serve the local portal on this machine alone."""
    from orchestration.portal.server import running_address, serve_forever

    settings = Settings.from_environment().prepare()
    behaviour, faults = _behaviour(switch, profile), _faults(fault)
    try:
        serve_forever(
            settings.portal_home,
            port,
            announce=lambda address: out.print(f"Local portal: http://{address}"),
            behaviour=behaviour,
            faults=faults,
            tls_port=tls_port,
            announce_tls=lambda address, bundle: out.print(
                f"Over TLS:     https://{address}  (certificate: {bundle})"
            ),
        )
    except PortalInUseError as error:
        address = running_address(settings.portal_home)
        raise TransientError(f"a portal already serves this home: http://{address}") from error
    except OSError as error:
        raise TransientError(f"port {port} is taken; choose another with --port") from error


def _behaviour(words: list[str] | None, profile: Path | None) -> Behaviour:
    named = profile or os.environ.get(_PROFILE_VARIABLE)
    listed = [word for word in os.environ.get(_SWITCHES_VARIABLE, "").split(",") if word]
    try:
        behaviour = read_profile(Path(named)) if named else Behaviour()
        return from_words(behaviour, [*listed, *(words or [])])
    except (ValueError, OSError) as error:
        raise ConfigurationError(str(error)) from error


def _faults(texts: list[str] | None) -> Faults:
    faults = Faults()
    try:
        for text in texts or []:
            faults.add(text)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    return faults


def probe(
    domain: Annotated[str, typer.Argument(help="The domain, with a port where it has one.")],
    scratch: Annotated[
        str | None, typer.Option(help="4x4 of a dataset to play with; it is emptied.")
    ] = None,
    make_scratch: Annotated[
        bool, typer.Option("--make-scratch", help="Make such a dataset, and print its 4x4.")
    ] = False,
    profile: Annotated[Path | None, typer.Option(help="Write what was found here.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust.")] = None,
    body_megabytes: Annotated[
        int, typer.Option(help="Send bodies up to this size to find the limit.")
    ] = 4,
    requests_without_token: Annotated[
        int, typer.Option(help="Send so many to find the throttle.")
    ] = 0,
) -> None:
    """Try the protocol on a scratch dataset of a real domain, and print what holds there."""
    from orchestration.portal.probe import profile as probing
    from orchestration.portal.probe import scratch as scratching
    from orchestration.portal.probe.switches import Effort

    access = scratching.Access(base=_base(domain), **_credentials(domain), ca_file=ca_file)
    effort = Effort(
        body_bytes=body_megabytes * 1024 * 1024, requests_without_token=requests_without_token
    )
    try:
        if scratch is None:
            _make_scratch(access, wanted=make_scratch)
            return
        playground = scratching.Scratch(access, scratch)
        try:
            findings = probing.probe(playground, effort=effort, say=out.print)
        finally:
            playground.close()
    except (scratching.ProbeError, OSError) as error:
        raise TransientError(f"{domain}: {error}") from error
    held, tried = len(findings.holds), len(findings.holds) + len(findings.differs)
    out.print(f"{held} of {tried} claims hold; {len(findings.flipped)} switches are otherwise.")
    if profile is not None:
        findings.write(profile)
        out.print(f"Profile: {profile}  (summerware portal --profile {profile})")


def _make_scratch(access: object, *, wanted: bool) -> None:
    from orchestration.portal.probe.scratch import Access, make_scratch

    if not wanted:
        raise ConfigurationError("say which dataset to play with: --scratch 4x4 or --make-scratch")
    assert isinstance(access, Access)
    out.print(make_scratch(access))


def _is_here(domain: str) -> bool:
    host = domain.rpartition(":")[0].strip("[]") if ":" in domain else domain
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _base(domain: str) -> str:
    if domain.startswith("https://") or (domain.startswith("http://") and _is_here(domain[7:])):
        return domain.rstrip("/")
    if "/" in domain:
        raise ConfigurationError(f"{domain}: expected a domain, without a path; only over https")
    return f"{'http' if _is_here(domain) else 'https'}://{domain}"


def _credentials(domain: str) -> dict[str, str]:
    names = {"app_token": "APP_TOKEN", "username": "USERNAME", "password": "PASSWORD"}
    if _is_here(domain.partition("://")[2] or domain):
        return {key: os.environ.get(f"SUMMERWARE_PORTAL_{n}", "local") for key, n in names.items()}
    missing = [f"SOCRATA_{n}" for n in names.values() if not os.environ.get(f"SOCRATA_{n}")]
    if missing:
        raise ConfigurationError(f"a probe needs {', '.join(missing)} in the environment")
    return {key: os.environ[f"SOCRATA_{n}"] for key, n in names.items()}
