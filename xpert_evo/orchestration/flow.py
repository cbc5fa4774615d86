"""The whole job, step by step. Every step checks the store first and does only what is missing.

first designs -> [surrogate -> search -> members of the front] x rounds -> finalists -> trainings at native size, if any
are asked for; in a steady state, single designs take the place of rounds. A resumed run therefore follows the same
path: plans are kept, finished trainings are not repeated, and a search continues from its last generation.
"""

from xpert_evo.config import Schedule
from xpert_evo.orchestration.batches import plan_batch, run_batch
from xpert_evo.orchestration.cost_drift import keep_costs
from xpert_evo.orchestration.finalists import finalists, most_finalists
from xpert_evo.orchestration.knowledge import look
from xpert_evo.orchestration.names import FINALISTS
from xpert_evo.orchestration.native import run_native
from xpert_evo.orchestration.rounds import run_rounds
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.steady_state import fit_sizes, run_steady_state
from xpert_evo.orchestration.surrogates import Surrogates, fit_round


def go(run: RunContext) -> None:
    """Runs all missing steps; raises InterruptedRunError, TrainingError."""
    keep_costs(run)
    training = run.task.config.training
    if training.schedule is Schedule.STEADY_STATE:
        run_steady_state(run)
    else:
        run_rounds(run)
    if not run.store.plans(FINALISTS):
        surrogates = _last_surrogates(run)
        genomes = finalists(run)
        designs = run.task.space.decode(genomes)
        plan_batch(run, FINALISTS, designs, surrogates.accuracy(genomes))
        run.tally.skip(FINALISTS, most_finalists(run.task.config) - len(designs))
    run_batch(run, FINALISTS)
    if run.task.config.native.train:
        run_native(run, _last_surrogates)


def _last_surrogates(run: RunContext) -> Surrogates:
    """Surrogates fitted to all labels of the search."""
    return fit_round(run, max(run.task.config.training.rounds, len(fit_sizes(run))) + 1, look(run))
