"""Every error Summerware raises on purpose, split by who can do something about it.

    SummerwareError
    ├── ConfigurationError    a setting is wrong: exit code 2, trying again cannot help
    ├── DataStopped           the data was stopped, as it should be: exit code 1
    │   ├── ExtractRefused    an extract cannot be read as what it claims to be
    │   │   └── TooMuch          it holds more than a bound of the dataset file allows
    │   ├── GateNotPassed     a gate did not pass for exactly this content
    │   └── PublicationRefused  the publisher will not send this content
    │       ├── GuardTripped  it would change more than the dataset file allows
    │       └── ExternalEdit  somebody else changed the portal's rows
    └── Fault                 something broke: exit code 3
        ├── PortalFault       the portal answered what it should not
        │   ├── PortalMoved      it sent us to another address, where nobody went
        │   ├── RequestRefused   it cannot take what a request holds
        │   └── RequestTooLarge  it takes smaller requests only
        ├── ModelFault        dbt could not build or test a model
        └── TransientError    may be gone next time: the only kind that is retried
            ├── OutcomeUnknown   nobody knows yet whether a request was carried out
            └── NotVerified      what was sent could not be looked at yet

A message says what, which dataset, row or file, and what to do next. It never carries a cell's
content. Bad rows are not errors: they are rows with a fate.
"""

import os
import traceback
from collections.abc import Mapping, Sequence
from errno import errorcode
from pathlib import Path
from typing import Any, ClassVar

_RECORDED_AS = {
    "TransientError": "PassingFault",
    "OutcomeUnknown": "AnswerUnknown",
    "ExternalEdit": "PortalEdited",
}
"""Classes that were renamed: an alert that is open keeps its cause, else it would open again."""


GATE_STOPPED = "GateStopped"
"""The kind of failure of a gate that did not pass, in the failed step's metadata."""


class SummerwareError(Exception):
    """Root of the tree; `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 3

    @property
    def kind(self) -> str:
        """The word for this kind of error in the run history and in the causes of alerts."""
        name = type(self).__name__
        return _RECORDED_AS.get(name, name)


class ConfigurationError(SummerwareError):
    """A dataset file, suite, model or environment variable is wrong; the message names the key."""

    exit_code = 2


class DataStopped(SummerwareError):
    """The data was stopped on purpose; nothing below the place named was made."""

    exit_code = 1


class ExtractRefused(DataStopped):
    """An extract cannot be read as what it claims to be; nothing of it was landed."""


class TooMuch(ExtractRefused):
    """An extract holds more than `source.bounds` allows; the message names the bound."""


class GateNotPassed(DataStopped):
    """No passing gate record exists for exactly this content and suite."""


class PublicationRefused(DataStopped):
    """The publisher will not send this content to this target."""


class GuardTripped(PublicationRefused):
    """The plan changes more than its guards allow; a named person may override them."""


class ExternalEdit(PublicationRefused):
    """Somebody else changed the portal's rows; a person says whose are to stay."""


class Fault(SummerwareError):
    """Something broke that is not the data's doing; `request_id` names the portal's request."""

    request_id: str = ""


class PortalFault(Fault):
    """The portal refused a request, or holds something else than what was sent."""


class PortalMoved(PortalFault):
    """The portal sent us to another host; `host` is its name, or that of the same host."""

    def __init__(self, message: str, *, host: str = "") -> None:
        super().__init__(message)
        self.host = host


class RequestRefused(PortalFault):
    """The portal cannot take what a request holds (HTTP 400); which row it is, it does not say.

    `code` is the portal's own; `column` is what it named as one, and is ours only if the dataset has
    it; `reason` is in our words.
    """

    def __init__(
        self, message: str, *, code: str = "", column: str | None = None, reason: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.column = column
        self.reason = reason


class RequestTooLarge(PortalFault):
    """A request is larger than the portal takes; a smaller one may go."""


class ModelFault(Fault):
    """dbt could not build a model, or a test of our SQL failed; `results` are those of `build_models`."""

    def __init__(self, *message: str, results: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(*message)
        self.results = results


class TransientError(Fault):
    """A fault that may pass: disk full, a file still being written, a portal out of reach.

    `status` is the portal's HTTP status, 0 where there was none; `retry_after` the seconds it asks
    us to wait, where it does.
    """

    def __init__(self, *message: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(*message)
        self.status = status
        self.retry_after = retry_after


class OutcomeUnknown(TransientError):
    """Nobody knows whether a request was carried out: what it wrote must be read back.

    `too_slow`: there was no answer in time; a smaller request may have one.
    """

    too_slow: bool = False


class NotVerified(TransientError):
    """What was sent could not be read back yet: nobody may say that it is right."""


_MEANINGS = {
    "duckdb": "the database engine could not read or work out what is kept, of which a file may be "
    "damaged",
    "pyarrow": "a file that is kept could not be read and may be damaged",
    "sqlalchemy": "the state database could not be read or written",
    "yaml": "a file of settings could not be read",
    "pydantic_core": "a record that is kept is not what it should be",
}
"""What an error means that a library raised; its own words may quote a cell."""


def unforeseen(what: str, error: BaseException) -> Fault:
    """An error that nobody foresaw as a fault in one sentence: its kind and place, never its text."""
    if isinstance(error, OSError):
        name = Path(str(error.filename)).name if error.filename else "a file or address"
        meaning = f"{name} could not be used{_system_reason(error)}"
    elif isinstance(error, MemoryError):
        meaning = "the memory is full"
    elif isinstance(error, RecursionError):
        meaning = "something is nested too deeply"
    else:
        library = type(error).__module__.partition(".")[0].removeprefix("_")
        meaning = _MEANINGS.get(library, "something broke that nobody foresaw")
    return Fault(
        f"{what}: {meaning} ({type(error).__name__} at {place_of(error)}); see `summerware doctor`, "
        "and report this line where it comes again"
    )


def _system_reason(error: OSError) -> str:
    """What the system says of the error, where it was the system's: libraries count in their own way."""
    number = error.errno
    if type(error).__module__ != OSError.__module__ or not isinstance(number, int):
        return ""
    return f" ({os.strerror(number)})" if number in errorcode else ""


def place_of(error: BaseException) -> str:
    """Where an error came from, innermost first, our own files where there are any; never its text."""
    own_folder = Path(__file__).parent.name
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if own_folder in Path(frame.filename).parts] or frames
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(own[-4:]))
