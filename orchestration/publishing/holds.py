"""Holds: whose yes a publication waits for before anything is sent.

The dataset file asks for none, one or two signatures. Whatever it asks, people look first at what
the public sees for the first time: a first publication, a new column, new rules, what follows a
rollback; and at a plan whose guard somebody overrode. The local portal has no public: there only
the dataset file and overridden guards hold.
"""

from collections.abc import Collection, Sequence

from orchestration.dataset import Dataset
from orchestration.publishing.planning import Plan
from orchestration.state.store import Publication

_NEEDED = {"automatic": 0, "one": 1, "two": 2}


def reasons_to_hold(
    dataset: Dataset,
    plan: Plan,
    last: Publication | None,
    *,
    rules: Collection[str],
    follows: str | None,
    is_live: bool,
    unsigned_classes: bool = False,
) -> list[str]:
    """Why this plan waits for people; empty where it may go by itself.

    `rules` are the hashes of the rules in force, in today's form and in earlier ones. `follows` is the
    kind of the last finished publication, takedowns passed over.
    """
    reasons = []
    if dataset.release != "automatic":
        reasons.append(f"the dataset file asks for {dataset.release} to release")
    if not is_live:
        return reasons
    if unsigned_classes:
        reasons.append(
            "nobody signed the classes file as it is: summerware classify "
            f"{dataset.id} --sign-file --by NAME"
        )
    if last is None:
        return [*reasons, "first publication to this portal"]
    reasons += [f"new column {name}" for name in plan.new_columns]
    if last.rules_hash and last.rules_hash not in rules:
        reasons.append("rules or policies changed since the last publication")
    if follows == "rollback":
        reasons.append("the last publication was a rollback")
    return reasons


def signatures_needed(dataset: Dataset, held_because: Sequence[str]) -> int:
    """How many different people must release it."""
    return max(_NEEDED[dataset.release], 1 if held_because else 0)
