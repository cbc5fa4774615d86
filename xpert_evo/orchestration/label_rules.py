"""Context of labels besides the design, and the rules by which they were made.

Labels made by rules of earlier versions are kept and never mixed with new ones.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

from hw_models import AdcReferences, CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars.quantisers import MANY_BITS
from xpert_evo.accuracy.crossbars.snr import EMULATION_VERSION
from xpert_evo.accuracy.training.protocols import TrainingProtocol
from xpert_evo.config import RunConfig
from xpert_evo.errors import StoreError
from xpert_evo.orchestration.chip_noise import noise_context
from xpert_evo.orchestration.chips import Chips
from xpert_evo.orchestration.names import FINALISTS, FIRST
from xpert_evo.orchestration.task import Task
from xpert_evo.store import Store

RULES = 3
"""Version of the labelling rules; a run keeps the rules of its first labels.

1: Spare ADC codes were all above the range, and proxy layers below 64 channels were divided like wide ones.
2: Spare codes widen both ends of the range (`snr.adc_levels`); narrow layers are divided less (`network.proxy_depth`).
3: Weights of fewer than 8 bits have a scale for each output (`quantisers.largest_weights`), and differential ones no
   cell for their sign (`CrossbarSpec.cells_per_weight`). Other labels are those of the second rules.
"""


def label_context(
    config: RunConfig, protocol: TrainingProtocol, dataset_digest: str, *, judged: bool = False, rules: int = RULES
) -> str:
    """Returns sixteen hexadecimal digits; labels of a design with the same context are interchangeable.

    Args:
        config: Settings of the crossbars that accuracy depends on, of the chips that it is measured on, and of device
            noise if it is measured.
        protocol: Training protocol.
        dataset_digest: Digest of the images and their split.
        judged: Whether the label includes a judgement on test data, as for finalists.
        rules: Labelling rules, `RULES` or earlier ones.
    """
    content: dict[str, object] = {
        "protocol": protocol.model_dump(mode="json"),
        "dataset": dataset_digest,
        "emulation": _emulation(config) if rules == 1 else EMULATION_VERSION,
        "crossbar": _crossbar(config),
    }
    if rules >= 3:
        content |= _weights(config)
    if (noise := noise_context(config)) is not None:
        content["noise"] = noise
    content |= Chips.of(config).context(judged=judged)
    if judged:
        content["judge_images"] = config.training.judge_images
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _crossbar(config: RunConfig) -> dict[str, object]:
    """The crossbars that accuracy depends on; fields of later versions are named only where they matter."""
    plain = config.hardware.crossbar.model_dump(mode="json")
    if plain["rows_read"] in {None, plain["rows"]}:
        del plain["rows_read"]
    if plain["adc_references"] == AdcReferences.PERCENTILE:
        del plain["adc_references"]
    return plain


def _weights(config: RunConfig) -> dict[str, object]:
    """How weights are stored where it is not as by the second rules."""
    crossbar = CrossbarSpec(**config.hardware.crossbar.model_dump())
    found: dict[str, object] = {}
    if crossbar.weight_bits < MANY_BITS:
        found["weight_scale"] = "output"
    if crossbar.cells_per_weight != -(-crossbar.weight_bits // crossbar.cell_bits):
        found["cells_per_weight"] = crossbar.cells_per_weight
    return found


def _emulation(config: RunConfig) -> str:
    """The emulation by the first rules; another one where it was wrong at first, lest old labels stand for new.

    It was for offset codings in cells whose bits do not divide the weights', and for `offset-digital` with a counter.
    """
    crossbar = config.hardware.crossbar
    coding = WeightCoding(crossbar.coding)
    odd = crossbar.weight_bits % crossbar.cell_bits > 0 and coding is not WeightCoding.DIFFERENTIAL
    counts = coding is WeightCoding.OFFSET_DIGITAL and not crossbar.reference_columns
    return "exact-2" if odd or counts else "exact"


def rules_of(contexts: Iterable[str], config: RunConfig, protocol: TrainingProtocol, dataset_digest: str) -> int:
    """The rules that labels with these contexts follow: the present ones where no earlier ones explain them."""
    found = set(contexts)
    versions = (RULES, *range(1, RULES))
    return next((n for n in versions if label_context(config, protocol, dataset_digest, rules=n) in found), RULES)


def run_rules(store: Store, task: Task, dataset_digest: str) -> int:
    """The rules by which the labels of a run are made; those of today for a new one."""
    contexts = {plan.context for plan in store.plans(FIRST)}
    config = task.config
    return rules_of(contexts, config, task.protocol(config.training.protocol), dataset_digest)


def check_rules(store: Store, task: Task, dataset_digest: str) -> None:
    """Raises StoreError if a run has remaining trainings that this version would label differently."""
    if run_rules(store, task, dataset_digest) == RULES:
        return
    done = {(label.digest, label.context) for label in store.all_labels()}
    tries = Counter((failure.digest, failure.context) for failure in store.failures())
    finalists = [(plan.digest, plan.context) for plan in store.plans(FINALISTS)]
    if finalists and all(key in done or tries[key] > task.config.training.retries for key in finalists):
        return
    raise StoreError(
        f"{store.folder} was begun by an earlier version, which emulated ADCs with bits to spare, proxies of narrow "
        "layers or weights of few bits differently; labels of both versions cannot be compared. Finish it with the "
        f"version that began it, or begin another one with its settings, which `xpert-evo report {store.folder}` "
        "leaves as settings.toml."
    )
