"""Who may sign what: `signers.csv` beside the dataset files, one person a line.

Columns: name, roles (blanks between). A `custodian` signs what values of deciding columns mean, a
`releaser` lets publications go, an `engineer` proposes. Where there is no such file, any typed name
releases, as before; nobody can sign a class.
"""

from orchestration.errors import ConfigurationError
from orchestration.settings import Settings
from orchestration.tabular import read_table

ROLES = ("custodian", "releaser", "engineer")
_COLUMNS = ("name", "roles")


def load_signers(settings: Settings) -> dict[str, frozenset[str]] | None:
    """The roles of everybody who may sign, by name; none where there is no file.

    Raises:
        ConfigurationError: a line is wrong; names every such line.
    """
    path = settings.datasets_dir / "signers.csv"
    if not path.exists():
        return None
    found: dict[str, frozenset[str]] = {}
    faults = []
    for line in read_table(path, _COLUMNS, only=True):
        name, roles = _plain(line.cells["name"]), line.cells["roles"].split()
        if not name or name in found:
            faults.append(f"{path.name}: line {line.number}: name: must be given, and stand once")
        elif not roles or not set(roles) <= set(ROLES):
            faults.append(f"{path.name}: line {line.number}: roles: must be of {', '.join(ROLES)}")
        else:
            found[name] = frozenset(roles)
    if faults:
        raise ConfigurationError("\n".join(faults))
    return found


def require_signer(settings: Settings, name: str, role: str, *, of_file: bool = False) -> str:
    """The name as the file has it, where that person may sign in the role.

    `of_file` refuses every name where there is no file.

    Raises:
        ConfigurationError: nobody of that name may.
    """
    plain = _plain(name)
    signers = load_signers(settings)
    if signers is None and not of_file and plain:
        return name
    known = {one.casefold(): one for one in signers or {}}
    one = known.get(plain.casefold())
    if signers is None or one is None or role not in signers[one]:
        allowed = sorted(name for name, roles in (signers or {}).items() if role in roles)
        raise ConfigurationError(
            f"signers.csv beside the dataset files names nobody {name!r} as {role}; "
            + (f"these may sign: {', '.join(allowed)}" if allowed else "add the person there first")
        )
    return one


def _plain(name: str) -> str:
    return " ".join(name.split())
