"""Feeds broken inputs and odd command lines to the program; every one must end in one sentence, and change nothing.

    python benchmarks/faults/fuzz_inputs.py --cases 5000

Each case takes a good input (settings, a design, constants, a backbone, an archive, a download, a run's store), breaks
it at random and calls a command that reads it, in this process, as the command line does. It passes where the program
accepts it (exit code 0), or where it ends with a documented exit code, exactly one line on standard error, nothing on
standard output, and every file as it was. Anything else is printed and makes the script exit with 1; so does a case
that takes longer than `--patience` seconds.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import resources
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from fuzz_breaking import ODD_VALUES, as_toml, break_bytes, break_value, broken_archive

from hw_models import AdcType
from xpert_evo import cli
from xpert_evo.accuracy.datasets.catalogue import DATASETS
from xpert_evo.backbones import load_backbone
from xpert_evo.config import RunConfig, parse_config
from xpert_evo.design import Design
from xpert_evo.orchestration.start import begin
from xpert_evo.orchestration.trainings import TrainingJob, TrainingReport
from xpert_evo.progress import Silent
from xpert_evo.space import SearchSpace
from xpert_evo.store import FILE_NAME

DOCUMENTED = frozenset({2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 130})
LONGEST = 1300
Maker = Callable[[random.Random], list[str]]

WORDS = [
    "run", "resume", "status", "report", "show", "compare", "export", "evaluate", "sources", "data", "list", "fetch",
    "import", "init", "rnu", "", "--help", "--version", "--json", "--knee", "--quiet", "--dry-run", "--set", "--seed",
    "--dataset", "--out", "--config", "--accuracy", "--id", "--format", "--picture", "--explain", "--executor", "-j",
    "--workers", "--area-limit-mm2", "--labels-from", "--dask-scheduler", "--nonsense", "-z", "cifar10", "cifar",
    "good/design.json", "good/run", "nowhere", "good", "seed=1", "seed=x", "=", "a.b.c=1", "-1", "0", "1e999", "nan",
    "é", "\ud800", "x" * 3000, "json,csv", "pdf", "a\nb", "serial", "tcp://host:1",
]  # fmt: skip


CONSTANTS = {"device": ("devices", "rram-6k.toml"), "technology": ("technologies", "cmos-32nm-lstp.toml")}


def constants_folder(package: str) -> Any:
    """Where the hardware model finds its constants: in the working folder where a case has laid some there."""
    return Path("constants") if Path("constants").exists() else resources.files(package)


def quick(job: TrainingJob) -> TrainingReport:
    """A training that costs nothing, for the run whose store is broken."""
    accuracy = int(job.design.digest[:4], 16) / 0xFFFF
    details: dict[str, Any] = (
        {"test": {"accuracy": accuracy, "n_images": 4, "emulation": "exact"}} if job.judged else {}
    )
    return TrainingReport(validation_accuracy=accuracy, seconds=1.0, details=details)


def make_run(folder: Path) -> None:
    """A small finished run."""
    config = parse_config(
        {
            "space": {"backbone": "vgg8"},
            "search": {"generations": 3, "population_size": 16, "offspring_size": 8, "surrogate": "ridge"},
            "training": {
                "first_designs": 4,
                "rounds": 1,
                "designs_per_round": 2,
                "probes_per_round": 1,
                "finalists": 2,
            },
            "executor": {"kind": "serial"},
        }
    )
    with mock.patch("xpert_evo.orchestration.batches.train_job", quick):
        begin(config, folder, Silent())


class Garbage(BaseHTTPRequestHandler):
    """A server that sends something else than was asked for."""

    def do_GET(self) -> None:
        """Answers with a page, an error, or less than it announced."""
        kind = random.randrange(3)
        self.send_response(404 if kind == 1 else 200)
        self.send_header("Content-Length", "900" if kind == 2 else "500")
        self.end_headers()
        self.wfile.write(bytes(500))

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Inputs:
    """Makers of one broken input each, by name; they write into the working folder and return a command line."""

    def __init__(self, good: Path) -> None:
        self.good = good
        self.settings = RunConfig().to_plain()
        space = SearchSpace(load_backbone("vgg8"))
        genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
        self.design: Design = space.decode(genome)[0]
        (good / "design.json").write_text(self.design.to_json())
        package = resources.files("hw_models")
        self.constants = {kind: (package / folder / name).read_bytes() for kind, (folder, name) in CONSTANTS.items()}
        self.backbone = {
            "name": "mine",
            "layers": [
                {"name": "a", "reference_depth": 64, "pool": True},
                {"name": "b", "reference_depth": 64, "adds": "a", "depth_group": "a", "kernel_size": 3},
                {"name": "c", "reference_depth": 128, "stride": 2, "source": "b"},
                {"name": "classifier", "kind": "linear"},
            ],
        }

    @property
    def makers(self) -> dict[str, Maker]:
        """By name, what makes a case."""
        return {
            "settings file": self.settings_file,
            "--set": self.assignments,
            "design file": self.design_file,
            "constants file": self.constants_file,
            "backbone file": self.backbone_file,
            "data archive": self.archive,
            "download": self.download,
            "store": self.store,
            "command line": self.command_line,
        }

    def unbroken(self) -> list[list[str]]:
        """Command lines with the good inputs, all of which must be accepted, or the others would show nothing."""
        Path("settings.toml").write_text(as_toml(self.settings))
        Path("mine.toml").write_text(as_toml(self.backbone))
        cases = [["run", "--dry-run", "--config", "settings.toml"], ["evaluate", str(self.good / "design.json")]]
        cases += [["run", "--dry-run", "--set", "space.backbone=mine.toml"], ["status", str(self.good / "run")]]
        plain = {kind: tomllib.loads(content.decode()) for kind, content in self.constants.items()}
        self.lay_constants({kind: as_toml(tables).encode() for kind, tables in plain.items()})
        return cases

    def settings_file(self, rng: random.Random) -> list[str]:
        """Settings with something wrong, as a file."""
        text = as_toml(break_value(self.settings, rng)).encode()
        Path("settings.toml").write_bytes(
            break_bytes(as_toml(self.settings).encode(), rng) if rng.random() < 0.5 else text
        )
        return ["run", "--dry-run", "--config", "settings.toml"]

    def assignments(self, rng: random.Random) -> list[str]:
        """One to three odd settings on the command line."""
        words = []
        for _ in range(rng.randint(1, 3)):
            table = rng.choice([name for name, value in self.settings.items() if isinstance(value, dict)])
            name = f"{table}.{rng.choice(sorted(self.settings[table]))}"
            text = f"{name}={rng.choice(ODD_VALUES)}"
            if rng.random() < 0.3:
                text = break_bytes(text.encode(), rng).decode(errors="replace").replace("\x00", "")
            words += ["--set", text]
        return ["run", "--dry-run", *words]

    def design_file(self, rng: random.Random) -> list[str]:
        """A design with something wrong: values, layers, names, bytes, another backbone."""
        plain: Any = self.design.to_plain()
        if rng.random() < 0.1:
            plain["backbone"] = rng.choice(["vgg16", "resnet20", "vgg9"])
        plain = break_value([plain] * rng.randint(1, 2) if rng.random() < 0.3 else plain, rng)
        text = json.dumps(plain).encode()
        Path("design.json").write_bytes(break_bytes(text, rng) if rng.random() < 0.5 else text)
        return ["evaluate", "design.json", "--json"]

    def constants_file(self, rng: random.Random) -> list[str]:
        """The constants of a technology or a device with something wrong; see `constants_folder`."""
        kind = rng.choice(sorted(self.constants))
        plain = break_value(tomllib.loads(self.constants[kind].decode()), rng)
        text = break_bytes(self.constants[kind], rng) if rng.random() < 0.5 else as_toml(plain).encode()
        self.lay_constants({kind: text})
        return ["evaluate", str(self.good / "design.json"), "--json"]

    def lay_constants(self, changed: dict[str, bytes]) -> None:
        """Writes the constants in use into the folder that stands for the package's."""
        for kind, (folder, name) in CONSTANTS.items():
            Path("constants", folder).mkdir(parents=True)
            Path("constants", folder, name).write_bytes(changed.get(kind, self.constants[kind]))

    def backbone_file(self, rng: random.Random) -> list[str]:
        """One's own backbone with something wrong."""
        text = as_toml(break_value(self.backbone, rng)).encode()
        Path("mine.toml").write_bytes(break_bytes(as_toml(self.backbone).encode(), rng) if rng.random() < 0.5 else text)
        return ["run", "--dry-run", "--set", "space.backbone=mine.toml"]

    def archive(self, rng: random.Random) -> list[str]:
        """A data set's archive: truncated, changed, a bomb, with names or links that point elsewhere."""
        Path("archive").write_bytes(broken_archive(rng))
        return ["data", "import", rng.choice(["cifar10", "cifar10", "cifar100", "tiny-imagenet"]), "archive"]

    def download(self, rng: random.Random) -> list[str]:
        """A server that sends something else; the canonical addresses are exchanged for it below."""
        return ["data", "fetch", rng.choice(["cifar10", "cifar100", "tiny-imagenet", "fashion-mnist", "cifar"])]

    def store(self, rng: random.Random) -> list[str]:
        """A run whose store is damaged, or whose folder holds something else."""
        Path("run").mkdir()
        content = (self.good / "run" / FILE_NAME).read_bytes()
        action = rng.random()
        if action < 0.6:
            Path("run", FILE_NAME).write_bytes(break_bytes(content, rng))
        elif action < 0.7:
            Path("run", FILE_NAME).mkdir()
        elif action < 0.9:
            Path("run", FILE_NAME).write_bytes(content)
            Path("run", f"{FILE_NAME}-wal").write_bytes(rng.randbytes(rng.randrange(5000)))
        command = rng.choice(["status", "show", "export", "compare"])
        return [command, "run", *([str(self.good / "run")] if command == "compare" else [])]

    def command_line(self, rng: random.Random) -> list[str]:
        """Words in any order; `run` only tries, and nothing that would train is among them."""
        words = rng.choices(WORDS, k=rng.randint(1, 6))
        words = [word.replace("good", str(self.good), 1) if word.startswith("good") else word for word in words]
        if words[0] == "resume":
            words[0] = "status"
        return ["run", "--dry-run", *words[1:]] if words[0] == "run" else words


