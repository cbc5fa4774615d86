"""All settings of a run in one value."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from xpert_evo.config.executor import ExecutorConfig
from xpert_evo.config.method import NativeConfig, Schedule, SearchConfig, SearchMode, TrainingConfig
from xpert_evo.config.problem import DatasetConfig, HardwareConfig, SpaceConfig
from xpert_evo.validation import Frozen


class RunConfig(Frozen):
    """All settings that determine a run."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    dataset: DatasetConfig = DatasetConfig()
    space: SpaceConfig = SpaceConfig()
    hardware: HardwareConfig = HardwareConfig()
    search: SearchConfig = SearchConfig()
    training: TrainingConfig = TrainingConfig()
    native: NativeConfig = NativeConfig()
    executor: ExecutorConfig = ExecutorConfig()

    @model_validator(mode="after")
    def _modes_fit(self) -> "RunConfig":
        if self.search.mode is SearchMode.TWO_PHASE and self.hardware.further_area_limits_mm2:
            raise ValueError(
                'search.mode = "two-phase" supports a single area limit; leave out hardware.further_area_limits_mm2 '
                'or set search.mode = "joint".'
            )
        if self.training.schedule is Schedule.STEADY_STATE and self.search.mode is not SearchMode.JOINT:
            raise ValueError(
                f'training.schedule = "steady-state" needs search.mode = "joint", got "{self.search.mode}"; '
                "change one of them."
            )
        return self

    @property
    def measures_robustness(self) -> bool:
        """Whether trainings also measure accuracy under device noise."""
        return "robustness" in self.search.objectives or self.search.least_robustness is not None

    def to_plain(self) -> dict[str, Any]:
        """Nested dictionaries of plain values, which `parse_config` turns back into equal settings."""
        return self.model_dump(mode="json")
