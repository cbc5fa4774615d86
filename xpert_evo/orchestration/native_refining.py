"""Chooses the peripherals of each network at native size again, and judges the refined networks on test images."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xpert_evo.accuracy.training.protocols import TrainingProtocol, load_protocol
from xpert_evo.orchestration.batches import native_folder, run_batch, seed_of
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.names import NATIVE, REFINED
from xpert_evo.orchestration.native_plan import add_refined_note, native_note, refined_weights
from xpert_evo.orchestration.refining import Refined, Refining, prepare, refine_network
from xpert_evo.orchestration.refining.settings import FEWEST_VALIDATION
from xpert_evo.orchestration.run_context import RunContext
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.progress import Message, Stage
from xpert_evo.store import Plan

REFINING = Refining()
"""Images, rounds and the loss of accuracy to aim at."""

TUNE = "exact-tune"
"""Protocol that trains a network for its new peripherals, of recipes that end with it."""


def refined_folder(run: Path, digest: str) -> Path:
    """The folder of the refinement of a design's network within the folder of a run."""
    return native_folder(run, digest) / "refined"


def run_refinements(run: RunContext) -> None:
    """Refines every trained network, then judges what came out; a second call goes on where the first one stopped.

    Raises:
        TrainingError: A training diverged, or all judgements failed.
    """
    if refined_weights(run.store) is None:
        _plan(run)
        planned = native_note(run.store)
        if planned is not None and (plans := run.store.plans(REFINED)):
            run.tally.expect(REFINED, len(plans), work=0.0, seconds=planned.judging_s)
    if run.store.plans(REFINED):
        run_batch(run, REFINED)


def _plan(run: RunContext) -> None:
    chosen: dict[str, Refined] = {}
    n_validation = len(cached_dataset(run.task.config.dataset).validation)
    plans, labelled = run.store.plans(NATIVE), run.store.labels(run.label_context(NATIVE))
    known, trained = {plan.digest for plan in plans}, [plan for plan in plans if plan.digest in labelled]
    if n_validation < FEWEST_VALIDATION:
        text = f"networks are not refined: {n_validation} validation images are too few, {FEWEST_VALIDATION} are needed"
        run.listener.tell(Message(text=text))
        trained = []
    for plan in trained:
        run.listener.tell(Stage(text=f"choosing the peripherals of {plan.digest[:8]} again"))
        best = _refined(run, plan)
        if best.design.digest not in known:
            chosen.setdefault(best.design.digest, best)
    folder = run.store.folder.absolute()
    weights = {digest: str(one.weights.absolute().relative_to(folder)) for digest, one in chosen.items()}
    with run.interrupts.held_back(), run.store.transaction() as store:
        add_refined_note(store, weights)
        store.add_plans(_plans(run, chosen))
        store.add_event("planned", f"{REFINED}: {len(chosen)} designs")


def _refined(run: RunContext, plan: Plan) -> Refined:
    """The cheapest design for a trained network within the loss of accuracy that refinements aim at."""
    protocols = [stage.protocol for stage in run.native_recipe.stages]
    store = run.store.folder.absolute()
    refining = refining_of(protocols, seed_of(run.task.config.seed, plan), run.native_chips)
    network = prepare(native_folder(store, plan.digest), run.task.config, refining, run.listener)
    result = refine_network(network, refined_folder(store, plan.digest), executor=run.executor, listener=run.listener)
    return result.best(REFINING.target_loss)


def refining_of(protocols: Sequence[TrainingProtocol], seed: int, chips: Chips | None) -> Refining:
    """How networks that were trained by these stages are refined: tuned if the recipe ends with tuning.

    Args:
        protocols: Protocols of the stages.
        seed: Random seed of the tuning and of the drawn chips.
        chips: Chips of the run; None for ideal devices.
    """
    same_size = protocols[-1].image_size == load_protocol(TUNE).image_size  # relative to the images of the data set
    tunes = same_size and any(protocol.name.startswith(TUNE) for protocol in protocols)
    refining = replace(REFINING, tune=TUNE, seed=seed) if tunes else REFINING
    return replace(refining, chips=0 if chips is None else chips.label_chips)


def _plans(run: RunContext, chosen: Mapping[str, Refined]) -> list[Plan]:
    context = run.label_context(REFINED)
    return [
        Plan(
            batch=REFINED,
            position=position,
            digest=digest,
            design=json.dumps(one.design.to_plain()),
            context=context,
        )
        for position, (digest, one) in enumerate(chosen.items())
    ]
