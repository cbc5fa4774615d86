"""How right the time left was: replays the trainings of finished runs with their own clock.

    python benchmarks/running/time_left.py RUN...

For every training that ended after a fifth of the run it compares what the progress would have told with what was
left. A run that was interrupted, or shared its machine, says little. Prints errors as shares of the time left, for the
moments at which at least a twentieth of the run was left.
"""

import argparse
import sqlite3
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.design import design_from_text
from xpert_evo.orchestration.effort import images_trained, work_of
from xpert_evo.orchestration.names import FINALISTS, REUSED, SEARCHED
from xpert_evo.orchestration.tally import Tally
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.report.result import RunResult, load_result
from xpert_evo.store import FILE_NAME, Store

FROM, TO = 0.2, 0.95


def main() -> None:
    """Replays the runs that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--workers", type=int, default=2, help="that the runs had")
    arguments = parser.parse_args()
    for folder in arguments.runs:
        moments = replay(folder, arguments.workers)
        errors = np.array([error for share, error in moments if FROM <= share <= TO])
        print(
            f"{folder.name}: {len(errors)} moments, error median {100 * np.median(errors):+.0f} %, from "
            f"{100 * errors.min():+.0f} to {100 * errors.max():+.0f} %, within 25 %: "
            f"{100 * np.mean(np.abs(errors) <= 0.25):.0f} % of them"
        )
        print("   " + " ".join(f"{share:.2f}:{100 * error:+.0f}" for share, error in moments))


def replay(folder: Path, n_workers: int) -> list[tuple[float, float]]:
    """(share of the run that was over, error of the time left as a share of it) when each training ended."""
    with Store.open_readonly(folder) as store:
        result, plans = load_result(store), [plan for plan in store.plans() if plan.batch != REUSED]
    designs = {plan.digest: design_from_text(plan.design) for plan in plans}
    space = result.task.space
    size = {digest: float(macs(space, space.encode([design]))[0]) for digest, design in designs.items()}
    begins, ends = _times(folder)
    now = SimpleNamespace(s=begins[0][0])
    tally = Tally(n_workers, clock=lambda: now.s)
    _expect(tally, result)
    moments = []
    events = sorted([(at, "begin", batch, 0.0) for at, batch in begins] + [(at, "end", key, s) for at, key, s in ends])
    first, last = events[0][0], events[-1][0]
    batches = {(plan.digest, plan.context): plan.batch for plan in plans}
    for at, what, key, seconds in events:
        now.s = at
        if what == "begin":
            kind = FINALISTS if key == FINALISTS else SEARCHED
            tally.begin(kind, [size[plan.digest] for plan in plans if plan.batch == key])
            continue
        kind = FINALISTS if batches[key] == FINALISTS else SEARCHED
        tally.add(kind, seconds, size[key[0]])
        left = tally.left_s()
        if left is not None and at < last:
            moments.append(((at - first) / (last - first), left / (last - at) - 1))
    return moments


def _expect(tally: Tally, result: RunResult) -> None:
    training, dataset = result.config.training, cached_dataset(result.config.dataset)
    n_test = min(training.judge_images or len(dataset.test), len(dataset.test))
    for kind, name, n in (
        (SEARCHED, training.protocol, training.n_labels),
        (FINALISTS, training.finalist_protocol, training.finalists + 1),
    ):
        protocol = load_protocol(name)
        judged = min(protocol.n_validation or len(dataset.validation), len(dataset.validation))
        judged += n_test if kind == FINALISTS else 0
        tally.expect(
            kind,
            n,
            work=work_of(protocol, len(dataset.train), judged),
            images=images_trained(protocol, len(dataset.train)),
            batch_size=None if kind == FINALISTS else training.designs_per_round,
        )


def _times(folder: Path) -> tuple[list[tuple[float, str]], list[tuple[float, tuple[str, str], float]]]:
    """(seconds, batch) of every plan, and (seconds, (digest, context), duration) of every training."""
    with sqlite3.connect(f"file:{folder / FILE_NAME}?mode=ro", uri=True) as connection:
        planned = connection.execute("SELECT at, text FROM events WHERE kind = 'planned' ORDER BY id").fetchall()
        trained = connection.execute(
            "SELECT at, digest, context, seconds FROM trainings WHERE failure IS NULL ORDER BY id"
        ).fetchall()
    connection.close()
    begins = [(_seconds(at), text.partition(":")[0]) for at, text in planned]
    return begins, [(_seconds(at), (digest, context), seconds) for at, digest, context, seconds in trained]


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


if __name__ == "__main__":
    main()
