"""A small data set, a small design and a short protocol, shared by the tests of trainings."""

import pytest
import torch

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import Dataset, Split
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.backbones import Backbone, load_backbone
from xpert_evo.design import Design
from xpert_evo.space import SearchSpace


def stripes(n_images: int, seed: int) -> Split:
    """Images whose class is the direction and the width of their stripes, with noise: quick to learn, not trivial."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (n_images,), generator=generator)
    place = torch.arange(32)
    waves = torch.stack([((place + 2) // (4 + 4 * k)) % 2 for k in range(2)]).float()
    pattern = waves[labels % 2][:, None, None, :].expand(-1, 1, 32, -1)
    images = torch.where((labels < 2)[:, None, None, None], pattern, pattern.transpose(2, 3))
    noise = torch.rand(images.shape, generator=generator)
    return Split(images=((0.6 * images + 0.4 * noise) * 255).to(torch.uint8), labels=labels)


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return Dataset(
        name="stripes",
        train=stripes(384, 0),
        validation=stripes(128, 1),
        test=stripes(128, 2),
        n_classes=4,
        image_channels=1,
        image_size=32,
        digest="0" * 16,
    )


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return load_backbone("vgg8", n_classes=4, image_channels=1)


@pytest.fixture(scope="session")
def design(backbone: Backbone) -> Design:
    space = SearchSpace(backbone)
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=4)
    return space.decode(genome)[0]


@pytest.fixture(scope="session")
def protocol() -> TrainingProtocol:
    return TrainingProtocol(
        name="test", width_divisor=32, image_size=16, epochs=3, batch_size=48, n_recalibration=128, n_threads=1
    )


@pytest.fixture(scope="session")
def crossbar() -> CrossbarSpec:
    return CrossbarSpec(reference_columns=1)
