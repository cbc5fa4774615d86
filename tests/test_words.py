"""Numbers as people write them."""

import pytest

from xpert_evo.words import (
    age_s,
    age_text,
    counted,
    edap_text,
    file_size,
    lower,
    lower_by_models,
    times,
    times_by_models,
)


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


def test_small_files_are_not_told_as_nothing() -> None:
    assert [file_size(n) for n in (700, 12_300, 30 << 20)] == ["0.7 KiB", "12.0 KiB", "30.0 MiB"]


def test_a_ratio_under_several_models_is_told_with_its_range() -> None:
    assert times_by_models([46.7, 20.0, 323.0]) == "46.7 x (20 to 323 x)"
    assert times_by_models([46.7]) == "46.7 x"
    assert lower_by_models([46.7, 20.0, 323.0]) == "46.7 x lower (20 to 323 x over 3 cost models)"
    assert lower_by_models([0.5, 0.25]) == "2 x higher (2 to 4 x over 2 cost models)"
    assert lower_by_models([0.5, 3.0]) == "2 x higher (from 2 x higher to 3 x lower over 2 cost models)"
    assert lower_by_models([3.0]) == "3 x lower (under 1 cost model)"


@pytest.mark.parametrize(
    ("text", "seconds", "again"),
    [("1s", 1, "1 s"), ("90 min", 5400, "90 min"), ("1h", 3600, "1 h"), ("1d", 86_400, "1 d"), ("2.5", 2.5, "2.5 s")],
)
def test_times_after_programming_are_read_and_told_in_their_largest_unit(text: str, seconds: float, again: str) -> None:
    assert age_s(text) == seconds
    assert age_text(seconds) == again


@pytest.mark.parametrize("text", ["soon", "1 week", "", "h", "1h1"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time|could not convert"):
        age_s(text)
