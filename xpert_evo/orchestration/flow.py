"""The whole job, step by step. Every step looks into the store first and does only what is missing there.

first designs -> [surrogate -> search -> members of the front] x rounds -> finalists. So an interrupted run that is
started again from its store walks the same path: batches that were planned stay as planned, trainings that ended
stay ended, and a search goes on from its last generation.
"""

from dataclasses import asdict

import numpy as np

from xpert_evo.accuracy.features import macs
from xpert_evo.accuracy.protocols import TrainingProtocol, load_protocol
from xpert_evo.accuracy.surrogate import FittedSurrogate, fit_surrogate, honesty
from xpert_evo.design import design_from_text
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.batches import Workshop, plan_batch, run_batch
from xpert_evo.orchestration.context import FINALISTS, FIRST, round_name
from xpert_evo.orchestration.finalists import choose_finalists
from xpert_evo.orchestration.randomness import Purpose, as_integer, spawned
from xpert_evo.progress import GenerationEnded, Message
from xpert_evo.search import Nsga2, SearchSettings, SearchState, hypervolume, non_dominated
from xpert_evo.search.infill import select_infill
from xpert_evo.search.seeding import first_designs, first_population
from xpert_evo.space import Genomes
from xpert_evo.store import Generation


def go(shop: Workshop) -> None:
    """Does all that is missing; raises InterruptedRunError, TrainingError."""
    training = shop.task.config.training
    protocol = load_protocol(training.protocol)
    if not shop.store.plans(FIRST):
        plan_batch(shop, FIRST, shop.task.space.decode(_first_designs(shop)), protocol)
    run_batch(shop, FIRST, protocol)
    for round_ in range(1, training.rounds + 1):
        name = round_name(round_)
        if not shop.store.plans(name):
            surrogate = _fit(shop, round_, protocol)
            genomes = _infill(shop, round_, _search(shop, round_, surrogate, protocol), surrogate, protocol)
            plan_batch(shop, name, shop.task.space.decode(genomes), protocol, surrogate.predict(genomes))
        run_batch(shop, name, protocol)
        _check_honesty(shop, round_, protocol)
    finalist_protocol = load_protocol(training.finalist_protocol)
    if not shop.store.plans(FINALISTS):
        surrogate = _fit(shop, training.rounds + 1, protocol)
        genomes = _finalists(shop, protocol)
        plan_batch(shop, FINALISTS, shop.task.space.decode(genomes), finalist_protocol, surrogate.predict(genomes))
    run_batch(shop, FINALISTS, finalist_protocol)


def labelled(shop: Workshop, protocol: TrainingProtocol) -> tuple[Genomes, FloatArray]:
    """Genomes (designs, genes) and measured accuracies (designs,) of all labels of a protocol.

    They stand in the order of their digests, so that nothing depends on which training ended first.
    """
    accuracies = shop.store.accuracies(shop.context(FIRST, protocol))
    rows: dict[str, Genomes] = {}
    for plan in shop.store.each_plan():  # a genome is small, a design is not: none is held
        if plan.digest in accuracies and plan.digest not in rows:
            rows[plan.digest] = shop.task.space.encode([design_from_text(plan.design)])
    digests = sorted(rows)
    genomes = np.concatenate([shop.task.space.encode([]), *(rows[digest] for digest in digests)])
    return genomes, np.array([accuracies[digest] for digest in digests])


def _first_designs(shop: Workshop) -> Genomes:
    task = shop.task
    return first_designs(
        task.space,
        task.config.training.first_designs,
        np.random.default_rng(spawned(task.config.seed, Purpose.FIRST_DESIGNS)),
        costs=lambda genomes: np.log10(task.costs(genomes)["edap"]),
        feasible=task.feasible,
        reference=task.baseline,
    )


