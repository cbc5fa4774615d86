"""The result of a run, read from its store."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from xpert_evo.config import RunConfig, parse_stored
from xpert_evo.design import Design, design_from_text
from xpert_evo.image_sources import stored_size
from xpert_evo.objectives import FloatArray
from xpert_evo.orchestration.baselines import topic_of
from xpert_evo.orchestration.chip_noise import NOISY, robustness_of
from xpert_evo.orchestration.chips import device_words
from xpert_evo.orchestration.cost_drift import drift
from xpert_evo.orchestration.goals import network_note
from xpert_evo.orchestration.names import FINALISTS, FIRST, REUSED
from xpert_evo.orchestration.own_files import with_kept_files
from xpert_evo.orchestration.stopping import early_stop
from xpert_evo.orchestration.task import Task, build_task, fitted_images
from xpert_evo.report.candidates import Candidate, OnChips, hardware_figures, select_front
from xpert_evo.report.native import NativeResult, load_native
from xpert_evo.report.shortlist import Shortlist, make_shortlist
from xpert_evo.search import SearchState
from xpert_evo.space import IntArray
from xpert_evo.store import Label, Plan, Store, Topic
from xpert_evo.words import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Everything that a report shows.

    Attributes:
        name: Name of the run's folder.
        config: Settings of the run.
        task: Search task of the run.
        dataset: Name and digest of the data set.
        labels_from: Folders of earlier runs whose labels were taken over.
        measured: All designs trained with the protocol of the search, in planned order; those with labels from other
            runs come first.
        front: Measured front, sorted by EDAP: of finalists once there are any, else of all measured designs.
        fronts: Fronts by area limit [mm2], the tightest first; the last one is `front`.
        baseline: Homogeneous baseline, measured like `front`; None if it was not trained or its training failed.
        baseline_hardware: Costs of the baseline, trained or not, `HARDWARE_FIELDS` by name.
        final: Whether `front` consists of finalists.
        finalists: Judged finalists, on the front or not; empty before `final`.
        failed_finalists: Digests of designs whose finalist training failed in every attempt.
        predicted_front: EDAP and predicted accuracy of the newest search's front, each (designs,); None before any.
        generations: Summaries of all generations of the searches, oldest first.
        baselines: Curves of the requested baseline searches by name and round (as text): predicted `hypervolume` after
            a number of `evaluations`, with the surrogate of the round's search.
        surrogate_notes: Cross-validation of each round's surrogate, by the round's number as text.
        honesty: Predictions compared with later measurements, by the round's number as text.
        versions: Versions of the program and its libraries when the run began.
        n_failures: Number of failed trainings.
        network: Network chosen in the first of two phases, noted by `settle_network`; None before and in other modes.
        stopped: `before_round` and `reason` of an early stop; None if there was none.
        native: Trainings at native size; None for a run that ends with the search, or before they are planned.
        cost_drift: A sentence if the hardware model has changed costs since the run began, else None.
    """

    name: str
    config: RunConfig
    task: Task
    dataset: dict[str, Any]
    labels_from: list[str]
    measured: list[Candidate]
    front: list[Candidate]
    fronts: dict[float | None, list[Candidate]]
    baseline: Candidate | None
    baseline_hardware: dict[str, float]
    final: bool
    finalists: list[Candidate]
    failed_finalists: list[str]
    predicted_front: tuple[FloatArray, FloatArray] | None
    generations: list[dict[str, Any]]
    baselines: dict[str, dict[str, dict[str, list[float]]]]
    surrogate_notes: dict[str, Any]
    honesty: dict[str, Any]
    versions: dict[str, str]
    n_failures: int
    network: dict[str, Any] | None
    stopped: dict[str, Any] | None
    native: NativeResult | None
    cost_drift: str | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to train: finalists, and designs at native size if they are wanted."""
        if not self.config.native.train:
            return self.final
        return self.final and self.native is not None and self.native.is_final

    @property
    def knee(self) -> Candidate:
        """The knee of the measured designs; see `Shortlist`."""
        return self.shortlist.knee

    @property
    def shortlist(self) -> Shortlist:
        """The designs that recommendations are chosen from."""
        return make_shortlist(self.task, measured=self.measured, front=self.front, finalists=self.finalists)

    @property
    def trained(self) -> list[Candidate]:
        """Designs of `measured` that this run trained itself."""
        return [candidate for candidate in self.measured if not candidate.reused]

    @property
    def n_reused(self) -> int:
        """Number of designs of `measured` that other runs trained."""
        return sum(candidate.reused for candidate in self.measured)

    @property
    def trained_words(self) -> str:
        """Numbers of trained designs and of labels taken over, in words: `140 trained in the search`."""
        reused = f", {counted(self.n_reused, 'label')} of other runs taken over" if self.n_reused else ""
        return f"{len(self.trained)} trained in the search{reused}"

    @property
    def accuracy_words(self) -> str:
        """Source of the accuracies of `front` for titles: `measured, test, laptop-finalist, ideal devices`."""
        return f"measured, {self.source_words}, {device_words(self.config)}"

    @property
    def source_words(self) -> str:
        """Split and protocol of the accuracies of `front`: `test, laptop-finalist`."""
        protocol = self.config.training.finalist_protocol if self.final else self.config.training.protocol
        return f"{'test' if self.final else 'validation'}, {protocol}"

    @property
    def front_words(self) -> str:
        """What `front` is: `2 of 3 finalists are on the front`, or the search front so far."""
        if self.final:
            n = len(self.finalists)
            verb = "is" if n == 1 else "are"
            return f"{len(self.front)} of {counted(n, 'finalist')} {verb} on the front of finalists"
        return f"{len(self.front)} are on the search front so far"


def load_result(store: Store) -> RunResult:
    """Reads the result of a run, finished or not; raises StoreError."""
    config = with_kept_files(store, parse_stored(store.meta("settings"), where=f"settings of {store.folder}"))
    dataset = store.meta("dataset")
    task = build_task(
        config,
        n_classes=dataset["n_classes"],
        image_channels=dataset["image_channels"],
        image_size=stored_size(dataset),
        n_fitted=fitted_images(dataset),
    )
    plans = store.plans()
    contexts = {plan.context for plan in plans if plan.batch == FIRST}
    reused = {(plan.digest, plan.context) for plan in plans if plan.batch == REUSED}
    searched = [plan for plan in plans if plan.batch != FINALISTS and plan.context in contexts]
    measured = _candidates(store, task, searched, reused)
    finalist_plans = [plan for plan in plans if plan.batch == FINALISTS]
    finalists = _as_searched(_candidates(store, task, finalist_plans, reused), measured)
    failures = Counter((failure.digest, failure.context) for failure in store.failures())
    labelled = {candidate.digest for candidate in finalists}
    failed = [
        plan.digest
        for plan in finalist_plans
        if plan.digest not in labelled and failures[plan.digest, plan.context] > config.training.retries
    ]
    final = bool(finalists) and len(finalists) + len(failed) >= len(finalist_plans)
    baseline_digest = task.space.decode(task.baseline)[0].digest
    pool = finalists if final else measured
    return RunResult(
        name=store.folder.name,
        config=config,
        task=task,
        dataset=dataset,
        labels_from=store.meta("labels_from"),
        measured=measured,
        front=select_front(task, pool),
        fronts={limit: select_front(task, pool, limit) for limit in config.hardware.area_limits_mm2},
        baseline=next((c for c in pool if c.digest == baseline_digest), None),
        baseline_hardware=hardware_figures(task, task.baseline)[0],
        final=final,
        finalists=finalists if final else [],
        failed_finalists=failed,
        predicted_front=_predicted_front(store, task),
        generations=store.summaries(),
        baselines={str(name): store.notes(topic_of(name)) for name in config.search.baselines},
        surrogate_notes=store.notes(Topic.SURROGATE),
        honesty=store.notes(Topic.HONESTY),
        versions=store.meta("versions"),
        n_failures=failures.total(),
        network=network_note(store),
        stopped=early_stop(store),
        native=load_native(store, task, config),
        cost_drift=drift(store, task),
    )


def _candidates(store: Store, task: Task, plans: Sequence[Plan], reused: set[tuple[str, str]]) -> list[Candidate]:
    """Returns the planned designs with labels, each once; `reused` contains digest and context of reused labels."""
    contexts = {plan.context for plan in plans}
    labels = {label.digest: label for label in store.all_labels() if label.context in contexts}
    planned = {plan.digest: plan for plan in plans if plan.digest in labels}
    if not planned:
        return []
    designs, devices = [design_from_text(plan.design) for plan in planned.values()], device_words(task.config)
    genomes = task.space.encode(designs)
    return [
        _candidate(
            design,
            genome,
            plan,
            labels[plan.digest],
            hardware,
            config=task.config,
            cost_model=task.hardware.model.name,
            label_protocol=task.config.training.protocol,
            devices=devices,
            reused=(plan.digest, plan.context) in reused,
        )
        for design, genome, plan, hardware in zip(
            designs, genomes, planned.values(), hardware_figures(task, genomes), strict=True
        )
    ]


def _as_searched(finalists: Sequence[Candidate], measured: Sequence[Candidate]) -> list[Candidate]:
    """Returns finalists with the label of the search and its prediction, which finalist plans do not contain."""
    known = {candidate.digest: candidate for candidate in measured}
    return [
        replace(c, label=own.label, predicted=own.predicted, std=own.std) if own else replace(c, label=None)
        for c, own in ((c, known.get(c.digest)) for c in finalists)
    ]


def _candidate(
    design: Design,
    genome: IntArray,
    plan: Plan,
    label: Label,
    hardware: dict[str, float],
    *,
    config: RunConfig,
    cost_model: str,
    label_protocol: str,
    devices: str,
    reused: bool,
) -> Candidate:
    test, noisy = label.details.get("test", {}), label.details.get(NOISY)
    of_label = label.details.get("chips")
    return Candidate(
        design=design,
        digest=plan.digest,
        genome=genome,
        protocol=label.protocol,
        validation=label.accuracy,
        robustness=None if noisy is None else robustness_of(noisy, config),
        test=test.get("accuracy"),
        devices=devices,
        ideal=test.get("ideal") if test else None,
        on_chips=OnChips.of(test.get("chips") if test else of_label),
        emulation=test.get("emulation"),
        n_test_images=test.get("n_images"),
        label=label.accuracy,
        label_protocol=label_protocol,
        predicted=plan.predicted,
        std=plan.std,
        hardware=hardware,
        cost_model=cost_model,
        batch=plan.batch,
        reused=reused,
        seconds=label.seconds,
    )


def _predicted_front(store: Store, task: Task) -> tuple[FloatArray, FloatArray] | None:
    newest = store.last_generation()
    if newest is None or "accuracy" not in task.objectives.names:
        return None
    state = SearchState.from_arrays(newest.arrays)
    if newest.summary.get("objectives", list(task.objectives.names)) != list(task.objectives.names):
        return None  # the first of two phases, which minimises latency
    accuracy = task.objectives.restored(state.objectives[state.front])["accuracy"]
    return task.own_costs(state.genomes[state.front])["edap"], accuracy
