"""Holds: whose yes a publication waits for before anything is sent.

The dataset file asks for none, one or two signatures. Whatever it asks, people look first at what
the public sees for the first time: a first publication, a new column, new rules, what follows a
rollback; and at a plan whose guard somebody overrode. The local portal has no public: there only
the dataset file and overridden guards hold.
"""

import json
from collections.abc import Sequence

from orchestration.dataset import Dataset
from orchestration.domains.classes import classes_path
from orchestration.gates.domain_rules import domain_vocabularies
from orchestration.gates.suites import SUITES, suite_path
from orchestration.layers import hash_file, hash_named
from orchestration.publishing.planning import Plan
from orchestration.settings import Settings
from orchestration.state.store import Publication
from orchestration.warehouse.vocabularies import vocabulary_path

_NEEDED = {"automatic": 0, "one": 1, "two": 2}


def rules_hash(settings: Settings, dataset: Dataset) -> str:
    """One hash for the rules, policies, domains, vocabularies and the classes file in force.

    What a custodian signed word by word is no part of it: that signature is the yes that a hold asks
    for.
    """
    hashes = {
        suite: hash_file(suite_path(settings, dataset.id, layer)) for layer, suite in SUITES.items()
    }
    policies = [policy.model_dump(mode="json") for policy in dataset.policies]
    domains = {
        column.name: column.domain.model_dump(mode="json")
        for column in dataset.columns
        if column.domain
    }
    files = [vocabulary_path(settings, name) for name in domain_vocabularies(dataset)]
    files.append(classes_path(settings, dataset.id))
    hashes |= {path.name: hash_file(path) for path in files if path.is_file()}
    said = json.dumps([policies, domains] if domains else policies, sort_keys=True)
    return hash_named({**hashes, "policies": said})


def reasons_to_hold(
    dataset: Dataset,
    plan: Plan,
    last: Publication | None,
    *,
    rules: str,
    follows: str | None,
    is_live: bool,
    unsigned_classes: bool = False,
) -> list[str]:
    """Why this plan waits for people; empty where it may go by itself.

    `follows` is the kind of the last finished publication, takedowns passed over.
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
    if last.rules_hash and last.rules_hash != rules:
        reasons.append("rules or policies changed since the last publication")
    if follows == "rollback":
        reasons.append("the last publication was a rollback")
    return reasons


def signatures_needed(dataset: Dataset, held_because: Sequence[str]) -> int:
    """How many different people must release it."""
    return max(_NEEDED[dataset.release], 1 if held_because else 0)
