"""Training protocols: named, frozen settings that decide a label, from the network's size to the last learning rate.

An accuracy is comparable only with others of the same protocol, so its name is shown wherever a number appears.
"""

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from xpert_evo.errors import ConfigError
from xpert_evo.validation import Frozen, nearest

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class TrainingProtocol(Frozen):
    """All that decides a label besides the design, the data set, the crossbar and the seed.

    Attributes:
        name: Shown with every number.
        width_divisor: Channel depths are divided by this, those below 64 by less (`network.proxy_depth`); above 1 the
            network is a *proxy*, whose rows are dealt evenly to arrays so that its signal-to-noise ratio is that of the
            full-width layers.
        image_size: Images are averaged down to this side [pixels].
        early_sizes: Progressive resizing: smaller sides of the images in the first parts of the training [pixels]; all
            parts, the last one with `image_size`, have about as many epochs.
        epochs: Passes over the training images.
        n_train: Training images used, from a fixed shuffle; None for all.
        n_validation: Validation images that give the label, from the start of the split; None for all.
        batch_size: Images of a step.
        orthogonalise: Updates of convolutions are orthogonalised (Muon); else all weights are trained by SGD.
        learning_rate: Peak of the one-cycle schedule for convolutions under Muon.
        classifier_learning_rate: Peak for all that is trained by SGD with Nesterov momentum.
        momentum: Of both optimisers.
        warmup_ratio: Share of the steps in which the learning rate rises.
        label_smoothing: Probability spread over all classes.
        flip: Mirror images left to right, half of them in each epoch.
        alternate_flips: Every image in every other epoch; else at random.
        shift: Largest random shift [pixels of the averaged image].
        hide: Side of a square that is hidden at a random place of each image [pixels]; 0 hides nothing.
        identity: Convolutions start with the identity added to random weights.
        components: Layers that read the image start with so many principal components of its patches
            (`first_filters`); 0 for random filters.
        leave_out: Share of the images of less than average loss that an epoch leaves out (`leaving_out`); the last
            eighth of the epochs has all images.
        average: Share of the steps, the last ones, whose weights are averaged into the network; the learning rate stays
            constant in them (stochastic weight averaging: P. Izmailov et al., UAI 2018).
        noise: ADC noise in the training loop; without it quantisers only.
        exact: The exact emulation in the steps and in what is measured (`exact_training`), in place of the fast form's
            noise, at several times its time a step. In float32 only.
        bfloat16: Activations and products of the steps in bfloat16 where the processor multiplies them faster
            (`mixed_precision`), and in float32 elsewhere; weights, statistics and all that is measured stay float32.
            Inputs of more than its eight bits are trained at eight.
        n_recalibration: Training images that batch norm's statistics are recomputed from before judging.
        n_threads: Threads of a training on a CPU, fixed so that sums round alike on CPUs of one kind; None leaves it to
            torch.
        needs_weights: The training goes on from trained weights; from random ones it would end before it has learned
            much. Refuses to start without them, and is left out of `digest` and files, since it changes no number.
    """

    name: str
    width_divisor: Positive = 1
    image_size: Positive = 32
    early_sizes: tuple[Positive, ...] = ()
    epochs: Positive
    n_train: Positive | None = None
    n_validation: Positive | None = None
    batch_size: Positive = 128
    orthogonalise: bool = True
    learning_rate: Annotated[float, Field(gt=0.0)] = 0.05
    classifier_learning_rate: Annotated[float, Field(gt=0.0)] = 0.05
    momentum: Fraction = 0.9
    warmup_ratio: Fraction = 0.2
    label_smoothing: Fraction = 0.1
    flip: bool = True
    alternate_flips: bool = False
    shift: Annotated[int, Field(ge=0)] = 0
    hide: Annotated[int, Field(ge=0)] = 0
    identity: bool = False
    components: Annotated[int, Field(ge=0)] = 0
    leave_out: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    average: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    noise: bool = True
    exact: bool = False
    bfloat16: bool = False
    n_recalibration: Positive = 2_048
    n_threads: Positive | None = None
    needs_weights: Annotated[bool, Field(exclude=True)] = False

    @model_validator(mode="after")
    def _check_types(self) -> Self:
        if self.exact and self.bfloat16:
            raise ValueError("the exact emulation computes in float32; exact and bfloat16 exclude each other.")
        return self

    @model_serializer(mode="wrap")
    def _plain(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what came later where it changes nothing, so that labels from before keep their context."""
        values: dict[str, Any] = serialise(self)
        for later in (
            "early_sizes",
            "alternate_flips",
            "components",
            "leave_out",
            "hide",
            "average",
            "exact",
            "bfloat16",
        ):
            if not values[later]:
                del values[later]
        return values

    def size_in_epoch(self, number: int) -> int:
        """Side of the images in an epoch, counted from 1 [pixels]."""
        sizes = (*self.early_sizes, self.image_size)
        return sizes[-1 - (self.epochs - number) * len(sizes) // self.epochs]

    def left_out_in_epoch(self, number: int) -> float:
        """`leave_out` in an epoch, counted from 1; nothing in the last eighth of them."""
        return self.leave_out if 8 * number <= 7 * self.epochs else 0.0

    def epochs_by_area(self, until: int | None = None) -> float:
        """Epochs up to one (all by default), each counted by the area of its images over that of full-size ones."""
        last = self.epochs if until is None else until
        return sum((self.size_in_epoch(number) / self.image_size) ** 2 for number in range(1, last + 1))

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of the settings."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_protocol(name: str) -> TrainingProtocol:
    """The protocol called `name`; raises ConfigError where there is none."""
    if name not in PROTOCOLS:
        raise ConfigError(f"no training protocol is called '{name}'; {nearest(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def trains_proxies(name: str) -> bool:
    """Whether a protocol trains smaller networks in place of the designs; assumed of names that are not known here."""
    return name not in PROTOCOLS or PROTOCOLS[name].width_divisor > 1


def check_from_scratch(protocol: TrainingProtocol, setting: str) -> None:
    """Raises ConfigError where a protocol needs trained weights and a setting asks for it with random ones."""
    if protocol.needs_weights:
        names = [name for name, known in PROTOCOLS.items() if not known.needs_weights]
        raise ConfigError(
            f"{setting} = {protocol.name} goes on from trained weights, but a run trains designs from random ones; "
            f"choose one of {', '.join(names)}. `xpert-evo train DESIGN.json --protocol {protocol.name} --start-from "
            "WEIGHTS` takes a trained design further."
        )


def _by_name(*protocols: TrainingProtocol) -> dict[str, TrainingProtocol]:
    return {protocol.name: protocol for protocol in protocols}


_LAPTOP = TrainingProtocol(name="laptop", width_divisor=8, image_size=16, epochs=3, n_train=8_192, n_threads=1)

_LONG_SECOND_NIGHT = TrainingProtocol(
    name="long-second-night",
    epochs=48,
    learning_rate=0.02,
    classifier_learning_rate=0.03,
    warmup_ratio=0.1,
    shift=3,
    hide=8,
    alternate_flips=True,
    leave_out=0.5,
    bfloat16=True,
    n_threads=2,
    needs_weights=True,
)

PROTOCOLS = _by_name(
    TrainingProtocol(
        name="smoke",
        width_divisor=16,
        image_size=16,
        epochs=1,
        n_train=1_024,
        n_validation=500,
        n_recalibration=512,
        n_threads=1,
    ),
    _LAPTOP,
    _LAPTOP.model_copy(update={"name": "laptop-finalist", "epochs": 6, "n_train": 16_384}),
    TrainingProtocol(
        name="native-short",
        epochs=3,
        n_train=15_000,
        early_sizes=(16, 24),
        shift=2,
        n_threads=1,
    ),
    TrainingProtocol(
        name="overnight",
        epochs=15,
        early_sizes=(16, 24),
        learning_rate=0.02,
        shift=2,
        n_threads=1,
    ),
    TrainingProtocol(
        name="long-night",
        epochs=24,
        early_sizes=(16, 24),
        learning_rate=0.025,
        shift=3,
        alternate_flips=True,
        components=12,
        leave_out=0.5,
        n_threads=2,
    ),
    TrainingProtocol(
        name="one-night",
        epochs=24,
        early_sizes=(16, 24, 32),
        learning_rate=0.03,
        warmup_ratio=0.1,
        shift=3,
        alternate_flips=True,
        components=12,
        leave_out=0.5,
        average=0.25,
        bfloat16=True,
        n_threads=1,
    ),
    TrainingProtocol(
        name="second-night",
        epochs=12,
        learning_rate=0.015,
        classifier_learning_rate=0.02,
        warmup_ratio=0.1,
        shift=2,
        n_threads=1,
        needs_weights=True,
    ),
    _LONG_SECOND_NIGHT,
    _LONG_SECOND_NIGHT.model_copy(
        update={
            "name": "averaged-night",
            "epochs": 16,
            "learning_rate": 0.008,
            "classifier_learning_rate": 0.012,
            "average": 0.75,
        }
    ),
    TrainingProtocol(
        name="fine-tune",
        epochs=2,
        learning_rate=0.01,
        classifier_learning_rate=0.01,
        warmup_ratio=0.1,
        shift=2,
        n_threads=1,
        needs_weights=True,
    ),
    TrainingProtocol(
        name="exact-tune",
        epochs=1,
        n_train=20_000,
        learning_rate=0.002,
        classifier_learning_rate=0.003,
        warmup_ratio=0.1,
        shift=2,
        exact=True,
        n_threads=1,
        needs_weights=True,
    ),
    TrainingProtocol(name="full", epochs=60, shift=3),
)
"""`smoke` only shows that a run works, its numbers rank nothing; `laptop` labels designs by a proxy; `laptop-finalist`
trains the same proxy longer. The others train the design itself: `native-short` for minutes of a CPU core, which ranks
designs and is far from their accuracy; `overnight` in the few epochs that a core manages in hours, most of them on
smaller images, `one-night` in about an hour of a core that has bfloat16, `long-night` in hours of two; `second-night`
and `long-second-night` go on from any of these, and `averaged-night` from those; `fine-tune` takes a trained design to
other precisions; `exact-tune` ends a training on the exact emulation; `full` trains at leisure and wants a GPU. Those
that go on from something have `needs_weights`."""
