"""What the study's scripts share: results of native.py that were trained alike, and EDAP at equal accuracy.

Accuracies may be compared only where all but design and seed were the same. A training may be the second leg of another
one (`started_from`), so the protocol alone does not tell. `check_alike` refuses what differs, and says where.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xpert_evo.accuracy.training.protocols import TrainingProtocol, load_protocol
from xpert_evo.accuracy.training.results import JudgementResult, TrainingResult
from xpert_evo.accuracy.training.weights_header import NetworkReference
from xpert_evo.design import Design
from xpert_evo.errors import XpertEvoError
from xpert_evo.report.result import RunResult

_LATER = "judged.json"

Conditions = dict[str, Any]
"""All that accuracies depend on besides design and seed, by a name that people read: plain values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """One training of native.py that has ended.

    Attributes:
        path: Its `result.json`; `judged.json` where that is all there is.
        result: What that holds; what it lacks of a judgement is taken from `judged.json` beside it, by
            `xpert-evo judge FOLDER --json`.
    """

    path: Path
    result: TrainingResult

    @property
    def design(self) -> Design:
        """What was trained."""
        return self.result.header.design

    @property
    def seed(self) -> int | None:
        """Seed of the training."""
        return self.result.header.seed

    @property
    def validation_accuracy(self) -> float:
        """Fraction of the validation images classified correctly; raises SystemExit where the file lacks it."""
        found = self.result.validation_accuracy
        if found is None:
            raise SystemExit(f"{self.path} does not tell the validation accuracy of the training; train it again.")
        return found

    @property
    def folder(self) -> Path:
        """The folder of native.py."""
        return self.path.parents[1]

    @property
    def protocol(self) -> str:
        """The name of how it was trained, with that of the training whose weights it began with."""
        start, name = self.result.header.started_from, self.result.header.protocol.name
        return name if start is None else f"{name} after {start.protocol}"

    @property
    def conditions(self) -> Conditions:
        """Of its training."""
        header = self.result.header
        start, devices, crossbar = header.started_from, header.noise_aware, header.crossbar
        return {
            **_protocol_conditions(header.protocol),
            "start": "random weights" if start is None else self._words_of(start),
            "noise-aware training": None if devices is None else devices.model_dump(mode="json"),
            "steps in bfloat16": self._in_bfloat16,
            "data set": header.dataset,
            **({} if crossbar is None else {f"crossbar.{name}": value for name, value in asdict(crossbar).items()}),
        }

    @property
    def judged(self) -> Conditions:
        """Of its judgement on test images: what was judged, on which devices, with which batch norm.

        Raises:
            SystemExit: It was trained without one.
        """
        ideal, noisy, devices = self.result.test, self.result.test_with_device_noise, self.result.device_noise
        if ideal is None:
            raise SystemExit(
                f"{self.path} must hold a test accuracy, it has none; judge it with `xpert-evo judge "
                f"{self.path.parent} --dataset {self.result.dataset_name} --data-dir DATA --noise NOISE "
                f"--seed {self.seed} --json > {self.path.with_name(_LATER)}`, noise as for the others."
            )
        return {
            "test images": ideal.n_images,
            "emulation": ideal.emulation,
            "device noise": devices.model_dump(mode="json") if noisy and devices else None,
            "images with device noise": noisy.n_images if noisy else None,
            "draws of devices": noisy.n_draws if noisy else None,
            "images that calibrate batch norm": noisy.norm_images if noisy else None,
        }

    @property
    def _in_bfloat16(self) -> bool | None:
        """None where it depended on the processor, which a judgement alone does not tell."""
        if self.result.trained_on is not None:
            return "bfloat16" in self.result.trained_on
        return None if self.result.header.protocol.bfloat16 else False

    def _words_of(self, start: NetworkReference) -> str:
        whose = "its own design" if start.design == self.design.digest else f"design {start.design[:8]}"
        return f"weights of {whose} by {start.protocol}"


