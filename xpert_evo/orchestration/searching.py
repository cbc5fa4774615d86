"""A search between trainings: NSGA-II on predictions and costs, every generation kept, gone on with where it stopped.

Stored generations hold genomes of the whole space, also where a search knows a part of it only: the frozen space of a
phase exists in here alone. The searches of a round follow one another in the numbering of its generations.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from xpert_evo.orchestration.completing import Completion
from xpert_evo.orchestration.goals import Goal
from xpert_evo.orchestration.knowledge import Knowledge
from xpert_evo.orchestration.randomness import Purpose, spawned
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.surrogates import Surrogates
from xpert_evo.progress import GenerationEnded, Stage
from xpert_evo.search import Nsga2, SearchSettings, SearchState, hypervolume
from xpert_evo.search.seeding import first_population
from xpert_evo.space import Genomes
from xpert_evo.store import Generation


def evolve(run: RunContext, round_: int, goal: Goal, surrogates: Surrogates, known: Knowledge) -> SearchState:
    """The last state of a round's search for a goal, genomes of the whole space; begins or goes on as stored.

    A search that knows every design of its space ends before its last generation.
    """
    run.listener.tell(Stage(text=f"searching, round {round_}"))
    state, before = _last(run, round_, goal.number), _last(run, round_ - 1, goal.number)
    for later in generations(round_, goal, surrogates, known.genomes, last=state, before=before):
        _keep(run, round_, goal, later)
        state = later
    assert state is not None, "a search has at least one generation"
    return state


def generations(
    round_: int,
    goal: Goal,
    surrogates: Surrogates,
    labelled: Genomes,
    *,
    last: SearchState | None = None,
    before: SearchState | None = None,
) -> Iterator[SearchState]:
    """Yields the states of a search after each remaining generation, genomes of the whole space; stores nothing.

    Args:
        round_: Number of the round.
        goal: Goal of the search.
        surrogates: Surrogates fitted to the labels.
        labelled: Labelled designs of the whole space, (designs, genes).
        last: Newest state of this search; None to begin it.
        before: Last state of the same goal's search a round before; None if there was none.
    """
    config = goal.task.config
    settings = SearchSettings(
        population_size=config.search.population_size, offspring_size=config.search.offspring_size
    )
    completion = Completion(goal)
    if last is None:
        seed = spawned(config.seed, Purpose.SEARCH, round_, *_key(goal, 0))
        initial = _starts(round_, goal, completion, labelled, before)
        search = Nsga2(completion.space, settings, seed=seed, initial=initial)
    else:
        search = Nsga2(completion.space, settings, state=_translated(last, completion.own))
    while search.state.generation < config.search.generations:
        genomes = completion.whole(search.ask())
        if not len(genomes):
            break  # all designs of a small space are known
        values = surrogates.values(genomes)
        search.tell(goal.objectives.minimised(values), goal.constraints.violations(values))
        yield _translated(search.state, completion.whole)


def _key(goal: Goal, stream: int) -> tuple[int, ...]:
    """Returns the key of a goal's two random streams (0 for the search, 1 for its first population)."""
    return () if goal.number + stream == 0 else (2 * goal.number + stream,)


def _translated(state: SearchState, translate: Callable[[Genomes], Genomes]) -> SearchState:
    return replace(state, genomes=translate(state.genomes), recent_genomes=translate(state.recent_genomes))


def _last(run: RunContext, round_: int, number: int) -> SearchState | None:
    """The newest state of a search, genomes of the whole space."""
    n = run.task.config.search.generations
    stored = run.store.last_generation(round_, first=number * n + 1, last=(number + 1) * n)
    return None if stored is None else SearchState.from_arrays(stored.arrays)


def _starts(round_: int, goal: Goal, completion: Completion, labelled: Genomes, before: SearchState | None) -> Genomes:
    """First population: all labelled designs, the same search's population a round before, good known shapes."""
    config = goal.task.config
    rng = np.random.default_rng(spawned(config.seed, Purpose.SEARCH, round_, *_key(goal, 1)))
    parts = [completion.own(labelled)]
    if before is not None:
        parts.append(completion.own(before.genomes))
    shapes = first_population(goal.space, config.search.population_size, rng, feasible=goal.feasible)
    return np.concatenate([*parts, completion.own(goal.whole(shapes))])


def _keep(run: RunContext, round_: int, goal: Goal, state: SearchState) -> None:
    """Writes a generation into the store and tells of it."""
    front = state.front
    total = run.task.config.search.generations
    volume = hypervolume(state.objectives[front], goal.reference_point) if len(front) else 0.0
    n_feasible = int(state.feasible.sum())
    figures = {
        "hypervolume": volume,
        "n_feasible": n_feasible,
        "n_front": len(front),
        "n_evaluated": state.n_evaluated,
        "objectives": list(goal.objectives.names),
        "area_limit_mm2": goal.constraints.area_limit_mm2,
    }
    place = goal.number * total + state.generation
    generation = Generation(round=round_, generation=place, arrays=state.to_arrays(), summary=figures)
    with run.interrupts.held_back(), run.store.transaction() as store:
        store.add_generation(generation)
    run.listener.tell(
        GenerationEnded(
            round=round_,
            generation=state.generation,
            total=total,
            hypervolume=volume,
            n_feasible=n_feasible,
            front=_drawn_front(goal, state),
        )
    )


def _drawn_front(goal: Goal, state: SearchState) -> tuple[tuple[float, float], ...]:
    """(EDAP, predicted accuracy) of at most 60 members of the front, evenly spread, for whoever draws it."""
    values = goal.objectives.restored(state.objectives[state.front])
    if not {"accuracy", "edap"} <= set(values) or not len(state.front):
        return ()
    shown = np.unique(np.linspace(0, len(state.front) - 1, 60).astype(np.int64))
    return tuple((float(values["edap"][i]), float(values["accuracy"][i])) for i in shown)
