"""A trained network with all that its refinement needs, read once and checked."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.matching import check_images, check_name
from xpert_evo.accuracy.training.weights import TrainedNetwork, load_network, weights_file
from xpert_evo.config import RunConfig, load_config
from xpert_evo.design import Design
from xpert_evo.errors import UsageError
from xpert_evo.orchestration.refining.chips import DrawnChips
from xpert_evo.orchestration.refining.jobs import Source
from xpert_evo.orchestration.refining.options import Options
from xpert_evo.orchestration.refining.settings import Refining
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.progress import Listener, Stage


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refinable:
    """A trained network that can be refined on its data set.

    Attributes:
        file: File of the network.
        trained: The network.
        dataset: Its images.
        config: Settings of the images, the space, the chip and the limits.
        refining: Settings of the refinement, with numbers of images that the data set has.
    """

    file: Path
    trained: TrainedNetwork
    dataset: Dataset
    config: RunConfig
    refining: Refining

    def on_own_chip(self) -> "Refinable":
        """The same with the network's backbone and, where the settings do not name others, its crossbars."""
        own = asdict(self.trained.network.crossbar)
        given = self.config.hardware.crossbar.model_dump(exclude_unset=True)
        backbone = self.trained.header.backbone or self.design.backbone
        overrides: dict[str, object] = {
            "space.backbone": backbone if isinstance(backbone, str) else backbone.model_dump(mode="json")
        }
        crossbar = {name: value for name, value in {**own, **given}.items() if value is not None}
        overrides |= {f"hardware.crossbar.{name}": value for name, value in crossbar.items()}
        return replace(self, config=load_config(None, overrides, base=self.config.model_dump(mode="json")))

    @property
    def design(self) -> Design:
        """The design that the network was trained for."""
        return self.trained.header.design

    @property
    def chips(self) -> DrawnChips:
        """The chips that networks are judged on."""
        return DrawnChips.of(self.config, self.refining.chips, self.refining.seed)

    @property
    def source(self) -> Source:
        """The network and its images, for the jobs."""
        return Source(
            weights=self.file,
            dataset=self.config.dataset,
            digest=self.dataset.digest,
            n_images=self.refining.n_images,
            n_calibration=self.refining.n_calibration,
        )

    def options(self, home: Design | None = None) -> Options:
        """What a design's peripherals may become, by default the network's own; raises what `Options.of` raises."""
        return Options.of(self.config, home or self.design, self.dataset, image_size=self.trained.image_size)

    def moves_to(self, home: Design, crossbar: CrossbarSpec) -> bool:
        """Whether a design on crossbars differs from what the network was trained for."""
        return home != self.design or crossbar != self.trained.network.crossbar


def prepare(weights: Path, config: RunConfig, refining: Refining, listener: Listener) -> Refinable:
    """Reads a network and its images, and checks that it can be refined.

    Args:
        weights: File of trained weights, or folder of a training.
        config: Settings of the images, the space, the chip and the limits.
        refining: Settings of the refinement; default numbers of validation images are lowered to those that there are.
        listener: Receives the progress.

    Raises:
        UsageError: The network is a proxy, or does not fit the data set; there are too few validation images.
        TrainingError: The file is missing or damaged.
        DataError: The data set is missing or damaged.
    """
    listener.tell(Stage(text="reading the network and the images"))
    file = weights_file(weights)
    trained = load_network(file)
    if trained.header.is_proxy:
        raise UsageError(
            f"{file} is a proxy, narrower than its design (protocol {trained.protocol.name}); train the design at "
            "native size first, such as with --recipe hour."
        )
    check_name(file, trained, config.dataset.name, same=True)
    dataset = cached_dataset(config.dataset)
    check_images(file, trained, dataset, same=True)
    fitted, n_validation = refining.fitted_to(len(dataset.validation)), len(dataset.validation)
    if fitted.n_images + fitted.n_judged > n_validation:
        raise UsageError(
            f"{dataset.name} has {n_validation:,} validation images, too few to compare class probabilities on "
            f"{fitted.n_images:,} (images) and accuracies on {fitted.n_judged:,} others (judged); reduce these numbers."
        )
    return Refinable(file=file, trained=trained, dataset=dataset, config=config, refining=fitted)
