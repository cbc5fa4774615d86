"""What `--dry-run` shows: the resolved settings with defaults dimmed, and the task they describe."""

from typing import Any

from rich.console import Console
from rich.text import Text

from xpert_evo.config import RunConfig
from xpert_evo.orchestration.start import prepare


def show_task(console: Console, config: RunConfig) -> None:
    """Prints the settings and the task; raises what `prepare` raises."""
    task, dataset = prepare(config)
    for name, value, default in flat(config.model_dump(mode="json"), RunConfig().model_dump(mode="json")):
        console.print(Text(f"{name} = {value}", style="dim" if default else "bold"))
    bounds = task.table.bounds()
    training = config.training
    n_images = [len(split.labels) for split in (dataset.train, dataset.validation, dataset.test)]
    baseline = task.costs(task.baseline)
    for line in (
        "",
        f"space: {task.space.n_genes} genes, about 10^{task.space.log10_size:.0f} designs",
        f"reachable area: {bounds.smallest_mm2:.2f} to {bounds.largest_mm2:.0f} mm2",
        f"baseline: {baseline['area'][0]:.2f} mm2, EDAP {baseline['edap'][0]:.4g} mm2 us uJ",
        f"data: {dataset.name}, {n_images[0]} training, {n_images[1]} validation and {n_images[2]} test images",
        f"trainings: {training.n_labels} with protocol {training.protocol}, then about {training.finalists + 1} "
        f"with {training.finalist_protocol}",
    ):
        console.print(line, highlight=False)


def flat(values: dict[str, Any], defaults: dict[str, Any], prefix: str = "") -> list[tuple[str, Any, bool]]:
    """(dotted name, value, whether it is the default) of nested settings, None left out."""
    rows: list[tuple[str, Any, bool]] = []
    for name, value in values.items():
        default = defaults.get(name)
        if isinstance(value, dict) and isinstance(default, dict) and value:
            rows += flat(value, default, f"{prefix}{name}.")
        elif value is not None:
            rows.append((f"{prefix}{name}", value, value == default))
    return rows