def read_natives(folders: Sequence[Path], *, judged: bool = False) -> list[Native]:
    """All results in folders of native.py, in the order of their names.

    Where a training's own result is not at hand, as for packed weights, `ID-SEED/judged.json` serves as well.

    Args:
        folders: Where the trainings are.
        judged: Whether their judgements on test images are compared, too.

    Raises:
        SystemExit: A folder has none, a design and seed come twice, or they were not trained, or judged, alike.
    """
    natives: list[Native] = []
    for folder in dict.fromkeys(folders):
        paths = {path.parent: path for path in folder.glob(f"*/{_LATER}")}
        paths |= {path.parent: path for path in folder.glob("*/result.json")}
        if not paths:
            raise SystemExit(f"{folder} must hold ID-SEED/result.json of native.py, none is there; train some first.")
        natives += (_native(path) for _, path in sorted(paths.items()))
    twice = [native for native, count in Counter((n.design.digest, n.seed) for n in natives).items() if count > 1]
    if twice:
        raise SystemExit(f"design {twice[0][0][:8]} with seed {twice[0][1]} is there more than once; leave one out.")
    check_alike(
        ((str(n.folder), n.conditions | (n.judged if judged else {})) for n in natives),
        what="results of native.py",
        advice="move the others to a folder of their own",
    )
    return natives


def check_alike(found: Iterable[tuple[str, Conditions]], *, what: str, advice: str) -> None:
    """Refuses what was not made alike.

    Args:
        found: Places (folders, files) and conditions.
        what: Of which they are, in the plural.
        advice: What to do otherwise.

    Raises:
        SystemExit: Some conditions differ; the sentence says which, and where each value was found.
    """
    pairs = list(found)
    names = dict.fromkeys(name for _, conditions in pairs for name in conditions)
    by_value = {name: _places_by_value(pairs, name) for name in names}
    differing = {name: places for name, places in by_value.items() if len(places) > 1}
    if "protocol" in differing:  # its settings differ, too, and need no words
        differing = {name: places for name, places in differing.items() if not name.startswith("protocol.")}
    if differing:
        words = "; ".join(
            f"{name} is " + " and ".join(f"{value} in {_listed(places)}" for value, places in values.items())
            for name, values in differing.items()
        )
        raise SystemExit(f"{what} must be made alike to be compared, but {words}; {advice}.")


def label_conditions(result: RunResult) -> Conditions:
    """What the labels of a run depend on besides design and seed."""
    config = result.task.config
    crossbar = config.hardware.crossbar.model_dump(mode="json", exclude_none=True)  # as before rows could be read apart
    return {
        **_protocol_conditions(load_protocol(config.training.protocol)),
        "data set": result.dataset["digest"],
        **{f"crossbar.{key}": value for key, value in crossbar.items()},
    }


