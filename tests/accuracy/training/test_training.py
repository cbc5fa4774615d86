"""Trainings: they learn, repeat bit for bit, survive interruptions, and tell failures apart from labels."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.swa_utils import AveragedModel

from hw_models import AdcType, CrossbarSpec
from xpert_evo.accuracy.crossbars.network import CrossbarNetwork, Product
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.accuracy.crossbars.quantisers import quantise_input
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training import epoch, mixed_precision
from xpert_evo.accuracy.training.checkpoints import Epoch
from xpert_evo.accuracy.training.images import augmented, full_batches, resized, with_squares_hidden
from xpert_evo.accuracy.training.optimisers import learning_rate_factor, orthogonalised
from xpert_evo.accuracy.training.protocols import PROTOCOLS, TrainingProtocol, load_protocol, trains_proxies
from xpert_evo.accuracy.training.training import TrainedDesign, train_design
from xpert_evo.accuracy.training.weights import Start, read_start, save_weights
from xpert_evo.accuracy.training.weights_header import NetworkReference
from xpert_evo.backbones import Backbone, BackboneLayer, LayerKind, load_backbone
from xpert_evo.design import Design
from xpert_evo.errors import ConfigError, DataError, TrainingError
from xpert_evo.space import SearchSpace

OF_THE_DESIGN_ITSELF = {"native-short", "overnight", "long-night", "second-night", "fine-tune", "full"} | {
    "one-night",
    "long-second-night",
    "averaged-night",
    "chip-tune",
    "exact-tune",
}


class StoppedError(Exception):
    """Stands for a kill between epochs."""


class Trainer:
    """Trains the design of the fixtures with changed settings."""

    def __init__(self, *, design: Design, backbone: Backbone, dataset: Dataset, protocol: TrainingProtocol) -> None:
        self.design, self.backbone, self.dataset, self.protocol = design, backbone, dataset, protocol

    def __call__(
        self,
        seed: int = 0,
        checkpoint: Path | None = None,
        stop_after: int | None = None,
        start_from: Start | None = None,
        devices: NonIdealities | None = None,
    ) -> TrainedDesign:
        def on_epoch(epoch: Epoch) -> None:
            if epoch.number == stop_after:
                raise StoppedError

        return train_design(
            self.design,
            self.backbone,
            self.dataset,
            self.protocol,
            crossbar=CrossbarSpec(reference_columns=1),
            seed=seed,
            device="cpu",
            checkpoint=checkpoint,
            start_from=start_from,
            devices=devices,
            on_epoch=on_epoch,
        )


@pytest.fixture
def trainer(design: Design, backbone: Backbone, dataset: Dataset, protocol: TrainingProtocol) -> Trainer:
    return Trainer(design=design, backbone=backbone, dataset=dataset, protocol=protocol)


def weights(trained: TrainedDesign) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in trained.network.state_dict().values()])


def test_a_training_learns_and_reports_its_epochs(trainer: Trainer) -> None:
    trained = trainer()
    assert trained.validation_accuracy > 0.6
    assert [epoch.number for epoch in trained.history] == [1, 2, 3]
    assert trained.history[-1].loss < trained.history[0].loss
    assert 0 < trained.history[0].seconds < trained.seconds


def test_the_same_seed_gives_the_same_network_bit_for_bit_and_another_seed_another(trainer: Trainer) -> None:
    first, again, other = trainer(seed=1), trainer(seed=1), trainer(seed=2)
    assert torch.equal(weights(first), weights(again))
    assert first.validation_accuracy == again.validation_accuracy
    assert not torch.equal(weights(first), weights(other))


def test_the_global_random_state_neither_matters_nor_changes(trainer: Trainer) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = trainer()
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(weights(first), weights(trainer()))


@pytest.mark.parametrize("stop_after", [1, 2, 3])
@pytest.mark.parametrize(
    "changes", [{}, {"leave_out": 0.5, "components": 3, "epochs": 5}, {"exact": True}, {"average": 0.6}]
)
def test_a_training_resumed_from_its_checkpoint_ends_like_one_that_was_never_stopped(
    trainer: Trainer, tmp_path: Path, stop_after: int, changes: dict[str, Any]
) -> None:
    trainer.protocol = trainer.protocol.model_copy(update=changes)
    checkpoint = tmp_path / "training.safetensors"
    with pytest.raises(StoppedError):
        trainer(checkpoint=checkpoint, stop_after=stop_after)
    resumed = trainer(checkpoint=checkpoint)
    whole = trainer()
    assert torch.equal(weights(resumed), weights(whole))
    assert resumed.validation_accuracy == whole.validation_accuracy
    assert [epoch.loss for epoch in resumed.history] == [epoch.loss for epoch in whole.history]
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_a_checkpoint_of_another_training_is_refused(trainer: Trainer, tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.safetensors"
    trainer(seed=1, checkpoint=checkpoint)
    with pytest.raises(TrainingError, match="another training with a different seed; choose another folder"):
        trainer(seed=2, checkpoint=checkpoint)


@pytest.mark.parametrize("content", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", b"nonsense" * 99])
def test_a_damaged_checkpoint_is_named(trainer: Trainer, tmp_path: Path, content: bytes) -> None:
    checkpoint = tmp_path / "training.safetensors"
    checkpoint.write_bytes(content)
    with pytest.raises(TrainingError, match=r"training\.safetensors cannot be read"):
        trainer(checkpoint=checkpoint)


def test_a_noise_aware_training_repeats_after_an_interruption_and_its_checkpoint_is_its_own(
    trainer: Trainer, tmp_path: Path
) -> None:
    checkpoint, noise = tmp_path / "training.safetensors", NonIdealities(variation_ratio=0.05)
    whole = trainer(devices=noise)
    with pytest.raises(StoppedError):
        trainer(devices=noise, checkpoint=checkpoint, stop_after=1)
    with pytest.raises(TrainingError, match="another training"):
        trainer(checkpoint=checkpoint)
    assert torch.equal(weights(trainer(devices=noise, checkpoint=checkpoint)), weights(whole))
    assert not torch.equal(weights(trainer()), weights(whole))


@pytest.fixture
def start(trainer: Trainer, tmp_path: Path) -> Start:
    """A trained network, by way of its file; afterwards the trainer fine-tunes it for 3-bit ADCs, two epochs."""
    trained = trainer()
    save_weights(trained, tmp_path / "weights.safetensors")
    layers = [layer.model_copy(update={"adc_precision": 3}) for layer in trainer.design.layers]
    trainer.design = trainer.design.model_copy(update={"layers": tuple(layers)})
    trainer.protocol = trainer.protocol.model_copy(update={"name": "tune", "epochs": 2, "learning_rate": 0.01})
    return read_start(tmp_path / "weights.safetensors")


def test_fine_tuning_begins_with_the_given_weights_and_says_whose_they_are(trainer: Trainer, start: Start) -> None:
    still = {"learning_rate": 1e-9, "classifier_learning_rate": 1e-9}
    trainer.protocol = trainer.protocol.model_copy(update=still)
    tuned = trainer(seed=5, start_from=start)
    for name, weight in tuned.network.named_parameters():
        # Muon keeps the weights' norm at a fixed number, so steps of nearly nothing still rescale them.
        torch.testing.assert_close(weight.detach(), start.tensors[name], rtol=2e-3, atol=1e-5)
    begun = tuned.header.started_from
    assert begun == NetworkReference(design=start.design, protocol=start.protocol, weights_sha256=start.digest)
    assert tuned.design.digest != start.design


def test_an_interrupted_fine_tuning_ends_like_a_whole_one(trainer: Trainer, start: Start, tmp_path: Path) -> None:
    checkpoint = tmp_path / "tuning.safetensors"
    with pytest.raises(StoppedError):
        trainer(checkpoint=checkpoint, stop_after=1, start_from=start)
    resumed = trainer(checkpoint=checkpoint, start_from=start)
    assert torch.equal(weights(resumed), weights(trainer(start_from=start)))
    with pytest.raises(TrainingError, match="another training"):
        trainer(checkpoint=checkpoint)


def test_weights_of_other_channel_depths_are_no_start(trainer: Trainer, start: Start) -> None:
    wider = trainer.design.layers[0].model_copy(update={"channel_depth": 512})
    layers = (wider, *trainer.design.layers[1:])
    trainer.design = trainer.design.model_copy(update={"layers": layers})
    with pytest.raises(TrainingError, match=r"conv1 has 4 x 1 there and 16 x 1 here .* at least as large"):
        trainer(start_from=start)


def test_a_checkpoint_is_no_start(trainer: Trainer, tmp_path: Path) -> None:
    trainer(checkpoint=tmp_path / "checkpoint.safetensors")
    with pytest.raises(TrainingError, match="contains no trained design"):
        read_start(tmp_path / "checkpoint.safetensors")


def test_a_diverged_training_is_an_error_with_its_reason(trainer: Trainer) -> None:
    trainer.protocol = trainer.protocol.model_copy(update={"classifier_learning_rate": 1e30})
    with pytest.raises(TrainingError, match="diverged"):
        trainer()


def test_data_that_do_not_fit_the_backbone_are_refused(trainer: Trainer) -> None:
    trainer.backbone = load_backbone("vgg8", n_classes=10, image_channels=3)
    with pytest.raises(DataError, match="4 classes and 1 image channels"):
        trainer()


def test_residual_networks_train_as_well(trainer: Trainer) -> None:
    trainer.backbone = load_backbone("resnet20", n_classes=4, image_channels=1)
    space = SearchSpace(trainer.backbone)
    trainer.design = space.decode(space.random(np.random.default_rng(0), 1))[0]
    trainer.protocol = trainer.protocol.model_copy(update={"epochs": 1})
    assert 0 <= trainer().validation_accuracy <= 1


def test_protocols_have_their_names_and_distinct_digests() -> None:
    assert set(PROTOCOLS) == {"smoke", "laptop", "laptop-finalist"} | OF_THE_DESIGN_ITSELF
    assert all(protocol.name == name for name, protocol in PROTOCOLS.items())
    assert len({protocol.digest for protocol in PROTOCOLS.values()}) == len(PROTOCOLS)
    with pytest.raises(ConfigError, match="did you mean 'laptop'"):
        load_protocol("labtop")


def test_protocols_that_train_the_design_itself_are_told_from_those_of_proxies() -> None:
    assert {name for name in PROTOCOLS if not trains_proxies(name)} == OF_THE_DESIGN_ITSELF
    assert trains_proxies("of another version")


def test_orthogonalised_updates_have_singular_values_near_one() -> None:
    matrix = torch.randn(16, 72, generator=torch.Generator().manual_seed(0))
    for candidate in (matrix, matrix.T):
        values = torch.linalg.svdvals(orthogonalised(candidate))
        assert values.min() > 0.3
        assert values.max() < 1.4


def test_orthogonalising_by_gram_matrices_is_iterating_on_the_matrix_itself() -> None:
    matrix = torch.randn(16, 72, generator=torch.Generator().manual_seed(0))
    for candidate in (matrix, matrix.T):
        x = candidate.double() / candidate.norm()
        for a, b, c in ((3.4445, -4.7750, 2.0315),) * 3:
            x = a * x + b * (x @ x.T @ x) + c * (x @ x.T @ x @ x.T @ x)
        torch.testing.assert_close(orthogonalised(candidate), x.float(), rtol=1e-4, atol=1e-5)


def test_an_update_in_bfloat16_is_nearly_the_same() -> None:
    matrix = torch.randn(16, 72, generator=torch.Generator().manual_seed(0))
    coarse = orthogonalised(matrix, bfloat16=True)
    assert coarse.dtype is torch.float32
    assert 0 < float((coarse - orthogonalised(matrix)).norm() / coarse.norm()) < 0.02


def test_a_checkpoint_of_steps_in_bfloat16_is_not_gone_on_from_in_float32(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer.protocol = trainer.protocol.model_copy(update={"bfloat16": True})
    checkpoint = tmp_path / "training.safetensors"
    monkeypatch.setattr(mixed_precision, "multiplies_bfloat16", lambda device: True)
    with pytest.raises(StoppedError):
        trainer(checkpoint=checkpoint, stop_after=2)
    resumed, whole = trainer(checkpoint=checkpoint), trainer()
    assert torch.equal(weights(resumed), weights(whole))
    assert whole.type_of_steps is torch.bfloat16
    monkeypatch.setattr(mixed_precision, "multiplies_bfloat16", lambda device: False)
    with pytest.raises(TrainingError, match="another training with a different type of the steps"):
        trainer(checkpoint=checkpoint)


def test_processors_are_asked_for_bfloat16_by_names_that_torch_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    known = dict(torch.cpu.get_capabilities())
    assert {"avx512_bf16", "amx_bf16"} <= known.keys() or known["architecture"] != "x86_64"
    for name in ("avx512_bf16", "amx_bf16"):
        known[name] = False
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    assert not mixed_precision.multiplies_bfloat16(cpu)
    known["amx_bf16"] = True
    assert mixed_precision.multiplies_bfloat16(cpu)
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not mixed_precision.multiplies_bfloat16(cpu)


def test_devices_are_not_drawn_where_no_noise_is(trainer: Trainer) -> None:
    trainer.protocol = trainer.protocol.model_copy(update={"noise": False})
    with pytest.raises(TrainingError, match="and test models quantisers only"):
        trainer(devices=NonIdealities(variation_ratio=0.1))


def test_the_exact_emulation_and_bfloat16_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        TrainingProtocol(name="both", epochs=1, exact=True, bfloat16=True)


@pytest.mark.parametrize("multiplies", [True, False])
def test_steps_in_bfloat16_learn_the_same_where_the_processor_has_it(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch, multiplies: bool
) -> None:
    plain = trainer()
    seen = set[torch.dtype]()
    forward = CrossbarNetwork.forward

    def watched(self: CrossbarNetwork, images: torch.Tensor, product: Product) -> torch.Tensor:
        if torch.is_grad_enabled():
            seen.add(images.dtype)
        return forward(self, images, product)

    monkeypatch.setattr(CrossbarNetwork, "forward", watched)
    monkeypatch.setattr(mixed_precision, "multiplies_bfloat16", lambda device: multiplies)
    trainer.protocol = trainer.protocol.model_copy(update={"bfloat16": True})
    trained = trainer()
    assert seen == {torch.bfloat16 if multiplies else torch.float32}
    assert {tensor.dtype for tensor in trained.network.state_dict().values()} == {torch.float32}
    assert torch.equal(weights(plain), weights(trained)) is not multiplies
    for one, other in zip(plain.history, trained.history, strict=True):
        assert other.loss == pytest.approx(one.loss, rel=0.1)
    assert trained.validation_accuracy == pytest.approx(plain.validation_accuracy, abs=0.15)


def test_the_learning_rate_rises_to_its_peak_and_falls_to_the_last_step() -> None:
    factors = [learning_rate_factor(step, 100, 0.2) for step in range(100)]
    assert max(factors) == 1.0
    assert factors.index(1.0) in range(18, 22)
    assert 0 < factors[-1] < 0.05


def test_the_learning_rate_stays_while_weights_are_averaged() -> None:
    plain, factors = ([learning_rate_factor(step, 100, 0.2, ratio) for step in range(100)] for ratio in (0.0, 0.5))
    assert factors[:51] == plain[:51]
    assert set(factors[50:]) == {plain[50]}


def test_averaged_weights_are_the_mean_of_the_last_steps(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer.protocol = trainer.protocol.model_copy(update={"average": 0.5, "epochs": 4})
    seen: list[torch.Tensor] = []
    update = AveragedModel.update_parameters

    def watched(self: AveragedModel, network: CrossbarNetwork) -> None:
        seen.append(network.crossbar_layers[2].weight.detach().clone())
        update(self, network)

    monkeypatch.setattr(AveragedModel, "update_parameters", watched)
    trained = trainer()
    assert len(seen) == 2 * (384 // 48)
    torch.testing.assert_close(trained.network.crossbar_layers[2].weight.detach(), torch.stack(seen).mean(0))
    assert trained.validation_accuracy > 0.6


def test_the_last_step_is_averaged_however_small_the_share(trainer: Trainer) -> None:
    plain = trainer()
    trainer.protocol = trainer.protocol.model_copy(update={"average": 1e-6})
    torch.testing.assert_close(
        [p.detach() for p in trainer().network.parameters()], [p.detach() for p in plain.network.parameters()]
    )


def test_augmented_images_are_shifts_and_mirrors_of_themselves() -> None:
    images = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = augmented(images, torch.Generator().manual_seed(1), flip=True, shift=1)
    centre = images[:, :, 2:-2, 2:-2]
    for image, new in zip(centre, changed, strict=True):
        windows = new.unfold(1, 4, 1).unfold(2, 4, 1).reshape(-1, 4, 4)
        assert any(torch.equal(w, image[0]) or torch.equal(w, image[0].flip(-1)) for w in windows)
    assert not torch.equal(changed, images)


@pytest.mark.parametrize("size", [(1, 8), (8, 2), (1, 1)])
def test_images_narrower_than_the_shift_are_shifted_less(size: tuple[int, int]) -> None:
    images = torch.rand(64, 3, *size, generator=torch.Generator().manual_seed(0))
    changed = augmented(images, torch.Generator().manual_seed(1), flip=False, shift=3)
    assert changed.shape == images.shape
    assert torch.equal(changed, images) == (size == (1, 1))
    for image, new in zip(images, changed, strict=True):
        assert torch.isin(new, image).all()


def test_hidden_squares_have_the_mean_colour_and_lie_anywhere() -> None:
    images = torch.rand(400, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    changed = with_squares_hidden(images, torch.Generator().manual_seed(1), 3)
    assert torch.equal(images, before)
    hidden = changed != images
    assert torch.equal(hidden[:, 0], hidden[:, 1]), "in all channels alike"
    assert set(hidden[:, 0].sum((1, 2)).tolist()) == {4, 6, 9}, "whole, or cut off at one border or two"
    mean = images.mean((0, 2, 3))[None, :, None, None].expand_as(images)
    assert torch.equal(changed[hidden], mean[hidden])
    share = hidden[:, 0].float().mean(0)
    assert share.min() > 0.02
    torch.testing.assert_close(share[2:6, 2:6], torch.full((4, 4), 9 / 64), atol=0.06, rtol=0)


def test_a_training_hides_squares_where_its_protocol_says_so(trainer: Trainer) -> None:
    plain = trainer()
    trainer.protocol = trainer.protocol.model_copy(update={"hide": 4})
    assert trainer().history[-1].loss > plain.history[-1].loss


def test_a_backbone_that_fails_at_the_size_of_some_epoch_is_refused_before_the_first(trainer: Trainer) -> None:
    names = ["a", "b", "c", "m", "p", "m2", "classifier"]
    wiring: dict[str, dict[str, Any]] = {
        "m": {"stride": 2},
        "p": {"pool": True, "source": "c", "depth_group": "joined"},
        "m2": {"source": "m", "adds": "p", "depth_group": "joined"},
        "classifier": {"kind": LayerKind.LINEAR, "reference_depth": None, "kernel_size": 1},
    }
    layers = [
        BackboneLayer(
            **{"name": name, "reference_depth": 8, "source": source, "pool": name in "abc"} | wiring.get(name, {})
        )
        for name, source in zip(names, ["input", *names], strict=False)
    ]
    joined = Backbone("joined", tuple(layers), image_channels=1, n_classes=4)
    trainer.backbone = joined
    space = SearchSpace(joined)
    trainer.design = space.decode(
        space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=5, input_precision=4)
    )[0]
    trainer.protocol = trainer.protocol.model_copy(update={"image_size": 32, "early_sizes": (16, 24)})
    with pytest.raises(ConfigError, match=r"m2 adds p.*images of 24"):
        trainer()


def test_alternate_flips_show_every_image_both_ways_in_two_epochs(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.rand(9, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    odd, even, third = (augmented(images, torch.Generator(), flip=True, shift=0, turn=turn) for turn in (1, 2, 3))
    torch.testing.assert_close(odd.flip(-1), even, rtol=0, atol=0)
    torch.testing.assert_close(odd, third, rtol=0, atol=0)
    assert sum(bool(torch.equal(new, old)) for new, old in zip(odd, images, strict=True)) == 4

    seen: list[int | None] = []

    def watched(
        images: torch.Tensor, generator: torch.Generator, *, flip: bool, shift: int, turn: int | None
    ) -> torch.Tensor:
        seen.append(turn)
        return augmented(images, generator, flip=flip, shift=shift, turn=turn)

    trainer.protocol = trainer.protocol.model_copy(update={"epochs": 2, "alternate_flips": True})
    monkeypatch.setattr(epoch, "augmented", watched)
    trainer()
    assert seen == [1, 2]


def test_progressive_resizing_trains_on_small_images_first(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    whole_forward = CrossbarNetwork.forward

    def forward(self: CrossbarNetwork, images: torch.Tensor, product: Product) -> torch.Tensor:
        if self.training:
            seen.append(images.shape[-1])
        return whole_forward(self, images, product)

    monkeypatch.setattr(CrossbarNetwork, "forward", forward)
    trainer.protocol = trainer.protocol.model_copy(update={"epochs": 3, "image_size": 8, "early_sizes": (4, 6)})
    trainer()
    assert [size for size, _ in groupby(seen)] == [4, 6, 8]


def test_epochs_leave_out_images_that_are_known_well_but_the_last_ones_do_not(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def watched(rows: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
        seen.append(len(rows))
        return full_batches(rows, size)

    monkeypatch.setattr(epoch, "full_batches", watched)
    trainer.protocol = trainer.protocol.model_copy(update={"epochs": 8, "leave_out": 0.5})
    trained = trainer()
    first, *middle, last = seen
    assert first == last
    assert all(0.5 * first < n < 0.95 * first for n in middle)
    assert trained.history[-1].loss < trained.history[1].loss < trained.history[0].loss
    assert trained.validation_accuracy > 0.6


def test_resized_images_keep_their_mean_and_their_place() -> None:
    image = torch.zeros(1, 1, 32, 32)
    image[..., :16] = 1.0
    small = resized(image, (24, 24))
    assert small.shape == (1, 1, 24, 24)
    assert float(small.mean()) == pytest.approx(0.5, abs=1e-6)
    assert float(small[..., :11].min()) > 0.99
    assert resized(image, (32, 32)) is image


@given(epochs=st.integers(1, 60), early=st.lists(st.integers(1, 32), max_size=4))
def test_parts_of_progressive_resizing_are_even_and_end_at_full_size(epochs: int, early: list[int]) -> None:
    protocol = TrainingProtocol(name="p", epochs=epochs, early_sizes=tuple(early))
    sizes = [protocol.size_in_epoch(number) for number in range(1, epochs + 1)]
    assert sizes[-1] == protocol.image_size
    if epochs > len(early):
        assert sizes[0] == (*early, 32)[0]
    lengths = [len(list(group)) for _, group in groupby(sizes)]
    if len(set(early) | {32}) == len(early) + 1 <= epochs:
        assert max(lengths) - min(lengths) <= 1


def test_a_clip_that_stays_on_its_device_quantises_like_a_number() -> None:
    inputs = torch.randn(2_000, generator=torch.Generator().manual_seed(0)).requires_grad_()
    outputs = [quantise_input(inputs, clip, 4) for clip in (1.25, torch.tensor(1.25))]
    torch.testing.assert_close(outputs[1], outputs[0])
    gradients = [torch.autograd.grad(output.square().sum(), inputs)[0] for output in outputs]
    torch.testing.assert_close(gradients[1], gradients[0])


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("smoke", "22af8ee6ce864389"),
        ("laptop", "5ec234e2f45c11b3"),
        ("laptop-finalist", "9505d9b8478d5ab7"),
        ("native-short", "ac93242a4b28e4e7"),
        ("overnight", "af8869303d37174d"),
        ("one-night", "49e3f20101ee52ca"),
        ("long-second-night", "67d1c936230d16e3"),
        ("averaged-night", "c0c1a9eb41bb0b22"),
        ("chip-tune", "8559d5ac94b53c04"),
        ("exact-tune", "9512902579116072"),
        ("fine-tune", "70a5215e773e47c0"),
        ("full", "dc08b12a093e24aa"),
        ("long-night", "5b521b7f53fa9664"),
        ("second-night", "c303555ff68a3f36"),
    ],
)
def test_the_definition_of_a_protocol_is_the_one_that_labels_in_stores_have(name: str, digest: str) -> None:
    assert load_protocol(name).digest == digest
