"""Settings of a training that determine a label, from network size to learning rate."""

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from xpert_evo.image_sources import IMAGE_SIZE, ImageSize
from xpert_evo.validation import Frozen

_N_CIFAR10 = 45_000
_LEAST_BATCH = 8
_MOST_REPEATS = 10
_LEAST_SIDE = 8
"""Side below which other images than those of 32 x 32 pixels are not downsampled [pixels]."""

_EASY_RATIO = 0.5
"""Share of images with below-average loss, for estimates (assumed)."""

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class TrainingProtocol(Frozen):
    """All settings that determine a label besides the design, the data set, the crossbar and the seed.

    Attributes:
        name: Name of the protocol, shown with every number.
        width_divisor: Divisor of channel depths; depths below 64 are divided by less (`network.proxy_depth`). Above 1
            the network is a *proxy*, whose rows are distributed evenly over arrays so that its signal-to-noise ratio
            is that of the full-width layers.
        image_size: Side that images of 32 x 32 pixels are downsampled to by averaging [pixels]; images of other sizes
            are scaled by the same ratio (`size_for`).
        early_sizes: Progressive resizing: smaller image sides in the first parts of the training [pixels]; all parts,
            including the last one with `image_size`, have about the same number of epochs.
        epochs: Number of passes over the training images.
        n_train: Number of training images, from a fixed shuffle; None for all.
        n_validation: Number of validation images for the label, from the start of the split; None for all.
        batch_size: Images per step.
        orthogonalise: Use Muon (orthogonalised updates) for convolutions; else all weights are trained with SGD.
        learning_rate: Peak learning rate of convolutions under Muon (one-cycle schedule).
        classifier_learning_rate: Peak learning rate of all weights trained with SGD and Nesterov momentum.
        momentum: Momentum of both optimisers.
        warmup_ratio: Learning-rate warm-up: fraction of the steps in which the learning rate rises.
        label_smoothing: Label smoothing: probability distributed uniformly over all classes.
        flip: Horizontal flips of half of the images in each epoch.
        alternate_flips: Flip each image in every other epoch instead of at random.
        shift: Largest random shift [pixels of the downsampled image].
        hide: Cutout: side of the hidden square [pixels]; 0 for none.
        identity: Initialise convolutions with the identity added to random weights.
        components: PCA-initialised first layer: number of principal components of image patches that filters of
            layers reading the image start with (`first_filters`); 0 for random filters.
        leave_out: InfoBatch-style pruning (loss-based data pruning): fraction of the images with below-average loss
            that is left out of an epoch (`leaving_out`); the last eighth of the epochs uses all images.
        average: Stochastic weight averaging (SWA; P. Izmailov et al., UAI 2018): fraction of the steps, at the end of
            the training, whose weights are averaged; the learning rate is constant over them.
        weight_clip: Clip weights after each step at this multiple of their layer's root mean square
            (`weight_clipping`); 0 for no clipping.
        noise: Add ADC noise in training; else only quantisers are modelled.
        exact: Use the exact emulation in training and validation (`exact_training`) instead of the noise of the fast
            form; steps take several times longer. In float32 only.
        bfloat16: Compute activations and products of training steps in bfloat16 if the processor multiplies it faster
            (`mixed_precision`), else in float32; weights, statistics and measurements stay in float32. Inputs with
            more than eight bits are trained with eight.
        n_recalibration: Number of training images for recomputing batch-norm statistics before judging.
        n_threads: Number of CPU threads, fixed so that sums round identically on CPUs of the same kind; None leaves
            the choice to torch.
        needs_weights: Whether the training continues from trained weights, since it is too short to learn from random
            ones. It then refuses to start without them. Not part of `digest` and files, as it changes no number.
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
    weight_clip: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
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
        """Omits newer settings that are off, so that earlier labels keep their context."""
        values: dict[str, Any] = serialise(self)
        for later in (
            "early_sizes",
            "alternate_flips",
            "components",
            "leave_out",
            "hide",
            "average",
            "weight_clip",
            "exact",
            "bfloat16",
        ):
            if not values[later]:
                del values[later]
        return values

    def size_for(self, images: ImageSize, side: int | None = None) -> ImageSize:
        """Returns the size that the images of a data set are downsampled to.

        Sides are scaled by `image_size` / 32, but not below 8 pixels.

        Args:
            images: Size of the images of the data set.
            side: Another side than `image_size`, such as that of an earlier epoch.
        """
        wanted = side or self.image_size
        height, width = (
            min(n, max(min(_LEAST_SIDE, wanted), round(n * wanted / nominal)))
            for n, nominal in zip(images, IMAGE_SIZE, strict=True)
        )
        return height, width

    def fitted_to(self, n_images: int) -> "TrainingProtocol":
        """Returns the protocol for a data set with few training images: about as many steps, of smaller batches.

        With at least half of the images that the protocol is made for (`n_train`, or those of CIFAR-10), it stays as it
        is. With fewer, a batch has at most a sixteenth of the images, but not fewer than eight, and the epochs are
        repeated until the number of steps is that of the protocol, up to ten times as many.

        Args:
            n_images: Training images of the data set.
        """
        planned = self.n_train or _N_CIFAR10
        n_used = min(n_images, planned)
        if 2 * n_used >= planned:
            return self
        batch_size = min(self.batch_size, max(_LEAST_BATCH, 1 << (n_used // 16 or 1).bit_length() - 1))
        steps = self.epochs * max(1, planned // self.batch_size)
        epochs = round(steps / max(1, n_used // batch_size))
        most = _MOST_REPEATS * self.epochs
        return self.model_copy(update={"batch_size": batch_size, "epochs": max(self.epochs, min(epochs, most))})

    def size_in_epoch(self, number: int) -> int:
        """Returns the side that images of 32 x 32 pixels have in an epoch, counted from 1 [pixels]."""
        sizes = (*self.early_sizes, self.image_size)
        return sizes[-1 - (self.epochs - number) * len(sizes) // self.epochs]

    def left_out_in_epoch(self, number: int) -> float:
        """Returns `leave_out` of an epoch, counted from 1; it is 0 in the last eighth of the epochs."""
        return self.leave_out if 8 * number <= 7 * self.epochs else 0.0

    def share_in_epoch(self, number: int) -> float:
        """Returns the expected fraction of the training images in an epoch, counted from 1.

        Half of the images are assumed to have below-average loss, of which epochs leave some out. The first epoch knows
        no losses and leaves none out.
        """
        return 1.0 if number == 1 else 1 - _EASY_RATIO * self.left_out_in_epoch(number)

    def whole_epochs(self, until: int | None = None) -> float:
        """Returns the expected passes over all training images in the epochs up to `until` (default: all)."""
        return sum(self.share_in_epoch(number) for number in self._numbers(until))

    def epochs_by_area(self, until: int | None = None) -> float:
        """Returns the same, weighted by relative image area."""
        return sum(
            self.share_in_epoch(number) * (self.size_in_epoch(number) / self.image_size) ** 2
            for number in self._numbers(until)
        )

    def _numbers(self, until: int | None) -> range:
        return range(1, (self.epochs if until is None else until) + 1)

    @property
    def digest(self) -> str:
        """Digest of the settings, sixteen hexadecimal digits."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]