def read_fresh(path: Path) -> tuple[Conditions | None, list[dict[str, Any]]]:
    """The file of fresh_seeds.py: what its labels depend on, and its designs; None in files from before it was kept."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return (None, content) if isinstance(content, list) else (content["labels"], content["designs"])


def norm_words(n_images: int) -> str:
    """Which batch norm noisy chips were judged with."""
    if not n_images:
        return "batch norm of the training"
    return f"batch norm calibrated on each chip with {n_images:,} training images"


def noise_words(judged: Conditions) -> str:
    """The noisy devices of a judgement and their batch norm, as a heading tells them."""
    noise = judged["device noise"]
    if noise is None:
        return "none judged"
    draws, norms = judged["draws of devices"], norm_words(judged["images that calibrate batch norm"])
    return f"{100 * noise['variation_ratio']:g} % variation, {draws} draws, {norms}"


def ratio_at_equal_accuracy(edap: float, accuracy: float, homogeneous: list[tuple[float, float]]) -> float | None:
    """How many times the EDAP of a design homogeneous ones need for its accuracy, by interpolation.

    Args:
        edap: Of the design.
        accuracy: Of the design.
        homogeneous: EDAP and accuracy of homogeneous designs; those that another one dominates are left out, and
            between the others the logarithm of EDAP is linear in accuracy.

    Returns:
        None where the accuracy lies outside of theirs.
    """
    front: list[tuple[float, float]] = []
    for pair in sorted(homogeneous):
        if not front or pair[1] > front[-1][1]:
            front.append(pair)
    if not front or not front[0][1] <= accuracy <= front[-1][1]:
        return None
    costs, accuracies = np.log(np.array(front)[:, 0]), np.array(front)[:, 1]
    return float(np.exp(np.interp(accuracy, accuracies, costs)) / edap)


def _native(path: Path) -> Native:
    if path.name == _LATER:
        judged = _read_judgement(path)
        alone = TrainingResult(
            header=replace(judged.header, dataset=judged.dataset, crossbar=judged.crossbar),
            dataset_name=judged.dataset_name,
            trained_on=None,
            seconds=None,
            validation_emulation=None,
            test=judged.ideal,
            test_with_device_noise=judged.noisy,
            device_noise=judged.device_noise,
        )
        return Native(path=path, result=alone)
    result = read_result(path)
    later = path.with_name(_LATER)
    return Native(path=path, result=_judged_later(later, result) if result.test is None and later.exists() else result)


def read_result(path: Path) -> TrainingResult:
    """A `result.json` of `xpert-evo train`; raises SystemExit where it is something else."""
    try:
        return TrainingResult.from_plain(json.loads(path.read_text(encoding="utf-8")), where=str(path))
    except ValueError as failure:
        raise SystemExit(f"{path} is not a JSON file ({failure}).") from None
    except XpertEvoError as failure:
        raise SystemExit(str(failure)) from None


def _judged_later(path: Path, result: TrainingResult) -> TrainingResult:
    """A result with the judgement in another file; raises SystemExit where that is of another network."""
    judged = _read_judgement(path)
    there, here = judged.header, result.header
    pairs = {name: (getattr(there, name), getattr(here, name)) for name in ("design", "protocol", "started_from")}
    pairs |= {"noise_aware": (there.noise_aware, here.noise_aware), "dataset": (judged.dataset, here.dataset)}
    pairs |= {"crossbar": (judged.crossbar, here.crossbar), "seed": (there.seed, here.seed)}
    if differing := [name for name, (one, other) in pairs.items() if one != other]:
        raise SystemExit(
            f"{path} must be a judgement of the network beside it as it was trained, but its {' and '.join(differing)} "
            "differ; judge that one."
        )
    return replace(result, test=judged.ideal, test_with_device_noise=judged.noisy, device_noise=judged.device_noise)


def _read_judgement(path: Path) -> JudgementResult:
    """What `xpert-evo judge --json` wrote of test images; raises SystemExit where it is something else."""
    try:
        judged = JudgementResult.from_plain(json.loads(path.read_text(encoding="utf-8")), where=str(path))
    except (ValueError, AttributeError, XpertEvoError):
        judged = None
    if judged is None or judged.ideal.split != "test":
        raise SystemExit(
            f"{path} must hold what `xpert-evo judge --json` writes of test images, and does not; judge again."
        )
    return judged


def _protocol_conditions(protocol: TrainingProtocol) -> Conditions:
    settings = protocol.model_dump(mode="json")
    return {"protocol": settings.pop("name"), **{f"protocol.{key}": value for key, value in settings.items()}}


def _places_by_value(pairs: list[tuple[str, Conditions]], name: str) -> dict[str, list[str]]:
    """Where each value of a condition was found, by the value in words."""
    found: dict[str, list[str]] = {}
    for place, conditions in pairs:
        places = found.setdefault(_words(conditions.get(name)), [])
        if place not in places:
            places.append(place)
    return found


def _words(value: object) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _listed(places: Sequence[object]) -> str:
    return ", ".join(map(str, places))
