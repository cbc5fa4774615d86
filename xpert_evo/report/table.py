"""The result as a short table for the terminal."""

from rich.table import Table

from xpert_evo.report.result import Candidate, RunResult


def result_table(result: RunResult) -> Table:
    """Most accurate, knee and lowest EDAP, each with its ratios to the baseline."""
    measured = f"accuracy\n({result.front[0].split}, measured)" if result.front else "accuracy"
    table = Table(title=_title(result), title_justify="left", caption=_caption(result), caption_justify="left")
    for name in ("design", "id", measured, "EDAP\n[mm² µs µJ]", "area\n[mm²]", "latency\n[µs]", "energy\n[µJ]"):
        table.add_column(name, justify="left" if name in {"design", "id"} else "right")
    table.add_column("EDAP lower\nthan baseline", justify="right")
    for name, candidate in picks(result):
        table.add_row(name, *_cells(candidate, result.baseline))
    return table


def picks(result: RunResult) -> list[tuple[str, Candidate]]:
    """The designs to look at first, by name: one row each, several names where they coincide."""
    if not result.front:
        return [("baseline", result.baseline)] if result.baseline else []
    named = {
        "most accurate": max(result.front, key=lambda candidate: candidate.validation),
        "knee": result.knee,
        "lowest EDAP": min(result.front, key=lambda candidate: candidate.hardware["edap"]),
    }
    rows: dict[str, tuple[list[str], Candidate]] = {}
    for name, candidate in named.items():
        rows.setdefault(candidate.digest, ([], candidate))[0].append(name)
    chosen = [(", ".join(names), candidate) for names, candidate in rows.values()]
    return [*chosen, ("baseline", result.baseline)] if result.baseline else chosen


def _cells(candidate: Candidate, baseline: Candidate | None) -> list[str]:
    hardware = candidate.hardware
    ratio = f"{baseline.hardware['edap'] / hardware['edap']:.3g} x" if baseline else ""
    return [
        candidate.digest[:8],
        f"{100 * candidate.measured:.2f} %",
        f"{hardware['edap']:.4g}",
        f"{hardware['area_mm2']:.2f}",
        f"{hardware['latency_us']:.4g}",
        f"{hardware['energy_uj']:.3g}",
        ratio,
    ]


def _title(result: RunResult) -> str:
    kind = "front" if result.final else "front so far (not final)"
    return f"{result.name}: {kind} of {len(result.front)} designs from {len(result.measured)} trained"


def _caption(result: RunResult) -> str:
    protocol = result.front[0].protocol if result.front else result.config.training.protocol
    return (
        f"Accuracies by training protocol '{protocol}'; ranks designs, is not the accuracy of the network at native "
        "size unless the protocol is 'full'. Selected on validation data. Baseline: homogeneous "
        f"{result.task.backbone.name}, 6-bit SAR, 8 columns an ADC, 8-bit inputs."
    )
