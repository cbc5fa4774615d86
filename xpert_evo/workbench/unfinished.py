"""A judgement in progress, stored in a file beside the weights; an interruption costs only the current draw."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from xpert_evo.errors import InterruptedRunError
from xpert_evo.files import write_text

IDEAL = "ideal"
_NOISY = "noisy"


def part_of(number: int) -> str:
    """Name of the draws at one of several times, counted from 0."""
    return f"{_NOISY}-{number}" if number else _NOISY


class UnfinishedJudgement:
    """Accuracies of the draws judged so far; the file is deleted when the judgement has finished.

    Args:
        weights: Weights file that is judged.
        conditions: Everything else that determines an accuracy; each set of conditions has its own file.
    """

    def __init__(self, weights: Path, conditions: Mapping[str, object]) -> None:
        of = [hashlib.sha256(weights.read_bytes()).hexdigest(), conditions]
        name = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]
        self.path = weights.parent / f"judging-{name}.json"
        self._accuracies: dict[str, list[float]] = {}
        with suppress(OSError, ValueError, AttributeError, TypeError):  # none yet, or damaged: judge anew
            found = json.loads(self.path.read_text(encoding="utf-8"))
            self._accuracies = {part: [float(a) for a in draws] for part, draws in found.items()}

    def of(self, part: str) -> list[float]:
        """Accuracies of the draws of a part, in order."""
        return list(self._accuracies.get(part, []))

    def add(self, part: str, accuracy: float) -> None:
        """Adds the accuracy of a draw and stores it, or keeps it in memory if the folder is not writable."""
        self._accuracies.setdefault(part, []).append(accuracy)
        with suppress(OSError):
            write_text(self.path, json.dumps(self._accuracies) + "\n")


@contextmanager
def unfinished_judgement(weights: Path, conditions: Mapping[str, object]) -> Iterator[UnfinishedJudgement]:
    """The draws of an interrupted judgement; stores further ones, and deletes the file when all are judged.

    Raises:
        InterruptedRunError: Ctrl-C.
    """
    so_far = UnfinishedJudgement(weights, conditions)
    try:
        yield so_far
    except KeyboardInterrupt:
        kept = so_far.path.is_file()
        found = f"finished draws are kept in {so_far.path}" if kept else "no finished draw is kept"
        how = "continue from there" if kept else "start again"
        raise InterruptedRunError(f"stopped; {found}. The same command will {how}.") from None
    with suppress(OSError):
        so_far.path.unlink(missing_ok=True)
