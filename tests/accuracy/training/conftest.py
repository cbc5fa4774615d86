"""The small design after its short training."""

import pytest

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.backbones import Backbone
from xpert_evo.design import Design


@pytest.fixture(scope="module")
def trained(
    design: Design, backbone: Backbone, dataset: Dataset, protocol: TrainingProtocol, crossbar: CrossbarSpec
) -> TrainedDesign:
    return train_design(design, backbone, dataset, protocol, crossbar=crossbar, seed=0, device="cpu")
