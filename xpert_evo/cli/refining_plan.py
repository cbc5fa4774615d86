"""`xpert-evo refine --dry-run`: shows what would be measured and about how long it takes, and writes nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.orchestration.refining import Refinable
from xpert_evo.orchestration.refining.estimate import Step
from xpert_evo.words import counted, duration
from xpert_evo.workbench.refining_plan import RefinementPlan, plan_refinement


def show_refinement_plan(network: Refinable, folder: Path) -> None:
    """Shows the plan of a refinement; raises the errors of `refine_network`."""
    console = PlainConsole()
    with console.ticker() as ticker:
        plan = plan_refinement(network, lambda what: ticker.tick(lambda: f"measuring {what}"))
    console.lines([*_network_lines(plan), *_folder_lines(folder), *_step_lines(plan), *_time_lines(plan)])


def _network_lines(plan: RefinementPlan) -> Iterator[str]:
    yield f"network: design {plan.design[:8]} on {plan.dataset}; {plan.hardware}"
    yield f"judged on {plan.devices}"
    for name, choices in plan.choices:
        yield f"{name}: {', '.join(map(str, choices))}"


def _folder_lines(folder: Path) -> Iterator[str]:
    yield f"output folder: {folder}"
    if folder.exists():
        yield "what has been measured there is not measured again and takes no time"


def _step_lines(plan: RefinementPlan) -> Iterator[str]:
    for name, steps in plan.plans:
        chip, n_later = f"{name}: " if name else "", steps.most_rounds - 1
        yield f"{chip}round 1:"
        yield from _lines(plan, steps.first)
        if n_later:
            yield f"{chip}each later round, at most {n_later}, about:"
            yield from _lines(plan, steps.later)
        yield f"{chip}at the end:"
        yield from _lines(plan, steps.last)


def _lines(plan: RefinementPlan, steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if step.n_jobs:
            seconds = step.seconds(plan.pace, plan.n_workers)
            yield f"  {step.name}: {step.n_jobs:,} x {counted(step.n_images, 'image')}, about {duration(seconds)}"


def _time_lines(plan: RefinementPlan) -> Iterator[str]:
    most = max(steps.most_rounds for _, steps in plan.plans)
    longest = "" if most == 1 else f" if one round is enough, {duration(plan.seconds(most))} with {most} rounds"
    yield f"time: about {duration(plan.seconds(1))}{longest}, with {counted(plan.n_workers, 'worker')}"
    yield "(extrapolated from a few emulated images on one thread; other work on the machine adds to it)"
