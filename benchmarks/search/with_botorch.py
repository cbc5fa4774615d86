"""BoTorch's noisy expected hypervolume improvement as an opponent; imported only where BoTorch is installed."""

import numpy as np
import torch
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.deterministic import GenericDeterministicModel
from botorch.models.model import ModelList
from botorch.models.transforms import Normalize, Standardize
from botorch.models.transforms.input import ChainedInputTransform, FilterFeatures
from botorch.optim import optimize_acqf_discrete_local_search
from botorch.sampling.get_sampler import get_sampler
from gpytorch.mlls import ExactMarginalLogLikelihood
from search.labelling import Labeller, LabelProblem

from xpert_evo.search.seeding import first_population

N_FIRST, N_A_ROUND = 20, 10
N_DRAWS, N_RESTARTS, N_RAW = 16, 2, 128
"""Draws of the acquisition, and its local searches: as many as some seconds a round allow."""


def qlognehvi(label: Labeller, seed: int) -> None:
    """QLogNEHVI (Daulton et al., 2021; Ament et al., 2023): batches of ten, found by discrete local search.

    The designs of a batch are chosen one after another. Accuracy has BoTorch's default Gaussian process, whose length
    scales have dimension-scaled priors; EDAP and the area limit are exact. It starts from as many designs of a good
    first population as the other methods.
    """
    torch.manual_seed(seed)
    problem = label.problem
    task, rng = problem.task, np.random.default_rng(seed)
    label(first_population(task.space, N_FIRST, rng, feasible=task.feasible))
    reference = torch.tensor(-task.reference_point)
    choices = [torch.arange(int(k), dtype=torch.float64) for k in task.space.n_choices]
    while label.n_left:
        x = torch.tensor(label.genomes, dtype=torch.float64)
        model = ModelList(_accuracy_model(problem, x, torch.tensor(label.labels)), _costs(problem))
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            model,
            reference,
            x,
            sampler=get_sampler(model.posterior(x[:1]), torch.Size([N_DRAWS]), seed=seed),
            objective=IdentityMCMultiOutputObjective(outcomes=[0, 1]),
            constraints=[lambda outcomes: outcomes[..., 2]],
            prune_baseline=True,
            cache_root=False,
        )
        chosen = x[:0]
        with torch.no_grad():
            for _ in range(min(N_A_ROUND, label.n_left)):
                acquisition.set_X_pending(chosen if len(chosen) else None)
                known = torch.cat([x, chosen])
                best, _ = optimize_acqf_discrete_local_search(
                    acquisition,
                    choices,
                    q=1,
                    num_restarts=N_RESTARTS,
                    X_avoid=known,
                    batch_initial_conditions=_starts(problem, label, acquisition, known, rng),
                )
                chosen = torch.cat([chosen, best])
        label(chosen.round().long().numpy())


def _accuracy_model(problem: LabelProblem, x: torch.Tensor, labels: torch.Tensor) -> SingleTaskGP:
    """The default model of minus the error, on the genes that change the accuracy."""
    genes = problem.task.space.genes
    kept = torch.tensor([i for i, gene in enumerate(genes) if gene.kind.record.changes_accuracy])
    transform = ChainedInputTransform(
        kept=FilterFeatures(kept), scaled=Normalize(len(kept), bounds=_bounds(problem)[:, kept])
    )
    model = SingleTaskGP(x, (labels - 1)[:, None], input_transform=transform, outcome_transform=Standardize(1))
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def _bounds(problem: LabelProblem) -> torch.Tensor:
    top = torch.tensor(np.maximum(problem.task.space.n_choices - 1, 1), dtype=torch.float64)
    return torch.stack([torch.zeros_like(top), top])


def _costs(problem: LabelProblem) -> GenericDeterministicModel:
    """Minus the logarithm of EDAP, and the largest violation of a limit."""

    def exact(x: torch.Tensor) -> torch.Tensor:
        genomes = x.detach().round().long().reshape(-1, x.shape[-1]).numpy()
        edap = problem.objectives(genomes, np.full(len(genomes), 0.5))[:, 1]
        broken = problem.task.constraints.violations(problem.task.own_costs(genomes)).max(axis=1, initial=-1.0)
        return torch.tensor(np.stack([-edap, broken], axis=1)).reshape(*x.shape[:-1], 2)

    return GenericDeterministicModel(exact, num_outputs=2)


def _starts(
    problem: LabelProblem,
    label: Labeller,
    acquisition: qLogNoisyExpectedHypervolumeImprovement,
    known: torch.Tensor,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Where local searches begin: the best of neighbours of the measured front and of a good first population.

    BoTorch's own starting points are drawn from the whole space, where hardly any design keeps the limits.
    """
    space = problem.task.space
    front = label.offered(len(label.labels))
    neighbours = front[rng.integers(len(front), size=N_RAW)]
    genes = rng.integers(neighbours.shape[1], size=N_RAW)
    neighbours[np.arange(N_RAW), genes] = rng.integers(space.n_choices[genes])
    shapes = first_population(space, N_RAW, rng, feasible=problem.task.feasible)
    pool = torch.tensor(np.concatenate([neighbours, shapes]), dtype=torch.float64)
    pool = pool[~(pool[:, None] == known).all(dim=-1).any(dim=-1)][:, None]
    values = torch.cat([acquisition(part) for part in pool.split(64)])
    return pool[values.topk(N_RESTARTS).indices]
