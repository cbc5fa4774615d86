"""A cluster whose versions differ is told in one sentence."""

from typing import Any

from xpert_evo.executors.dask_versions import differences

SAME = {"python": "3.11.7.final.0", "dask": "2026.8.0", "distributed": "2026.8.0", "torch": "2.9.0", "numpy": "2.3.1"}


def _report(**changes: str | None) -> dict[str, Any]:
    return {"packages": {"xpert-evo": "0.1.0", **SAME, **changes}}


def test_equal_versions_are_not_worth_a_word() -> None:
    assert differences(_report(), _report(), {"a": _report(), "b": _report()}) is None
    assert differences(_report(), _report(), {}) is None


def test_the_package_both_versions_and_the_workers_are_named() -> None:
    workers = {"a": _report(), "b": _report(torch="2.8.0"), "c": _report(torch="2.8.0", python="3.12.1.final.0")}
    sentence = differences(_report(), _report(), workers)
    assert sentence is not None
    assert "torch is 2.9.0 here, 2.8.0 on worker b, worker c" in sentence
    assert "python is 3.11.7 here, 3.12.1 on worker c" in sentence
    assert sentence.count(". ") == 1
    assert "worker a" not in sentence


def test_a_worker_without_the_program_is_told() -> None:
    sentence = differences(_report(), _report(), {"a": _report(**{"xpert-evo": None})})
    assert sentence is not None
    assert "xpert-evo is 0.1.0 here, missing on worker a" in sentence


def test_a_scheduler_needs_the_program_but_not_what_trains() -> None:
    assert differences(_report(), _report(torch=None, numpy="1.26.4"), {}) is None
    sentence = differences(_report(), _report(distributed="2025.1.0"), {})
    assert sentence is not None
    assert "distributed is 2026.8.0 here, 2025.1.0 on the scheduler" in sentence


def test_many_workers_are_counted_instead_of_listed() -> None:
    workers = {str(n): _report(numpy="1.26.4") for n in range(256)}
    sentence = differences(_report(), _report(), workers)
    assert sentence is not None
    assert "worker 0, worker 1 and 254 more" in sentence
