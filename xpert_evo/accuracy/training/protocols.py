"""Training protocols: named, frozen settings that determine a label, from network size to learning rate.

Accuracies are comparable only within the same protocol, so its name is shown with every number.
"""

from xpert_evo.accuracy.training.protocol import TrainingProtocol
from xpert_evo.errors import ConfigError
from xpert_evo.image_sources import form_of
from xpert_evo.validation import nearest

__all__ = [
    "PROTOCOLS",
    "TrainingProtocol",
    "check_from_scratch",
    "fitted",
    "load_protocol",
    "names_from_scratch",
    "trains_proxies",
]


def fitted(protocol: TrainingProtocol, dataset: str, n_images: int) -> TrainingProtocol:
    """Returns a protocol as it is for a built-in data set, and fitted to a user's own training images.

    Args:
        protocol: The protocol.
        dataset: Name of the data set.
        n_images: Training images of the data set.
    """
    return protocol if form_of(dataset) is None else protocol.fitted_to(n_images)


def load_protocol(name: str) -> TrainingProtocol:
    """Returns the protocol called `name`; raises ConfigError if there is none."""
    if name not in PROTOCOLS:
        raise ConfigError(f"no training protocol is called '{name}'; {nearest(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def trains_proxies(name: str) -> bool:
    """Whether a protocol trains smaller networks instead of the designs themselves; assumed for unknown names."""
    return name not in PROTOCOLS or PROTOCOLS[name].width_divisor > 1


def names_from_scratch() -> list[str]:
    """Names of the protocols that begin with random weights."""
    return [name for name, known in PROTOCOLS.items() if not known.needs_weights]


def check_from_scratch(protocol: TrainingProtocol, setting: str) -> None:
    """Raises ConfigError if a setting names a protocol that needs trained weights."""
    if protocol.needs_weights:
        raise ConfigError(
            f"{setting} = {protocol.name} continues from trained weights, but a run trains designs from random ones; "
            f"choose one of {', '.join(names_from_scratch())}. Use `xpert-evo train DESIGN.json --protocol "
            f"{protocol.name} --start-from WEIGHTS` to continue the training of a single design."
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
        name="chip-tune",
        epochs=1,
        n_train=40_000,
        learning_rate=0.006,
        classifier_learning_rate=0.005,
        warmup_ratio=0.1,
        shift=2,
        alternate_flips=True,
        weight_clip=3.0,
        bfloat16=True,
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
"""All protocols by name.

`smoke` only shows that a run works; its accuracies do not rank designs. `laptop` labels designs with a proxy, and
`laptop-finalist` trains the same proxy longer. The others train the design itself. `native-short` takes minutes on a
CPU core; it ranks designs but is far from their final accuracy. `overnight` runs as many epochs as a core completes in
hours, most of them on smaller images; `one-night` takes about an hour on a core with bfloat16, and `long-night` takes
hours on two cores. `second-night` and `long-second-night` continue from any of these, and `averaged-night` continues
from the latter two. `fine-tune` adapts a trained design to other precisions, `chip-tune` clips its weights and, with
noise-aware steps, adapts it to its devices, `exact-tune` finishes a training with the
exact emulation, and `full` is a long training for GPUs. Protocols that continue from trained weights set
`needs_weights`.
"""