def _fit(shop: Workshop, round_: int, protocol: TrainingProtocol) -> FittedSurrogate:
    """The surrogate of all labels so far; what it says of itself is noted once."""
    task = shop.task
    genomes, accuracies = labelled(shop, protocol)
    surrogate = fit_surrogate(
        task.space,
        genomes,
        accuracies,
        crossbar=task.hardware.crossbar,
        seed=as_integer(spawned(task.config.seed, Purpose.SURROGATE, round_)),
        kind=task.config.search.surrogate,
    )
    report = surrogate.report
    _note_once(shop, "surrogate", round_, asdict(report))
    quality = report.models[report.chosen]
    shop.listener.tell(
        Message(
            text=f"surrogate {round_}: {report.chosen} on {report.n_labels} labels, cross-validated Kendall tau "
            f"{quality.tau:.2f} (multiply-accumulates alone {report.baseline.tau:.2f}), error {100 * quality.rmse:.1f} "
            f"points, 90 % intervals hold {100 * quality.coverage:.0f} %",
            topic="surrogate",
        )
    )
    return surrogate


def _search(shop: Workshop, round_: int, surrogate: FittedSurrogate, protocol: TrainingProtocol) -> SearchState:
    """The search of a round, from its last generation if it has one."""
    task, config = shop.task, shop.task.config.search
    settings = SearchSettings(population_size=config.population_size, offspring_size=config.offspring_size)
    last = shop.store.last_generation(round_)
    if last is None:
        seed = spawned(task.config.seed, Purpose.SEARCH, round_)
        search = Nsga2(task.space, settings, seed=seed, initial=_starts(shop, round_, protocol))
    else:
        search = Nsga2(task.space, settings, state=SearchState.from_arrays(last.arrays))
    while search.state.generation < config.generations:
        genomes = search.ask()
        values = task.values(genomes, surrogate.predict(genomes)[0])
        _keep(shop, round_, search.tell(task.objectives.minimised(values), task.constraints.violations(values)))
    return search.state


def _starts(shop: Workshop, round_: int, protocol: TrainingProtocol) -> Genomes:
    """First population of a round: all labelled designs, the population of the round before, good known shapes."""
    task = shop.task
    before = shop.store.last_generation(round_ - 1)
    rng = np.random.default_rng(spawned(task.config.seed, Purpose.SEARCH, round_, 1))
    fresh = first_population(task.space, task.config.search.population_size, rng, feasible=task.feasible)
    parts = [labelled(shop, protocol)[0], fresh]
    if before is not None:
        parts.insert(1, SearchState.from_arrays(before.arrays).genomes)
    return np.concatenate(parts)


def _keep(shop: Workshop, round_: int, state: SearchState) -> None:
    """Writes a generation into the store and tells of it."""
    front = state.front
    figures = {
        "hypervolume": hypervolume(state.objectives[front], shop.task.reference_point) if len(front) else 0.0,
        "n_feasible": int(state.feasible.sum()),
        "n_front": len(front),
        "n_evaluated": state.n_evaluated,
    }
    generation = Generation(round=round_, generation=state.generation, arrays=state.to_arrays(), summary=figures)
    with shop.interrupts.held_back(), shop.store.transaction() as store:
        store.add_generation(generation)
    shop.listener.tell(
        GenerationEnded(
            round=round_,
            generation=state.generation,
            total=shop.task.config.search.generations,
            hypervolume=figures["hypervolume"],
            n_feasible=int(figures["n_feasible"]),
            front=_drawn_front(shop, state),
        )
    )


def _drawn_front(shop: Workshop, state: SearchState) -> tuple[tuple[float, float], ...]:
    """(EDAP, predicted accuracy) of at most 60 members of the front, evenly spread, for whoever draws it."""
    values = shop.task.objectives.restored(state.objectives[state.front])
    if not {"accuracy", "edap"} <= set(values) or not len(state.front):
        return ()
    shown = np.unique(np.linspace(0, len(state.front) - 1, 60).astype(np.int64))
    return tuple((float(values["edap"][i]), float(values["accuracy"][i])) for i in shown)


