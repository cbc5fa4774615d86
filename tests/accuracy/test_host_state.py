"""What a program around this one has set of torch and NumPy changes no result, and is as it was afterwards."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets import catalogue as datasets
from xpert_evo.accuracy.datasets.catalogue import Dataset, load_dataset
from xpert_evo.accuracy.host_state import own_numerics
from xpert_evo.accuracy.surrogate.fit import fit_surrogate
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.accuracy.training.weights import save_weights
from xpert_evo.backbones import Backbone, load_backbone
from xpert_evo.design import Design
from xpert_evo.library import load_network
from xpert_evo.search.seeding import varied_designs
from xpert_evo.space import SearchSpace


@contextmanager
def default_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def rough_products() -> Iterator[None]:
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


HOSTS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "float64": default_dtype,
    "meta": lambda: torch.device("meta"),
    "no grad": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "deterministic": deterministic,
    "rough products": rough_products,
    "strict NumPy": lambda: np.errstate(all="raise"),
    "printing of old": lambda: np.printoptions(legacy="1.13"),
}


def state() -> tuple[object, ...]:
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision(),
        torch.get_num_threads(),
        np.geterr(),
        np.get_printoptions(),
    )


def fitted() -> list[np.ndarray]:
    space = SearchSpace(load_backbone("vgg8"))
    rng = np.random.default_rng(0)
    genomes, accuracies = varied_designs(space, 12, rng), rng.uniform(0.2, 0.9, 12)
    return list(fit_surrogate(space, genomes, accuracies, crossbar=CrossbarSpec(), seed=0).predict(genomes))


@pytest.fixture(scope="module")
def predictions() -> list[np.ndarray]:
    return fitted()


@pytest.mark.parametrize("host", HOSTS)
def test_surrogates_do_not_depend_on_the_program_around(host: str, predictions: list[np.ndarray]) -> None:
    with HOSTS[host]():
        before = state()
        found = fitted()
        assert state() == before
    np.testing.assert_array_equal(found, predictions)


@pytest.fixture(scope="module")
def train(
    design: Design, backbone: Backbone, dataset: Dataset, protocol: TrainingProtocol, crossbar: CrossbarSpec
) -> Callable[[Path], list[float]]:
    """Trains, writes weights, reads and judges them: accuracies and a few weights."""
    short = protocol.model_copy(update={"epochs": 1})
    few = replace(dataset, digest="1" * 16)

    def go(path: Path) -> list[float]:
        trained = train_design(design, backbone, few, short, crossbar=crossbar, seed=0, device="cpu")
        save_weights(trained, path)
        judged = judge(load_network(path), few, max_images=32)
        weights = trained.network.crossbar_layers[1].weight.detach().flatten()[:9].tolist()
        return [trained.validation_accuracy, judged.mean, *weights]

    return go


@pytest.fixture(scope="module")
def measured(train: Callable[[Path], list[float]], tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    return train(tmp_path_factory.mktemp("plain") / "weights.safetensors")


@pytest.mark.parametrize("host", HOSTS)
def test_trainings_and_judgements_do_not_depend_on_the_program_around(
    host: str, train: Callable[[Path], list[float]], measured: list[float], tmp_path: Path
) -> None:
    with HOSTS[host]():
        before = state()
        found = train(tmp_path / "weights.safetensors")
        assert state() == before
    assert found == measured


@pytest.mark.parametrize("host", HOSTS)
def test_images_that_are_read_in_any_program_serve_trainings(host: str) -> None:
    datasets._loaded.cache_clear()
    with HOSTS[host]():
        data = load_dataset("fashion-mnist")
    assert data.train.images.dtype == torch.uint8
    assert data.train.images.device.type == "cpu"
    assert not data.train.images.is_inference()


def test_the_state_is_given_back_after_an_error() -> None:
    @own_numerics()
    def fails() -> None:
        raise ZeroDivisionError(f"{torch.zeros(1).dtype} {np.float64(0.1) + np.float64(0.2)}")

    with HOSTS["float64"](), HOSTS["meta"](), HOSTS["strict NumPy"](), HOSTS["printing of old"]():
        before = state()
        with pytest.raises(ZeroDivisionError, match=r"float32 0\.30000000000000004"):
            fails()
        assert state() == before
