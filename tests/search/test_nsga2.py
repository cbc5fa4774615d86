"""The search by ask and tell: order of calls, bit-identical continuation, limits, and that it does optimise."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from xpert_evo.backbones import load_backbone
from xpert_evo.errors import ConfigError, DesignError, StoreError
from xpert_evo.genes import GeneKind
from xpert_evo.objectives import FloatArray
from xpert_evo.search import Move, Nsga2, SearchSettings, SearchState, VariationSettings, hypervolume
from xpert_evo.search.seeding import first_population
from xpert_evo.space import Genomes, SearchSpace

SPACE = SearchSpace(load_backbone("vgg8"))
SMALL = SearchSettings(population_size=20, offspring_size=10)


def score(genomes: Genomes) -> tuple[FloatArray, FloatArray]:
    """Two objectives that disagree about every gene, and a limit on their mean."""
    share = genomes / np.maximum(SPACE.n_choices - 1, 1)
    weights = np.linspace(1, 3, SPACE.n_genes)
    first, second = (share * weights).mean(axis=1), ((1 - share) ** 2 * weights[::-1]).mean(axis=1)
    return np.stack([first, second], axis=1), share.mean(axis=1, keepdims=True) - 0.6


def run(search: Nsga2, generations: int) -> SearchState:
    for _ in range(generations):
        search.tell(*score(search.ask()))
    return search.state


def assert_equal(a: SearchState, b: SearchState) -> None:
    for name, array in a.to_arrays().items():
        assert_array_equal(array, b.to_arrays()[name], err_msg=name)


def test_a_search_continued_from_its_stored_arrays_is_bit_identical(tmp_path):
    search = Nsga2(SPACE, SMALL, seed=3)
    run(search, 4)
    np.savez(tmp_path / "state.npz", **search.state.to_arrays())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as arrays:
        resumed = Nsga2(SPACE, SMALL, state=SearchState.from_arrays(arrays))
    assert_equal(resumed.state, search.state)
    assert_equal(run(resumed, 5), run(search, 5))


def test_asking_again_after_a_crash_gives_the_same_designs():
    search = Nsga2(SPACE, SMALL, seed=3)
    state = run(search, 2)
    assert_array_equal(search.ask(), Nsga2(SPACE, SMALL, state=state).ask())


def test_equal_seeds_give_equal_searches_and_others_do_not():
    states = [run(Nsga2(SPACE, SMALL, seed=seed), 3) for seed in (1, 1, 2)]
    assert_equal(states[0], states[1])
    assert not np.array_equal(states[0].genomes, states[2].genomes)


def test_ask_fails_when_called_twice():
    search = Nsga2(SPACE, SMALL, seed=0)
    search.ask()
    with pytest.raises(RuntimeError, match="ask was called twice"):
        search.ask()


def test_tell_fails_before_ask():
    with pytest.raises(RuntimeError, match="tell was called before ask"):
        Nsga2(SPACE, SMALL, seed=0).tell(np.zeros((1, 2)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_tell_refuses_what_is_not_finite_and_can_be_repeated(bad):
    search = Nsga2(SPACE, SMALL, seed=0)
    objectives, violations = score(search.ask())
    wrong = objectives.copy()
    wrong[1, 0] = bad
    with pytest.raises(ValueError, match="objectives must be finite"):
        search.tell(wrong, violations)
    assert search.tell(objectives, violations).generation == 1


def test_tell_refuses_a_row_too_few():
    search = Nsga2(SPACE, SMALL, seed=0)
    objectives, violations = score(search.ask())
    with pytest.raises(ValueError, match="one row for each of the 20 designs"):
        search.tell(objectives[1:], violations)


def test_a_search_needs_exactly_one_of_seed_and_state():
    with pytest.raises(ConfigError, match="seed to begin or a state"):
        Nsga2(SPACE, SMALL)


def test_illegal_first_designs_are_refused():
    with pytest.raises(DesignError, match="must be from 0"):
        Nsga2(SPACE, SMALL, seed=0, initial=np.full((1, SPACE.n_genes), 99))


@pytest.mark.parametrize("screening", [1, 8])
def test_no_design_is_asked_for_twice_in_a_row(screening):
    search = Nsga2(SPACE, replace(SMALL, screening=screening, memory_size=1000), seed=5)
    asked = []
    for _ in range(12):
        asked.append(search.ask())
        search.tell(*score(asked[-1]))
    everything = np.concatenate(asked)
    assert len(np.unique(everything, axis=0)) == len(everything) == search.state.n_evaluated


def test_the_given_first_designs_are_asked_for_first():
    initial = first_population(SPACE, 7, np.random.default_rng(0))
    search = Nsga2(SPACE, SMALL, seed=0, initial=initial)
    assert_array_equal(search.ask(), initial)
    assert len(search.tell(*score(initial)).genomes) == 7
    assert len(run(search, 2).genomes) == SMALL.population_size


def test_without_first_designs_a_search_begins_with_a_random_population():
    assert len(Nsga2(SPACE, SMALL, seed=0).ask()) == SMALL.population_size


def test_infeasible_designs_leave_the_population_once_there_are_enough_feasible_ones():
    state = run(Nsga2(SPACE, SMALL, seed=1), 15)
    assert state.feasible.all()
    assert (state.rank[state.front] == 0).all()


def test_without_any_feasible_design_the_search_moves_towards_the_limit():
    search = Nsga2(SPACE, SMALL, seed=1)
    least = []
    for _ in range(8):
        objectives, violations = score(search.ask())
        state = search.tell(objectives, violations + 0.4)
        least.append(state.violations.min())
    assert least[-1] < least[0]
    assert len(state.front) == 0 or least[-1] <= 0


@pytest.mark.parametrize("moves", [{move: 1.0} for move in Move], ids=lambda moves: next(iter(moves)))
@pytest.mark.parametrize("screening", [1, 4])
def test_every_move_keeps_genomes_legal_and_changes_them(moves, screening):
    settings = replace(SMALL, screening=screening, variation=VariationSettings(moves=moves))
    search = Nsga2(SPACE, settings, seed=0)
    first = run(search, 1)
    for _ in range(4):
        search.tell(*score(SPACE.check(search.ask())))
    assert not np.array_equal(first.genomes, search.state.genomes)


def test_the_search_beats_random_designs_by_far():
    n = 600
    point = np.array([2.0, 2.0])
    objectives, violations = score(SPACE.random(np.random.default_rng(0), n))
    by_chance = hypervolume(objectives[violations[:, 0] <= 0], point)
    state = run(Nsga2(SPACE, SMALL, seed=0), (n - 20) // 10)
    assert hypervolume(state.objectives[state.front], point) > 1.15 * by_chance


def test_screening_finds_better_designs_with_the_same_evaluations():
    found = []
    for screening in (1, 8):
        states = [run(Nsga2(SPACE, replace(SMALL, screening=screening), seed=seed), 20) for seed in range(3)]
        found.append(np.mean([hypervolume(s.objectives[s.front], [2.0, 2.0]) for s in states]))
    assert found[1] > found[0]


@pytest.mark.parametrize("n_designs", [1, 2, 3, 5])
@pytest.mark.parametrize("memory_size", [0, 100])
def test_a_search_of_a_tiny_space_finds_each_design_once_and_ends(n_designs, memory_size):
    choices = {kind: (SPACE.choices[kind][0],) for kind in SPACE.kinds}
    sharing = SPACE.choices[GeneKind.COLUMN_SHARING][:n_designs]
    tiny = SearchSpace(SPACE.backbone, choices, {"conv1": {GeneKind.COLUMN_SHARING: sharing}})
    search = Nsga2(tiny, replace(SMALL, memory_size=memory_size), seed=0, initial=np.zeros((1, tiny.n_genes), np.int64))
    for _ in range(4):
        genomes = search.ask()
        search.tell(genomes.sum(axis=1, keepdims=True) * np.array([[1.0, -1.0]]))
    assert len(genomes) == 0, "all are known"
    assert len(search.state.front) == len(search.state.genomes) == search.state.n_evaluated == n_designs


def test_one_objective_is_enough():
    search = Nsga2(SPACE, SMALL, seed=0)
    best = []
    for _ in range(15):
        objectives, _ = score(search.ask())
        best.append(search.tell(objectives[:, :1]).objectives.min())
    assert best[-1] < best[0]


def test_a_state_that_lacks_an_array_or_is_cut_short_is_refused():
    arrays = run(Nsga2(SPACE, SMALL, seed=0), 1).to_arrays()
    with pytest.raises(StoreError, match="lacks crowding"):
        SearchState.from_arrays({name: array for name, array in arrays.items() if name != "crowding"})
    with pytest.raises(StoreError, match="different lengths"):
        SearchState.from_arrays({**arrays, "rank": arrays["rank"][1:]})


@pytest.mark.parametrize(
    "wrong", [{"population_size": 3}, {"offspring_size": 0}, {"screening": 0}, {"unscreened_ratio": 2}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=rf"^SearchSettings\.{next(iter(wrong))} must be"):
        SearchSettings(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"moves": {}}, {"moves": {Move.GENE: -1.0}}, {"crossover_rate": 1.5}, {"repeat_rate": 1.0}]
)
def test_variation_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=rf"^VariationSettings\.{next(iter(wrong))} must be"):
        VariationSettings(**wrong)
