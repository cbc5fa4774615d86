"""Commands beside the search, through the command line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hw_models import AdcType
from tests.command_line import ended
from tests.small_runs import judge_few_images
from xpert_evo.backbones import load_backbone
from xpert_evo.config import RunConfig, load_config
from xpert_evo.space import SearchSpace

pytestmark = pytest.mark.usefixtures("quick_estimates")


def in_a_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xpert_evo", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the command."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def design(tmp_path: Path) -> Path:
    space = SearchSpace(load_backbone("vgg16"))
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
    path = tmp_path / "design.json"
    path.write_text(space.decode(genome)[0].to_json())
    return path


def test_evaluate_gives_the_reference_figures_of_homogeneous_vgg16(design: Path) -> None:
    outcome = in_a_process(
        "evaluate", design, "--dataset", "cifar10", "--model", "xpertsim", "--set", "hardware.device=rram-6k", "--json"
    )
    assert outcome.returncode == 0, outcome.stderr
    [cost] = json.loads(outcome.stdout)
    # The reference simulator's sums over this network (Moitra et al., DAC 2023; device of 6 kohm, on/off 150).
    assert cost["total"]["area_mm2"] == pytest.approx(71.0123, rel=0.01)
    assert cost["total"]["latency_us"] == pytest.approx(7323.83, rel=0.01)
    assert cost["total"]["energy_uj"] == pytest.approx(88.6684, rel=0.01)
    for quantity, scale in (("area_um2", 1e-6), ("latency_ns", 1e-3), ("energy_pj", 1e-6)):
        total = cost["total"][{"area_um2": "area_mm2", "latency_ns": "latency_us", "energy_pj": "energy_uj"}[quantity]]
        assert scale * sum(layer[quantity] for layer in cost["layers"]) == pytest.approx(total)
        for layer in cost["layers"]:
            assert sum(layer["components"][quantity].values()) == pytest.approx(layer[quantity])


def test_evaluate_shows_layers_and_components(design: Path) -> None:
    outcome = ended("evaluate", design)
    assert outcome.returncode == 0, outcome.stderr
    for word in ("conv13", "classifier", "buffers", "TOPS/W"):
        assert word in outcome.stdout
    # All ADCs of the design are 6-bit SAR: (6 x 43 + 64 x 1.63 + 1 fJ) over the survey's 64 x 2.2 fJ.
    told = outcome.stdout.replace("\n", " ")
    assert "times the limit of the published survey" in told
    assert f"{(6 * 43 + 64 * 1.63 + 1) / (64 * 2.2):.3g} times the limit" in told


def test_explain_ends_at_constants_with_units_and_sources(design: Path) -> None:
    outcome = ended("evaluate", design, "--explain", "conv4", "--model", "xpertsim")
    assert outcome.returncode == 0, outcome.stderr
    assert "sar.bit_um2" in outcome.stdout
    assert "DAC 2023" in outcome.stdout
    missing = ended("evaluate", design, "--explain", "conv44")
    assert missing.returncode == 2
    assert "no layer 'conv44'; known: classifier, conv1, " in missing.stderr, "a layer of another number is not meant"


def test_sources_names_the_paper_and_every_fit(design: Path) -> None:
    outcome = ended("sources")
    assert outcome.returncode == 0, outcome.stderr
    assert "2303.17646" in outcome.stdout


def test_init_writes_settings_that_change_nothing_and_never_overwrites(empty_folder: Path) -> None:
    outcome = ended("init")
    assert outcome.returncode == 0, outcome.stderr
    path = empty_folder / "xpert-evo.toml"
    assert load_config(path) == RunConfig()
    path.write_text("seed = 7\n")
    assert ended("init").returncode == 2
    assert path.read_text() == "seed = 7\n"


def test_dry_run_shows_settings_and_task_and_writes_nothing(empty_folder: Path) -> None:
    quick = ("--set", "training.protocol=smoke", "--set", "training.finalist_protocol=smoke", "-j", "3")
    outcome = ended("run", "--dry-run", "--set", "search.generations=9", *quick)
    assert outcome.returncode == 0, outcome.stderr
    assert "search.generations = 9" in outcome.stdout
    assert "training.judge_chips = 3 (1: chips of rram-100k are alike)" in outcome.stdout
    assert "about 10^45 designs" in outcome.stdout
    assert "reachable area" in outcome.stdout
    assert "processes, 3 workers of one thread each" in outcome.stdout
    assert "training.first_designs = 14 leaves 1 of 3 workers idle" in outcome.stdout
    assert "output folder: runs/fashion-mnist-0" in outcome.stdout
    assert re.search(r"time: about \d+ \w+ with 3 workers; per training", outcome.stdout)
    assert list(empty_folder.iterdir()) == []


def test_data_list_names_all_data_sets(empty_folder: Path) -> None:
    outcome = ended("data", "list")
    assert outcome.returncode == 0, outcome.stderr
    for name in ("fashion-mnist", "cifar10", "cifar100", "tiny-imagenet"):
        assert name in outcome.stdout


def test_train_reports_device_noise_and_leaves_the_network_and_its_result_alone(
    design: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_few_images(monkeypatch)
    folder = tmp_path / "trained"
    outcome = ended(
        "train", design, "--protocol", "smoke", "--noise", "variation_ratio=0.05", "--noise-draws", "2", "--out", folder
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "2 chips" in outcome.stdout
    result = json.loads((folder / "result.json").read_text())
    assert result["protocol"]["name"] == "smoke"
    assert result["test_with_device_noise"]["n_draws"] == 2
    assert sorted(path.name for path in folder.iterdir()) == ["result.json", "weights.safetensors"]
    assert (folder / "weights.safetensors").stat().st_size > 1000


def test_status_does_not_load_the_libraries_of_surrogates(tmp_path: Path) -> None:
    probe = (
        "import sys, xpert_evo.cli.status, xpert_evo.cli.results\n"
        "print(sorted({'torch', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path
    )
    assert outcome.stdout == "['torch']\n"


def test_help_and_version_do_not_load_the_heavy_libraries() -> None:
    probe = (
        "import sys; from xpert_evo.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'pymoo', 'matplotlib', 'sklearn', 'numpy'} & set(sys.modules)))"
    )
    for option in ("--help", "--version"):
        command = [sys.executable, "-c", probe, option]
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert outcome.stdout.endswith("[]\n")
    assert "torch 2" in outcome.stdout
