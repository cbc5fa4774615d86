"""What the study's scripts share: results of native.py that were trained alike, and EDAP at equal accuracy.

Accuracies may be compared only where all but design and seed were the same. A training may be the second leg of another
one (`started_from`), so the protocol alone does not tell. `check_alike` refuses what differs, and says where.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.design import Design, parse_design

if TYPE_CHECKING:  # it takes torch along, which native.py does without
    from xpert_evo.report.result import RunResult

_LATER = "judged.json"
_OF_THE_TRAINING = ("design", "dataset", "protocol", "crossbar", "started_from", "noise_aware")
_OF_THE_JUDGEMENT = ("test", "test_with_device_noise", "device_noise")

Conditions = dict[str, Any]
"""All that accuracies depend on besides design and seed, by a name that people read: plain values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Native:
    """One training of native.py that has ended.

    Attributes:
        design: What was trained.
        path: Its `result.json`; `judged.json` where that is all there is.
        result: What that holds; what it lacks of a judgement is taken from `judged.json` beside it, by
            `xpert-evo judge FOLDER --json`.
    """

    design: Design
    path: Path
    result: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The folder of native.py."""
        return self.path.parents[1]

    @property
    def protocol(self) -> str:
        """The name of how it was trained, with that of the training whose weights it began with."""
        start, name = self.result.get("started_from"), str(self.result["protocol"]["name"])
        return name if start is None else f"{name} after {start['protocol']}"

    @property
    def conditions(self) -> Conditions:
        """Of its training."""
        start = self.result.get("started_from")
        return {
            **_protocol_conditions(self.result["protocol"]),
            "start": "random weights" if start is None else self._words_of(start),
            "noise-aware training": self.result.get("noise_aware"),
            "steps in bfloat16": self._in_bfloat16,
            "data set": self.result["dataset"]["digest"],
            **{f"crossbar.{name}": value for name, value in self.result["crossbar"].items()},
        }

    @property
    def judged(self) -> Conditions:
        """Of its judgement on test images: what was judged, on which devices, with which batch norm.

        Raises:
            SystemExit: It was trained without one.
        """
        ideal, noisy = self.result["test"], self.result["test_with_device_noise"]
        if ideal is None:
            raise SystemExit(
                f"{self.path} must hold a test accuracy, it has none; judge it with `xpert-evo judge "
                f"{self.path.parent} --dataset {self.result['dataset']['name']} --data-dir DATA --noise NOISE "
                f"--seed {self.result['seed']} --json > {self.path.with_name(_LATER)}`, noise as for the others."
            )
        return {
            "test images": ideal["n_images"],
            "emulation": ideal["emulation"],
            "device noise": self.result.get("device_noise") if noisy else None,
            "images with device noise": noisy["n_images"] if noisy else None,
            "draws of devices": noisy["n_draws"] if noisy else None,
            "images that calibrate batch norm": noisy["norm_images"] if noisy else None,
        }

    @property
    def _in_bfloat16(self) -> bool | None:
        """None where it depended on the processor, which a judgement alone does not tell."""
        if "trained_on" in self.result:
            return "bfloat16" in self.result["trained_on"]
        return None if self.result["protocol"].get("bfloat16") else False

    def _words_of(self, start: dict[str, str]) -> str:
        whose = "its own design" if start["design"] == self.design.digest else f"design {start['design'][:8]}"
        return f"weights of {whose} by {start['protocol']}"


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
    twice = [
        native for native, count in Counter((n.design.digest, n.result["seed"]) for n in natives).items() if count > 1
    ]
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


def label_conditions(result: "RunResult") -> Conditions:
    """What the labels of a run depend on besides design and seed."""
    config = result.task.config
    crossbar = config.hardware.crossbar.model_dump(mode="json", exclude_none=True)  # as before rows could be read apart
    return {
        **_protocol_conditions(load_protocol(config.training.protocol).model_dump(mode="json")),
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
        result = _read_judgement(path, alone=True)
        result |= {"seed": result["training_seed"], "validation": result["training_validation"]}
    else:
        result = json.loads(path.read_text(encoding="utf-8"))
        later = path.with_name(_LATER)
        if result["test"] is None and later.exists():
            result |= _judgement(later, result)
    return Native(design=parse_design(result["design"], where=str(path)), path=path, result=result)


def _judgement(path: Path, result: dict[str, Any]) -> dict[str, Any]:
    """What a judgement adds to a result; raises SystemExit where it is of another network."""
    judged = _read_judgement(path)
    pairs = {key: (judged[key], result[key]) for key in _OF_THE_TRAINING}
    pairs["seed"] = (judged["training_seed"], result["seed"])
    if differing := [key for key, (there, here) in pairs.items() if there != here]:
        raise SystemExit(
            f"{path} must be a judgement of the network beside it as it was trained, but its {' and '.join(differing)} "
            "differ; judge that one."
        )
    return {key: judged[key] for key in _OF_THE_JUDGEMENT}


def _read_judgement(path: Path, *, alone: bool = False) -> dict[str, Any]:
    """What `xpert-evo judge --json` wrote of test images; `alone` where no result stands beside it.

    Raises:
        SystemExit: It is something else.
    """
    names = ("training_seed", "training_validation") if alone else ("training_seed",)
    try:
        judged = json.loads(path.read_text(encoding="utf-8"))
        return {key: judged[key] for key in (*_OF_THE_TRAINING, *_OF_THE_JUDGEMENT, *names)}
    except (ValueError, KeyError, TypeError):
        raise SystemExit(
            f"{path} must hold what `xpert-evo judge --json` writes of test images, and does not; judge again."
        ) from None


def _protocol_conditions(settings: dict[str, Any]) -> Conditions:
    others = {f"protocol.{key}": value for key, value in settings.items() if key != "name"}
    return {"protocol": settings["name"], **others}


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