def contents(folder: Path) -> dict[str, str]:
    """Every file and its digest, but for what SQLite's readers lay beside a store and downloads to go on with."""
    return {
        str(path.relative_to(folder)): hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal", ".part"))
    }


def call(arguments: list[str]) -> tuple[int | None, str, str]:
    """Exit code, standard output and error of the program; no code where it ended with a traceback."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch("sys.argv", ["xpert-evo", *arguments]),
        mock.patch("hw_models.constants.resources", mock.Mock(files=constants_folder)),
        mock.patch("xpert_evo.cli.dry_run.estimate"),  # it trains for some seconds, once everything is checked
        mock.patch("xpert_evo.cli.dry_run._time_lines", return_value=[]),
    ):
        try:
            cli.main()
        except SystemExit as ending:
            return int(ending.code or 0), out.getvalue(), err.getvalue()
        except BaseException:
            return None, out.getvalue(), traceback.format_exc()
    return None, out.getvalue(), "it returned"


def complaint(code: int | None, out: str, err: str, changed: set[str]) -> str | None:
    """What is wrong with an ending; None where nothing is."""
    if code == 0:
        return None
    if code not in DOCUMENTED:
        return f"exit code {code}: {err.strip()[-300:]}"
    if code == 2 and not err and out.strip().startswith("Usage:"):
        return None  # a command that is nothing without another one shows its help
    if err.count("\n") != 1 or not err.startswith("xpert-evo: ") or len(err) > LONGEST:
        return f"not one sentence: {err[:300]!r}"
    if out.strip():
        return f"wrote to standard output before it failed: {out[:100]!r}"
    return f"changed {sorted(changed)}" if changed else None


def overdue(number: int, frame: FrameType | None) -> None:
    """What the alarm clock calls."""
    raise TimeoutError("it took too long")


def main() -> int:
    """Runs the cases; 0 where every one ended as it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=int, default=30)
    parser.add_argument("--only", help="one kind of input")
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    bad = 0
    signal.signal(signal.SIGALRM, overdue)
    server = HTTPServer(("127.0.0.1", 0), Garbage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, spec in DATASETS.items():
        if spec.url:
            DATASETS[name] = replace(spec, url=f"http://127.0.0.1:{server.server_port}/{name}.tar.gz")
    with tempfile.TemporaryDirectory() as scratch:
        good, work = Path(scratch) / "good", Path(scratch) / "work"
        good.mkdir()
        make_run(good / "run")
        inputs = Inputs(good)
        makers = inputs.makers
        work.mkdir()
        os.chdir(work)
        for arguments in inputs.unbroken():
            code, _, err = call(arguments)
            if code != 0:
                raise SystemExit(f"the good input of {arguments} is not accepted: {err}")
        names = [options.only] if options.only else list(makers)
        for case in range(options.cases):
            name = names[case % len(names)]
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            os.chdir(work)
            arguments = makers[name](random.Random(options.seed * 1_000_003 + case))
            before = contents(Path(scratch))
            signal.alarm(options.patience)
            code, out, err = call(arguments)
            signal.alarm(0)
            changed = {path for path, _ in contents(Path(scratch)).items() ^ before.items()}
            outcomes[f"{name:15} {'accepted' if code == 0 else f'exit code {code}'}"] += 1
            wrong = complaint(code, out, err, changed)
            if wrong:
                bad += 1
                print(f"case {case} ({name}) {' '.join(arguments)[:150]!r}: {wrong}", flush=True)
        os.chdir("/")
    server.shutdown()
    for name, n in sorted(outcomes.items()):
        print(f"{name:30} {n:6}")
    print(f"{options.cases} cases, {bad} without a proper ending")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
