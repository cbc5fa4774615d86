"""`xpert-evo refine --dry-run`: shows what would be measured and about how long it takes, and measures none of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.ticker import Ticker
from xpert_evo.orchestration.refining import Refinable
from xpert_evo.orchestration.refining.memory import FILE_NAME
from xpert_evo.orchestration.refining.plan import Left, Step
from xpert_evo.orchestration.refining.steps import TUNED
from xpert_evo.progress import Event, Stage
from xpert_evo.words import counted, duration
from xpert_evo.workbench.refining_plan import RefinementPlan, plan_refinement


class _Retaken:
    """Shows the steps that are taken again with what is known."""

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = ticker

    def tell(self, event: Event) -> None:
        """Shows a stage."""
        if isinstance(event, Stage):
            text = event.text
            self._ticker.tick(lambda: f"looking at what is known: {text}")

    def close(self) -> None:
        """Leaves the ticker to who made it."""


def show_refinement_plan(network: Refinable, folder: Path) -> None:
    """Shows what is left of a refinement in a folder; raises the errors of `refine_network`."""
    console, tune = PlainConsole(), network.refining.tune
    with console.ticker() as ticker:
        plan = plan_refinement(network, folder, _Retaken(ticker), lambda what: ticker.tick(lambda: f"measuring {what}"))
    lines = [*_network_lines(plan), f"output folder: {folder}", *_known_lines(plan, folder)]
    if not plan.is_nothing:
        lines += [*_step_lines(plan, tune), *_time_lines(plan)]
    console.lines(lines)


def _network_lines(plan: RefinementPlan) -> Iterator[str]:
    yield f"network: design {plan.design[:8]} on {plan.dataset}; {plan.hardware}"
    yield f"judged on {plan.devices}"
    for name, choices in plan.choices:
        yield f"{name}: {', '.join(map(str, choices))}"


def _known_lines(plan: RefinementPlan, folder: Path) -> Iterator[str]:
    known = counted(plan.n_known, "measurement")
    if plan.is_nothing:
        yield f"nothing is left to measure: the folder has all {known}, and the command would only write its files"
    elif plan.n_known:
        yield f"the folder has {known} of it already; what is left:"
    elif (folder / FILE_NAME).exists():
        yield "the folder has measurements of another network or with other settings, none of which is of use here"


def _step_lines(plan: RefinementPlan, tune: str | None) -> Iterator[str]:
    for name, left in plan.left:
        chip = f"{name}: " if name else ""
        for head, steps in _parts(left):
            if steps:
                yield f"{chip}{head}:"
                yield from _lines(plan, steps, tune)
        if left.is_nothing:
            yield f"{chip}nothing is left to measure"


def _parts(left: Left) -> Iterator[tuple[str, Sequence[Step]]]:
    yield f"round {left.round}", left.now
    if left.most_later:
        yield f"each later round, at most {left.most_later}, about", left.later
    yield "at the end", left.last


def _lines(plan: RefinementPlan, steps: Sequence[Step], tune: str | None) -> Iterator[str]:
    for step in steps:
        if step.n_jobs:
            seconds = step.seconds(plan.pace, plan.n_workers)
            time = f"about {duration(seconds)}" if seconds >= 1 else "less than 1 s"
            name = f"{step.name} by {tune}" if step.name == TUNED else step.name
            most = ", at most" if step.is_bound else ""
            yield f"  {name}{most}: {step.n_jobs:,} x {counted(step.n_images, 'image')}, {time}"


def _time_lines(plan: RefinementPlan) -> Iterator[str]:
    least, most, n_later = plan.seconds(0), plan.seconds(plan.most_later), plan.most_later
    longest = f", {duration(most)} with {counted(n_later, 'later round')}" if n_later else ""
    yield f"time: about {duration(least)} with {counted(plan.n_workers, 'worker')}{longest}"
    yield "(extrapolated from a few emulated images on one thread; other work on the machine adds to it)"
