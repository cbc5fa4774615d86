"""Whether labels at native size, as a second fidelity, rank designs better at native size than proxies alone do.

    python benchmarks/native_ranking.py collect native_ranking.json
    python benchmarks/native_ranking.py rank native_ranking.json

`collect` is a cheap stand-in for hours of training: VGG8 on the embedded Fashion-MNIST, 48 designs of at most 350
million multiply-accumulates. All are labelled by a proxy (a sixteenth of the width, 16 x 16 images, 3 epochs of 8,192
images), and 16 of the upper three quarters by rank are trained at a *quarter* of the width, which stands for native
size here (16 x 16 images, too, 3 epochs of 4,096 images). The two differ by a factor of 4 in width; `laptop` and native
trainings differ by 8, in image size and in epochs, too. Both accuracies are of the 2,000 validation images by the exact
emulation on ideal devices, one seed each. It writes after each training, and goes on where it was stopped.

`rank` prints Kendall's tau and the error against the native accuracies: of the proxies' labels, of the surrogate that
was fitted to all of them, and of that surrogate corrected by the *other* designs' native accuracies
(`accuracy/surrogate/second_fidelity.py`; one design left out at a time).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.surrogate.features import macs
from xpert_evo.accuracy.surrogate.fit import fit_surrogate
from xpert_evo.accuracy.surrogate.quality import kendall_tau
from xpert_evo.accuracy.surrogate.second_fidelity import fit_second_fidelity
from xpert_evo.accuracy.training.judge import judge
from xpert_evo.accuracy.training.protocols import TrainingProtocol, load_protocol
from xpert_evo.accuracy.training.training import train_design
from xpert_evo.backbones import load_backbone
from xpert_evo.files import write_text
from xpert_evo.search.seeding import varied_designs
from xpert_evo.space import Genomes, SearchSpace

MOST_MACS = 350e6
PROXY = load_protocol("laptop").model_copy(update={"name": "proxy", "width_divisor": 16})
NATIVE = load_protocol("native-short").model_copy(
    update={"name": "native", "width_divisor": 4, "image_size": 16, "early_sizes": (), "epochs": 3, "n_train": 4_096}
)


def collect(path: Path, n_designs: int, n_native: int) -> None:
    """Labels designs by the proxy, then some of them at native size."""
    dataset = load_dataset("fashion-mnist")
    backbone = load_backbone("vgg8", n_classes=dataset.n_classes, image_channels=dataset.image_channels)
    space = SearchSpace(backbone)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"proxy": {}, "native": {}}
    genomes = small_designs(space, n_designs)

    def label(kind: str, protocol: TrainingProtocol, row: int) -> None:
        design = space.decode(genomes[row : row + 1])[0]
        if str(row) not in known[kind]:
            trained = train_design(design, backbone, dataset, protocol, crossbar=CrossbarSpec(), seed=row, device="cpu")
            known[kind][str(row)] = judge(trained, dataset, split="validation", exact=True, seed=row).mean
            write_text(path, json.dumps(known, indent=1) + "\n")
            print(f"{kind} {row}: {known[kind][str(row)]:.4f} after {trained.seconds:.0f} s", flush=True)

    for row in range(n_designs):
        label("proxy", PROXY, row)
    by_rank = sorted(range(n_designs), key=lambda row: known["proxy"][str(row)])
    chosen = [by_rank[round(i)] for i in np.linspace(n_designs // 4, n_designs - 1, n_native)]
    for row in np.random.default_rng(0).permutation(chosen).tolist():
        label("native", NATIVE, row)


def rank(path: Path) -> None:
    """Prints the table."""
    known = json.loads(path.read_text(encoding="utf-8"))
    space = SearchSpace(load_backbone("vgg8", n_classes=10, image_channels=1))
    genomes = small_designs(space, len(known["proxy"]))
    labels = np.array([known["proxy"][str(row)] for row in range(len(genomes))])
    rows = [int(row) for row in known["native"]]
    native = np.array(list(known["native"].values()))
    surrogate = fit_surrogate(space, genomes, labels, crossbar=CrossbarSpec(), seed=0)
    expected = surrogate.predict(genomes[rows])[0]
    report = fit_second_fidelity(space, genomes[rows], expected, native, crossbar=CrossbarSpec()).report
    spread = f"{100 * native.min():.1f} to {100 * native.max():.1f} %"
    print(f"{len(rows)} native trainings, {spread}; surrogate {surrogate.report.chosen} on {len(labels)} proxies")
    print(f"{'ranked by':38s} {'tau':>6s} {'error, points':>14s}")
    print(f"{'multiply-accumulates':38s} {kendall_tau(macs(space, genomes[rows]), native):6.2f}")
    print(f"{'labels of the proxies':38s} {kendall_tau(labels[rows], native):6.2f}")
    print(f"{'surrogate, shift and slope':38s} {report.tau_proxy:6.2f} {100 * report.rmse_proxy:14.2f}")
    print(f"{'the same, corrected by layers':38s} {report.tau_corrected:6.2f} {100 * report.rmse_corrected:14.2f}")
    print(f"the correction {'is used' if report.helps else 'is not used'}")


def small_designs(space: SearchSpace, n_designs: int) -> Genomes:
    """Varied designs of at most `MOST_MACS`, the same for the same space."""
    genomes = varied_designs(space, 6 * n_designs, np.random.default_rng(0))
    return genomes[macs(space, genomes) <= MOST_MACS][:n_designs]


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("collect", "rank"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--designs", type=int, default=48)
    parser.add_argument("--natives", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "collect":
        collect(options.path, options.designs, options.natives)
    else:
        rank(options.path)


if __name__ == "__main__":
    main()