def _infill(
    shop: Workshop, round_: int, state: SearchState, surrogate: FittedSurrogate, protocol: TrainingProtocol
) -> Genomes:
    """What a round trains: members of the front where most is to be gained, and a few probes drawn from everywhere.

    Probes keep the surrogate honest: on front members alone, which are all alike, nobody can tell a good ranking.
    """
    task, training = shop.task, shop.task.config.training
    rng = np.random.default_rng(spawned(task.config.seed, Purpose.INFILL, round_))
    tried = task.space.encode([design_from_text(plan.design) for plan in shop.store.plans()])
    genomes, accuracies = labelled(shop, protocol)
    values = task.values(genomes, accuracies)
    within = (task.constraints.violations(values) <= 0).all(axis=1)
    candidates = state.genomes[state.feasible]
    mean, std = surrogate.predict(candidates)
    in_accuracy = np.array([name == "accuracy" for name in task.objectives.names])
    chosen = select_infill(
        training.designs_per_round - training.probes_per_round,
        genomes=candidates,
        mean=task.objectives.minimised(task.values(candidates, mean)),
        std=std[:, None] * in_accuracy,
        trained=tried,
        measured=task.objectives.minimised(values)[within],
        reference_point=task.reference_point,
        rng=rng,
    )
    infill = candidates[chosen]
    pool = first_population(task.space, 4 * training.designs_per_round, rng, feasible=task.feasible)
    known = {row.tobytes() for row in np.concatenate([tried, infill])}
    probes = [row for row in rng.permutation(pool) if row.tobytes() not in known]
    wanted = probes[: training.designs_per_round - len(infill)]
    return np.stack([*infill, *wanted])  # either may be empty, never both


def _check_honesty(shop: Workshop, round_: int, protocol: TrainingProtocol) -> None:
    """Compares what was predicted before the trainings of all rounds so far with what they measured."""
    labels = shop.store.labels(shop.context(FIRST, protocol))
    names = {round_name(r) for r in range(1, round_ + 1)}
    plans = [p for p in shop.store.plans() if p.batch in names and p.digest in labels and p.predicted is not None]
    if len(plans) < 2:
        return
    genomes = shop.task.space.encode([design_from_text(plan.design) for plan in plans])
    report = honesty(
        np.array([plan.predicted for plan in plans], dtype=np.float64),
        np.array([plan.std for plan in plans], dtype=np.float64),
        [labels[plan.digest].accuracy for plan in plans],
        macs(shop.task.space, genomes),
    )
    if not _note_once(shop, "honesty", round_, asdict(report)):
        return
    held_out = report.surrogate
    shop.listener.tell(
        Message(
            text=f"honesty after round {round_}: on {held_out.n} trainings predicted beforehand, Kendall tau "
            f"{held_out.tau:.2f} (multiply-accumulates alone {report.baseline.tau:.2f}), error "
            f"{100 * held_out.rmse:.1f} points, 90 % intervals hold {100 * held_out.coverage:.0f} %",
            topic="honesty",
        )
    )
    if report.warning:
        shop.listener.tell(Message(text=report.warning, warning=True))


def _finalists(shop: Workshop, protocol: TrainingProtocol) -> Genomes:
    """The baseline, and members of the measured front: its ends first, then what lies farthest apart."""
    task = shop.task
    genomes, accuracies = labelled(shop, protocol)
    values = task.values(genomes, accuracies)
    within = np.flatnonzero((task.constraints.violations(values) <= 0).all(axis=1))
    objectives = task.objectives.minimised(values)[within]
    front = within[non_dominated(objectives)] if len(within) else within
    chosen = front[choose_finalists(task.objectives.minimised(values)[front], task.config.training.finalists)]
    members = [row for row in genomes[chosen] if not np.array_equal(row, task.baseline[0])]
    return np.stack([*members, task.baseline[0]])


def _note_once(shop: Workshop, topic: str, round_: int, value: dict[str, object]) -> bool:
    """Whether the note is new; a resumed run has written it before."""
    if str(round_) in shop.store.notes(topic):
        return False
    with shop.interrupts.held_back(), shop.store.transaction() as store:
        store.add_note(topic, str(round_), value)
    return True
