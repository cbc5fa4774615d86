"""The schedule of rounds: fit, search, train a batch, wait for it, compare labels with predictions; repeat.

Every step checks the store first and does only what is missing.
"""

from xpert_evo.accuracy.surrogate.fit import LEAST_LABELS
from xpert_evo.config import SearchMode
from xpert_evo.orchestration.baselines import score_baselines
from xpert_evo.orchestration.batches import plan_batch, run_batch, too_few_labels
from xpert_evo.orchestration.candidates import DrawnTruths, searched
from xpert_evo.orchestration.choosing import first_batch, first_share, infill, random_batch, starting_designs, unknown
from xpert_evo.orchestration.goals import (
    found_network,
    goals_of,
    n_first_phase_rounds,
    second_phase,
    settle_network,
)
from xpert_evo.orchestration.knowledge import Knowledge, look, planned
from xpert_evo.orchestration.names import FIRST, SECOND_PHASE, round_name
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.searching import evolve
from xpert_evo.orchestration.stopping import has_stalled, spent_s, stops_before
from xpert_evo.orchestration.surrogates import check_honesty, fit_round
from xpert_evo.space import Genomes


def run_rounds(run: RunContext) -> None:
    """Trains the first designs, then round after round until the last one or an early stop."""
    config = run.task.config
    two_phases = config.search.mode is SearchMode.TWO_PHASE
    searches = config.search.mode in {SearchMode.JOINT, SearchMode.TWO_PHASE}
    if not run.store.plans(FIRST):
        _plan(run, FIRST, first_batch(run.task))
    run_batch(run, FIRST)
    earlier = [FIRST]
    for round_ in range(1, config.training.rounds + 1):
        name = round_name(round_)
        if not run.store.plans(name):
            if two_phases:
                _begin_second_phase(run, round_, earlier)
            if stops_before(run, round_, **_stall_window(run, earlier)):
                break
            if searches:
                _plan_round(run, round_)
            else:
                designs = random_batch(run.task, config.training.designs_per_round, planned(run), round_)
                _plan(run, name, designs)
        run_batch(run, name)
        earlier.append(name)
        plans = [plan for plan in run.store.each_plan() if plan.batch in earlier[1:]]
        check_honesty(run, round_, plans)


def _plan(run: RunContext, name: str, genomes: Genomes) -> None:
    plan_batch(run, name, run.task.space.decode(genomes))


def _plan_round(run: RunContext, round_: int) -> None:
    """Fits the surrogates, searches for each goal, and stores the plans of the round with their predictions."""
    known = look(run)
    if len(known) < LEAST_LABELS:
        raise too_few_labels(run)
    surrogates = fit_round(run, round_, known)
    truths = DrawnTruths.of(surrogates, round_)
    states = [(goal, evolve(run, round_, goal, surrogates, known)) for goal in goals_of(run)]
    main, state = states[-1]
    if main.objectives.names == run.task.objectives.names:
        counted = known
        score_baselines(run, round_, surrogates, state.n_evaluated)
    else:  # the first of two phases has other objectives, and precisions that labels of other runs may lack
        counted = known.only(main.holds(known.genomes))
    genomes = infill(
        run.task,
        round_,
        [searched(round_, *each, surrogates, truths) for each in states],
        surrogates=surrogates,
        truths=truths,
        labelled=counted.genomes,
        tried=planned(run),
    )
    plan_batch(run, round_name(round_), run.task.space.decode(genomes), surrogates.accuracy(genomes))


def _begin_second_phase(run: RunContext, round_: int, earlier: list[str]) -> None:
    """Ends the first phase before this round if it is over, and trains the first designs of the second one.

    The first phase has half of the rounds; it ends earlier if half of the time budget is spent or the measured front
    stalls. Both phases together train as many designs as a joint search.
    """
    config = run.task.config
    if found_network(run) is None:
        budget_s, window = config.training.budget_s, _stall_window(run, earlier)
        over = round_ > config.training.rounds // 2
        over = over or (budget_s is not None and spent_s(run) >= budget_s / 2)
        over = over or (bool(window) and has_stalled(run.task, **window))
        if not over:
            return
        settle_network(run, round_ - 1)
    n = config.training.first_designs - first_share(config.training.first_designs)
    if n and not run.store.plans(SECOND_PHASE):
        network = found_network(run)
        assert network is not None
        genomes = starting_designs(run.task, second_phase(run.task, network), n, 1)
        _plan(run, SECOND_PHASE, unknown(genomes, planned(run)))
    if n:
        run_batch(run, SECOND_PHASE)


def _stall_window(run: RunContext, earlier: list[str]) -> dict[str, Knowledge]:
    """Returns the knowledge of `search.stall_rounds` rounds ago and of now; empty before a stall is possible.

    The second of two phases counts from its own start, including its first designs.
    """
    stall = run.task.config.search.stall_rounds
    ended = n_first_phase_rounds(run)
    n_rounds = len(earlier) - 1 - (ended or 0)
    if stall is None or n_rounds < stall:
        return {}
    begun = [] if ended is None else [SECOND_PHASE]
    windows = {"before": earlier[:-stall], "now": earlier}
    return {name: look(run, batches=[*begun, *batches]) for name, batches in windows.items()}
