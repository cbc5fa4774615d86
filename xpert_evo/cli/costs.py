"""`xpert-evo evaluate` and `sources`: what designs cost, by layer and component, and where the numbers come from."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import hw_models
from xpert_evo.backbones import load_backbone
from xpert_evo.cli.settings import resolve
from xpert_evo.config import RunConfig
from xpert_evo.design import Design, load_designs
from xpert_evo.errors import UsageError
from xpert_evo.orchestration.hardware import build_hardware, design_arrays


def show_cost(
    path: Path, config: Path | None, assignments: Sequence[str] | None, *, as_json: bool, explain: str | None
) -> None:
    """Prints the cost of the designs in a file."""
    settings = resolve(config, assignments)
    designs = load_designs(path)
    reports = [_evaluate(design, settings) for design in designs]
    if as_json:
        print(json.dumps([_plain(d, r) for d, r in zip(designs, reports, strict=True)], indent=1))  # noqa: T201
        return
    console = Console()
    for design, report in zip(designs, reports, strict=True):
        if explain is None:
            _show(console, design, report, settings)
        else:
            _explain(console, design, report, explain)
