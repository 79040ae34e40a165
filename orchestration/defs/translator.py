"""dagster-dbt's words for what a step's dbt did: its events become outputs and checks of the op.

Imported in a step, never with the definitions: `import dagster_dbt` imports dbt, 2.4 s of CPU that nobody
who only shows assets need pay. A step imports dbt anyhow (docs/adr/0041-dagster-dbt-in-the-step.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from orchestration.dataset import Dataset
from orchestration.defs.models import helpers_of, layer_of, model_key, model_metadata
from orchestration.schedules import group_of_models


class Translator(DagsterDbtTranslator):  # type: ignore[misc]
    """Gives every model the key, group, owner and words that the definitions give it."""

    def __init__(self, datasets: Mapping[str, Dataset]) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))
        self.datasets = datasets

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Of a model its own, of a source that of the asset behind it."""
        return model_key(dbt_resource_props, list(self.datasets))

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """That of the dataset's models."""
        dataset = self._dataset(dbt_resource_props["name"])
        return group_of_models(dataset.id) if dataset else None

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The model's own; its SQL stands at each materialization as it was run."""
        return str(dbt_resource_props["description"])

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """Columns and file."""
        return model_metadata(dbt_resource_props)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        """Who owns the dataset."""
        dataset = self._dataset(dbt_resource_props["name"])
        return [dataset.owner.email] if dataset else None

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetSpec:
        """With what Python makes for the model, which dbt does not see."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        dataset = self._dataset(spec.key.path[-1])
        helpers = helpers_of(spec.key.path[-1], dataset) if dataset else []
        known = {dep.asset_key for dep in spec.deps}
        whole: dg.AssetSpec = spec.replace_attributes(
            deps=[*spec.deps, *(dg.AssetDep(one) for one in helpers if one not in known)]
        )
        return whole

    def _dataset(self, model: str) -> Dataset | None:
        found = layer_of(model, list(self.datasets))
        return self.datasets[found[1]] if found else None


def dbt_events(
    manifest: Mapping[str, Any],
    datasets: Mapping[str, Dataset],
    results: Sequence[Mapping[str, Any]],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """dagster-dbt's own events for what `build_models` returned, in its order."""
    translator = Translator(datasets)
    for result in results:
        if result["event"] is not None:
            message = DbtCoreCliEventMessage(raw_event=result["event"], event_history_metadata={})
            yield from message.to_default_asset_events(
                manifest=manifest, dagster_dbt_translator=translator
            )
