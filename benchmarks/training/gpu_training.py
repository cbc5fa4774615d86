"""Training on a GPU: images a second and designs an hour for several processes on one device, and one full training.

1. The same design is trained by 1, 2, 3 and 4 processes at once: by `laptop`, whose small networks leave most of a GPU
   idle, and for two epochs by `full`.
2. One design is trained to the end by `full` and judged by the exact emulation on the test images.

Without a GPU it says so and ends with exit code 1.

Usage: python benchmarks/training/gpu_training.py [--dataset NAME] [--data-dir FOLDER] [--processes N] [--only PROTOCOL]
       [--skip-full]
"""

import argparse
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import Dataset, load_dataset
from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.protocols import TrainingProtocol, load_protocol
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.backbones import load_backbone
from xpert_evo.space import SearchSpace

SHORT = {
    "laptop": load_protocol("laptop"),
    "full": load_protocol("full").model_copy(update={"epochs": 2}),
}
"""What is timed; two epochs of `full` tell its speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all trainings share: images and device."""

    dataset: str
    data_dir: Path | None
    device: str

    def images(self) -> Dataset:
        """The data set."""
        return load_dataset(self.dataset, self.data_dir)


def trained(setting: Setting, protocol: TrainingProtocol, *, seed: int) -> TrainedDesign:
    """Homogeneous VGG16, 6-bit SAR ADCs, 6-bit inputs."""
    dataset = setting.images()
    backbone = load_backbone("vgg16", n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    space = SearchSpace(backbone)
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=6)

    def tell(epoch: Epoch) -> None:
        if protocol.name == "full" and protocol.epochs > SHORT["full"].epochs:
            print(f"  epoch {epoch.number}/{protocol.epochs}: loss {epoch.loss:.4f}, {epoch.seconds:.1f} s", flush=True)

    return train_design(
        space.decode(genome)[0],
        backbone,
        dataset,
        protocol,
        crossbar=CrossbarSpec(reference_columns=1),
        seed=seed,
        device=setting.device,
        on_epoch=tell,
    )


def worker(setting: Setting, protocol_name: str, seed: int, together: "Together") -> None:
    """Warms the device up with one training, waits for the others, trains again and reports its seconds."""
    protocol = SHORT[protocol_name]
    trained(setting, protocol.model_copy(update={"epochs": 1, "n_train": 2_048}), seed=seed)
    together.start.wait()
    together.seconds.put(trained(setting, protocol, seed=seed).seconds)


class Together:
    """A common start, and where the processes put their seconds."""

    def __init__(self, n_processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.start = context.Barrier(n_processes + 1)
        self.seconds = context.Queue()


def timed(setting: Setting, protocol_name: str, n_processes: int) -> float:
    """Seconds from the common start until the last of `n_processes` trainings ends."""
    together = Together(n_processes)
    context = multiprocessing.get_context("spawn")
    arguments = ((setting, protocol_name, seed, together) for seed in range(n_processes))
    processes = [context.Process(target=worker, args=args) for args in arguments]
    for process in processes:
        process.start()
    together.start.wait(timeout=300)
    start = time.perf_counter()
    for _ in processes:
        together.seconds.get(timeout=600)
    elapsed = time.perf_counter() - start
    for process in processes:
        process.join()
    return elapsed


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--processes", type=int, default=4, help="at most so many at once")
    parser.add_argument("--only", action="append", choices=list(SHORT))
    parser.add_argument("--device", default="cuda", help="cpu to try the script itself; its figures mean nothing")
    parser.add_argument("--skip-full", action="store_true", help="leave the long training out")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("This benchmark needs a CUDA GPU, and torch finds none: run it on a machine that has one.")
    device_name = torch.cuda.get_device_name() if options.device == "cuda" else options.device
    print(f"{device_name}, torch {torch.__version__}, {options.dataset}")
    setting = Setting(dataset=options.dataset, data_dir=options.data_dir, device=options.device)
    n_images = len(setting.images().train)
    print(f"{'protocol':10}{'processes':>10}{'seconds':>10}{'images/s':>12}{'designs/h':>11}")
    for protocol_name in options.only or SHORT:
        protocol = SHORT[protocol_name]
        own_epochs = load_protocol(protocol_name).epochs
        for n in range(1, options.processes + 1):
            seconds = timed(setting, protocol_name, n)
            images = n * protocol.epochs * min(protocol.n_train or n_images, n_images)
            hourly = n * 3600 / (seconds * own_epochs / protocol.epochs)
            print(f"{protocol_name:10}{n:>10}{seconds:10.1f}{images / seconds:12,.0f}{hourly:11.1f}", flush=True)
    if options.skip_full:
        return
    full = load_protocol("full")
    done = trained(setting, full, seed=0)
    start = time.perf_counter()
    found = judge(done, setting.images())
    judging = time.perf_counter() - start
    print(f"full: test {found.mean:.2%} of {found.n_images:,} images ({found.emulation}), one seed; validation")
    print(f"{done.validation_accuracy:.2%} (fast form); trained in {done.seconds:.0f} s, judged in {judging:.0f} s")


if __name__ == "__main__":
    main()
