"""Numbers of validation images of a refinement, fitted to a data set."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpert_evo.accuracy.training.protocols import load_protocol
from xpert_evo.orchestration.native_refining import refining_of
from xpert_evo.orchestration.refining import Refining
from xpert_evo.orchestration.refining.settings import FEWEST_VALIDATION


@given(st.integers(FEWEST_VALIDATION, 3_000))
def test_default_numbers_fit_every_data_set_that_is_large_enough(n_validation: int) -> None:
    fitted = Refining().fitted_to(n_validation)
    assert fitted.n_images + fitted.n_judged == min(1_400, n_validation)
    assert replace(fitted, n_images=400, n_judged=1_000) == Refining(), "nothing else changes"
    assert fitted.fitted_to(n_validation) == fitted


def test_numbers_that_were_asked_for_stay() -> None:
    assert Refining(n_images=30).fitted_to(100) == Refining(n_images=30, n_judged=70)
    assert Refining(n_judged=80).fitted_to(100) == Refining(n_images=20, n_judged=80)
    assert Refining(n_images=90, n_judged=80).fitted_to(100) == Refining(n_images=90, n_judged=80)
    assert Refining().fitted_to(FEWEST_VALIDATION - 1) == Refining()


@pytest.mark.parametrize("n_validation", [90, 5_000])
def test_networks_at_native_size_are_refined_on_the_images_there_are(n_validation: int) -> None:
    refining = refining_of([load_protocol("exact-tune")], 3, None).fitted_to(n_validation)
    assert refining.n_images + refining.n_judged <= n_validation
    assert (refining.tune, refining.seed) == ("exact-tune", 3)
