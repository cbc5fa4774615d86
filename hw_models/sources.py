"""The publications and fits behind the constants in use."""

from __future__ import annotations

from dataclasses import dataclass

from hw_models.adc_library import AdcTable
from hw_models.cost_model import CostModel
from hw_models.technology import Device, Technology

METHOD = (
    "A. Moitra, A. Bhattacharjee, Y. Kim, P. Panda, XPert: Peripheral Circuit & Neural Architecture Co-search for "
    "Area and Energy-efficient Xbar-based Computing, DAC 2023, arXiv 2303.17646 (the simulator whose results the "
    "model reproduces)",
    "X. Peng, S. Huang, H. Jiang, A. Lu, S. Yu, DNN+NeuroSim V2.0: An End-to-End Benchmarking Framework for "
    "Compute-in-Memory Accelerators for On-Chip Training, IEEE TCAD 40(11), 2021, arXiv 2003.06471 (structure of the "
    "chip)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A citation and the constants based on it.

    Attributes:
        citation: Full citation.
        constants: Names of the constants based on it, "file: section.key"; empty for the method as a whole.
    """

    citation: str
    constants: tuple[str, ...]


def sources(
    *, device: Device, technology: Technology, model: CostModel | None = None, adc: AdcTable | None = None
) -> list[Source]:
    """Returns every publication and fit behind a device and a technology, the method first.

    A cost model adds the publications behind its constants and choices; a table of converters adds its own.
    """
    found: dict[str, list[str]] = {citation: [] for citation in METHOD}
    files: list[Technology | Device | CostModel | AdcTable] = [technology, device]
    files += [file for file in (model, adc) if file is not None]
    for file in files:
        for constant in file.constants.values():
            found.setdefault(constant.source, []).append(f"{file.name}: {constant.name}")
    if model is not None:
        for choice, citation in model.choice_sources.items():
            found.setdefault(citation, []).append(f"{model.name}: choices.{choice}")
    return [Source(citation=citation, constants=tuple(names)) for citation, names in found.items()]
