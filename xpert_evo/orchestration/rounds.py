"""The schedule of rounds: fit, search, train a batch, wait for all of it, compare with what was predicted; again.

Every step looks into the store first and does only what is missing there.
"""

from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.config import SearchMode
from xpert_evo.orchestration.baselines import score_baselines
from xpert_evo.orchestration.batches import Workshop, plan_batch, run_batch
from xpert_evo.orchestration.choosing import first_batch, first_share, infill, random_batch, starting_designs, unknown
from xpert_evo.orchestration.context import FIRST, SECOND_PHASE, round_name
from xpert_evo.orchestration.goals import (
    found_network,
    goals_of,
    n_first_phase_rounds,
    second_phase,
    settle_network,
)
from xpert_evo.orchestration.honesty_gate import check_honesty
from xpert_evo.orchestration.knowledge import Knowledge, look, planned
from xpert_evo.orchestration.searching import evolve
from xpert_evo.orchestration.stopping import has_stalled, spent_s, stops_before
from xpert_evo.orchestration.surrogates import fit_round
from xpert_evo.space import Genomes


def run_rounds(shop: Workshop, protocol: TrainingProtocol) -> None:
    """Trains the first designs, then round after round until the last one or until the run stops before it."""
    config = shop.task.config
    two_phases = config.search.mode is SearchMode.TWO_PHASE
    searches = config.search.mode in {SearchMode.JOINT, SearchMode.TWO_PHASE}
    if not shop.store.plans(FIRST):
        _plan(shop, FIRST, first_batch(shop.task), protocol)
    run_batch(shop, FIRST, protocol)
    earlier = [FIRST]
    for round_ in range(1, config.training.rounds + 1):
        name = round_name(round_)
        if not shop.store.plans(name):
            if two_phases:
                _begin_second_phase(shop, round_, earlier, protocol)
            if stops_before(shop, round_, protocol, **_stall_window(shop, earlier, protocol)):
                break
            if searches:
                _plan_round(shop, round_, protocol)
            else:
                designs = random_batch(shop.task, config.training.designs_per_round, planned(shop), round_)
                _plan(shop, name, designs, protocol)
        run_batch(shop, name, protocol)
        earlier.append(name)
        plans = [plan for plan in shop.store.each_plan() if plan.batch in earlier[1:]]
        check_honesty(shop, round_, plans, protocol)


def _plan(shop: Workshop, name: str, genomes: Genomes, protocol: TrainingProtocol) -> None:
    plan_batch(shop, name, shop.task.space.decode(genomes), protocol)


def _plan_round(shop: Workshop, round_: int, protocol: TrainingProtocol) -> None:
    """Fits, searches for each goal, and writes down what the round trains with what is expected of it."""
    known = look(shop, protocol)
    surrogates = fit_round(shop, round_, known)
    searches = [(goal, evolve(shop, round_, goal, surrogates, known)) for goal in goals_of(shop, protocol)]
    main, state = searches[-1]
    if main.objectives.names == shop.task.objectives.names:
        counted = known
        score_baselines(shop, round_, surrogates, state.n_evaluated)
    else:  # the first of two phases is after something else, at precisions that labels of other runs may not have
        counted = known.only(main.holds(known.genomes))
    genomes = infill(shop, round_, searches, surrogates=surrogates, labelled=counted.genomes, tried=planned(shop))
    plan_batch(shop, round_name(round_), shop.task.space.decode(genomes), protocol, surrogates.accuracy(genomes))


def _begin_second_phase(shop: Workshop, round_: int, earlier: list[str], protocol: TrainingProtocol) -> None:
    """Ends the first phase before this round if it is over, and trains what the second one begins with.

    The first phase has half of the rounds; it ends before that where half of the seconds are spent or the measured
    front stalls. Both phases together train as many designs as a joint search.
    """
    config = shop.task.config
    if found_network(shop) is None:
        budget_s, window = config.training.budget_s, _stall_window(shop, earlier, protocol)
        over = round_ > config.training.rounds // 2
        over = over or (budget_s is not None and spent_s(shop, protocol) >= budget_s / 2)
        over = over or (bool(window) and has_stalled(shop.task, **window))
        if not over:
            return
        settle_network(shop, protocol, round_ - 1)
    n = config.training.first_designs - first_share(config.training.first_designs)
    if n and not shop.store.plans(SECOND_PHASE):
        network = found_network(shop)
        assert network is not None
        genomes = starting_designs(shop.task, second_phase(shop.task, network), n, 1)
        _plan(shop, SECOND_PHASE, unknown(genomes, planned(shop)), protocol)
    if n:
        run_batch(shop, SECOND_PHASE, protocol)


def _stall_window(shop: Workshop, earlier: list[str], protocol: TrainingProtocol) -> dict[str, Knowledge]:
    """What was known `search.stall_rounds` rounds ago and is known now; empty where nothing can have stalled yet.

    The second of two phases counts from its own beginning, where the designs that it begins with are known.
    """
    stall = shop.task.config.search.stall_rounds
    ended = n_first_phase_rounds(shop)
    n_rounds = len(earlier) - 1 - (ended or 0)
    if stall is None or n_rounds < stall:
        return {}
    begun = [] if ended is None else [SECOND_PHASE]
    windows = {"before": earlier[:-stall], "now": earlier}
    return {name: look(shop, protocol, batches=[*begun, *batches]) for name, batches in windows.items()}
