"""Trains designs at native width, several at a time, with the program's own `train` command; stops and goes on.

    python studies/cifar10/native.py designs.json --out runs/native --data-dir DATA --seeds 3 --at-once 4 --minutes 9

Each pair of design and seed has a folder `<id>-<seed>` with its log, its checkpoint while it runs, and `result.json`
when it has ended. A second call with the same folder skips what has ended and goes on with the rest from their last
epochs, so that a machine that is lent for minutes serves as well as one's own. Prints one line a result. Where
`--start-from` is the `--out` of an earlier call, every design and seed goes on from its own weights there. Noisy chips
keep the batch norm of the training unless `--calibrate-norms` says on how many training images each measures its own.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from alike import norm_words, read_result

from xpert_evo.design import Design, load_designs

NOISE = "variation_ratio=0.05"
"""Device noise of the second judgement: Gaussian conductance variation."""

RESULT = "result.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One design, one seed, and the weights that they begin with; None for random ones."""

    design: Design
    seed: int
    folder: Path
    start_from: Path | None

    def start(self, protocol: str, options: list[str]) -> subprocess.Popen[bytes]:
        """Runs `xpert-evo train` on it; what it says goes to `log.txt`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "design.json"
        path.write_text(json.dumps(self.design.to_plain()), encoding="utf-8")
        command = [sys.executable, "-m", "xpert_evo", "train", str(path), "--protocol", protocol, *options]
        command += ["--seed", str(self.seed), "--noise", NOISE, "--out", str(self.folder)]
        command += ["--start-from", str(self.start_from)] if self.start_from else []
        with (self.folder / "log.txt").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    @property
    def result(self) -> Path:
        """Written when it has ended."""
        return self.folder / RESULT


def main() -> None:
    """Starts, watches, and stops at the end of the time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("designs", type=Path, help="a design, a list of them, or the front.json of a run")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data-dir")
    parser.add_argument("--protocol", default="full")
    parser.add_argument(
        "--start-from",
        type=Path,
        help="weights.safetensors of a design with the same channel depths, its folder, or an earlier call's --out",
    )
    parser.add_argument("--noise-draws", default="5", help="noisy chips to judge with; 0 for ideal devices alone")
    parser.add_argument("--calibrate-norms", default="0", help="training images for each noisy chip's batch norm")
    parser.add_argument("--no-judge", action="store_true", help="train only; the test set is left alone")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="stop what has not ended by then; another call goes on")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes if options.minutes else None
    passed_on = ["--dataset", options.dataset, *(["--data-dir", options.data_dir] if options.data_dir else [])]
    passed_on += ["--ideal", "--noise", "variation_ratio=0.1"]
    passed_on += ["--calibrate-norms", options.calibrate_norms, "--chips", options.noise_draws]
    passed_on += ["--no-judge"] if options.no_judge else []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the trainings are stopped, too
    waiting = iter(_trainings(load_designs(options.designs), options.seeds, options.out, options.start_from))
    running: dict[Training, subprocess.Popen[bytes]] = {}
    failed = 0
    try:
        while True:
            while len(running) < options.at_once and (training := next(waiting, None)) is not None:
                running[training] = training.start(options.protocol, passed_on)
            if not running or (end is not None and time.monotonic() > end):
                break
            time.sleep(0.5)
            for training, process in list(running.items()):
                if process.poll() is not None:
                    del running[training]
                    failed += not _tell(training)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
    left = len(running) + len(list(waiting))
    print(f"{left} trainings left; call again to go on." if left else "all trainings have ended.")
    sys.exit(1 if failed else 0)


def _trainings(designs: list[Design], n_seeds: int, folder: Path, start_from: Path | None) -> list[Training]:
    """What has no result yet: the first seed of all designs before the second of any."""
    trainings = []
    for seed in range(n_seeds):
        for design in designs:
            name = f"{design.digest}-{seed}"
            if not (folder / name / RESULT).exists():
                start = start_from and _start(start_from, name)
                trainings.append(Training(design=design, seed=seed, folder=folder / name, start_from=start))
    return trainings


def _start(path: Path, name: str) -> Path:
    """The weights that a training begins with: the same for all, or, in a folder of this script, its own."""
    if not any(path.glob("*/weights.safetensors")):
        return path
    if not (path / name / "weights.safetensors").exists():
        raise SystemExit(f"{path} must hold {name}/weights.safetensors to go on from, and does not; train that first.")
    return path / name


def _tell(training: Training) -> bool:
    """Prints how a training ended; whether it has a result."""
    name = training.folder.name
    if not training.result.exists():
        words = (training.folder / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        print(f"{name}: failed: {words[-1] if words else 'no word'}", flush=True)
        return False
    result = read_result(training.result)
    found = f"validation {100 * (result.validation_accuracy or 0.0):.2f} %"
    if result.test is not None:
        found += f", test {100 * result.test.mean:.2f} %"
    if (noisy := result.test_with_device_noise) is not None:
        found += f", with device noise {100 * noisy.mean:.2f} % ({norm_words(noisy.norm_images)})"
    print(f"{name}: {found}, {result.seconds or 0.0:.0f} s", flush=True)
    return True


if __name__ == "__main__":
    main()
