"""A judgement under way, kept in a file beside the weights: an interruption costs the draw that was being judged."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from xpert_evo.errors import InterruptedRunError
from xpert_evo.files import write_text

IDEAL, NOISY = "ideal", "noisy"


class UnfinishedJudgement:
    """Accuracies of the draws that were judged so far; forgotten once the judgement has ended.

    Args:
        weights: The file that is judged.
        conditions: All that decides an accuracy besides it; a judgement under other ones has a file of its own.
    """

    def __init__(self, weights: Path, conditions: Mapping[str, object]) -> None:
        of = [hashlib.sha256(weights.read_bytes()).hexdigest(), conditions]
        name = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]
        self.path = weights.parent / f"judging-{name}.json"
        self._accuracies: dict[str, list[float]] = {}
        with suppress(OSError, ValueError):  # none yet, or damaged: judge anew
            found = json.loads(self.path.read_text(encoding="utf-8"))
            self._accuracies = {part: [float(a) for a in found.get(part, [])] for part in (IDEAL, NOISY)}

    def of(self, part: str) -> list[float]:
        """Accuracies of the draws of a part, in their order."""
        return list(self._accuracies.get(part, []))

    def add(self, part: str, accuracy: float) -> None:
        """Keeps another draw's; beside weights that lie where nothing can be written, in memory alone."""
        self._accuracies.setdefault(part, []).append(accuracy)
        with suppress(OSError):
            write_text(self.path, json.dumps(self._accuracies) + "\n")


@contextmanager
def unfinished_judgement(weights: Path, conditions: Mapping[str, object]) -> Iterator[UnfinishedJudgement]:
    """What an earlier call has judged already; keeps what this one does, and forgets it when all is judged.

    Raises:
        InterruptedRunError: In place of Ctrl-C.
    """
    so_far = UnfinishedJudgement(weights, conditions)
    try:
        yield so_far
    except KeyboardInterrupt:
        kept = so_far.path.is_file()
        found = f"what was judged is kept in {so_far.path}" if kept else "nothing of the judgement is kept"
        how = "go on from there" if kept else "judge from the start"
        raise InterruptedRunError(f"stopped; {found}. The same command will {how}.") from None
    with suppress(OSError):
        so_far.path.unlink(missing_ok=True)
