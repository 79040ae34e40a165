"""Chooses the source that a run or the environment asks for."""

from pathlib import Path

from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.sources import Source
from orchestration.sources.files import FilesSource
from orchestration.sources.sample_source import SampleSource
from orchestration.sources.socrata import SocrataSource


def choose_source(
    settings: Settings, *, kind: str | None = None, extracts_dir: Path | None = None
) -> Source:
    """The source of that kind; where none is named, `files` if there is a folder, else the setting.

    Raises:
        ConfigurationError: the kind is unknown, or `files` has no folder.
    """
    folder = extracts_dir or settings.extracts_dir
    chosen = kind or ("files" if extracts_dir else settings.source)
    if chosen == "files":
        if folder is None:
            raise ConfigurationError(
                "the source `files` needs a folder: --extracts DIR or SUMMERWARE_EXTRACTS"
            )
        return FilesSource(folder)
    if chosen == "sample":
        return SampleSource(settings)
    if chosen == "socrata":
        return SocrataSource(settings)
    raise ConfigurationError(f"source {chosen!r} is none of files, socrata, sample")
