"""Numbers as people write them."""

import pytest

from xpert_evo.words import counted, edap_text, lower, times


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 constants"), (1, "1 constant"), (2, "2 constants"), (1200, "1,200 constants")]
)
def test_one_is_singular(n: int, text: str) -> None:
    assert counted(n, "constant") == text


@pytest.mark.parametrize(("ratio", "text"), [(0.98612, "0.986"), (17.41, "17.4"), (1790.3, "1790")])
def test_ratios_have_no_exponent(ratio: float, text: str) -> None:
    assert times(ratio) == text


def test_what_is_not_lower_is_higher() -> None:
    assert [lower(ratio) for ratio in (17.41, 1.0, 0.0571)] == ["17.4 x lower", "1 x lower", "17.5 x higher"]


def test_edap_has_one_form_whatever_its_size() -> None:
    assert [edap_text(value) for value in (8350.0, 121_400.0, 3.2)] == ["8.35e+03", "1.21e+05", "3.20e+00"]
