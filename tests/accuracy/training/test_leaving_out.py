"""Epochs that leave out images: which they keep, and that what they keep stands for all."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xpert_evo.accuracy.training.leaving_out import drawn_rows
from xpert_evo.accuracy.training.protocols import TrainingProtocol


def drawn(losses: torch.Tensor, ratio: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return drawn_rows(losses, ratio, torch.Generator().manual_seed(seed))


def test_a_ratio_of_zero_is_a_plain_shuffle_that_counts_all_alike() -> None:
    rows, worth = drawn(torch.tensor([0.1, math.nan, 3.0, 0.2]), 0.0)
    assert torch.equal(rows, torch.randperm(4, generator=torch.Generator().manual_seed(0)))
    assert worth.tolist() == [1, 1, 1, 1]


def test_images_that_no_epoch_has_seen_stay() -> None:
    rows, worth = drawn(torch.full((100,), math.nan), 0.9)
    assert sorted(rows.tolist()) == list(range(100))
    assert worth.unique().tolist() == [1]
    losses = torch.tensor([math.nan] * 50 + [1.0] * 49 + [100.0])
    assert set(drawn(losses, 0.9)[0].tolist()) >= {*range(50), 99}


@given(losses=st.lists(st.floats(0, 10, width=32), min_size=2, max_size=200), ratio=st.floats(0.01, 0.9))
def test_only_images_of_less_than_average_loss_are_left_out(losses: list[float], ratio: float) -> None:
    values = torch.tensor(losses)
    rows, worth = drawn(values, ratio)
    left_out = set(range(len(losses))) - set(rows.tolist())
    assert len(rows) == len(set(rows.tolist()))
    assert all(values[row] < values.mean() for row in left_out)
    assert torch.equal(worth > 1, values < values.mean())


def test_what_stays_stands_for_all_images_on_average() -> None:
    losses = torch.rand(500, generator=torch.Generator().manual_seed(1)) ** 3
    sums, sizes = [], []
    for seed in range(300):
        rows, worth = drawn(losses, 0.5, seed)
        sums.append(float((losses * worth)[rows].sum()))
        sizes.append(len(rows))
    assert sum(sums) / len(sums) == pytest.approx(float(losses.sum()), rel=0.01)
    n_easy = int((losses < losses.mean()).sum())
    assert sum(sizes) / len(sizes) == pytest.approx(500 - n_easy / 2, rel=0.01)


def test_the_last_eighth_of_the_epochs_has_all_images() -> None:
    protocol = TrainingProtocol(name="p", epochs=24, leave_out=0.5)
    assert [protocol.left_out_in_epoch(number) for number in (1, 21, 22, 24)] == [0.5, 0.5, 0.0, 0.0]
    assert TrainingProtocol(name="p", epochs=1, leave_out=0.5).left_out_in_epoch(1) == 0.0


def test_estimates_expect_three_quarters_of_the_images_where_half_of_the_easy_ones_are_left_out() -> None:
    protocol = TrainingProtocol(name="p", epochs=8, leave_out=0.5, early_sizes=(16,))
    assert [protocol.share_in_epoch(number) for number in (1, 2, 7, 8)] == [1.0, 0.75, 0.75, 1.0]
    assert protocol.whole_epochs() == 1 + 6 * 0.75 + 1
    assert protocol.whole_epochs(2) == 1.75
    assert protocol.epochs_by_area() == 0.25 * (1 + 3 * 0.75) + 3 * 0.75 + 1
