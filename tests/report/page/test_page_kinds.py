"""Pages of runs that are more than one joint search: two phases, several limits, an early end, drifted costs."""

import re
from dataclasses import replace

import pytest

from tests.report.conftest import make_run, read_scene, settings
from tests.report.page_reader import Page, embedded
from xpert_evo.report.page.document import page
from xpert_evo.report.scene import Scene

SMALL = {"generations": 3, "population_size": 16, "offspring_size": 8}


@pytest.fixture(scope="module")
def phased(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A run of two phases."""
    config = settings(space={"backbone": "vgg8"}, search={**SMALL, "mode": "two-phase"})
    return read_scene(make_run(tmp_path_factory.mktemp("runs") / "phased", config))


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A run with three limits on area, whose seconds are spent after the first of two rounds."""
    hardware = {"area_limit_mm2": 18.0, "further_area_limits_mm2": [9.0, 6.0]}
    config = settings(
        space={"backbone": "vgg8"}, search=SMALL, hardware=hardware, training={"budget_s": 60.0, "probes_per_round": 1}
    )
    return read_scene(make_run(tmp_path_factory.mktemp("runs") / "limited", config))


def test_the_network_of_the_first_phase_is_named_and_can_be_looked_at(phased: Scene) -> None:
    note = phased.result.network
    assert note is not None
    text = page(phased, [])
    [remark] = [line for line in text.splitlines() if "first of two phases" in line]
    assert f'data-id="{note["digest"]}"' in remark
    assert f"{100 * note['accuracy']:.2f} % (validation, " in remark
    assert note["digest"] in embedded(text)
    assert ('class="warning"' in remark) is not note["keeps_limits"]
    broken = replace(phased, result=replace(phased.result, network={**note, "keeps_limits": False}))
    assert "this one violates them least" in page(broken, [])
    early = replace(phased, result=replace(phased.result, network=None))
    assert "has not chosen its network yet" in page(early, [])


def test_every_limit_on_area_has_its_front_in_the_table_and_in_the_plots(limited: Scene) -> None:
    text = page(limited, [])
    table = text.split('<table class="fronts">')[1].split("</table>")[0]
    members = [member.digest for front in limited.result.fronts.values() for member in front]
    assert Page(f"<table>{table}</table>").values("button", "data-id") == members
    assert [name in table for name in (">6 mm²<", ">9 mm²<", ">18 mm²<")] == [True] * 3
    plots = text.split('<div class="plots">')[1].split("<aside")[0]
    finalists, _ = plots.split("</svg>")[:2]
    assert set(members) <= set(Page(finalists.strip() + "</svg>").values("circle", "data-id"))
    designs = embedded(text)
    for front in limited.result.fronts.values():
        for member in front:
            assert f"{100 * member.measured:.2f} % (test, " in str(designs[member.digest])


def test_the_legends_fit_into_the_plots(limited: Scene) -> None:
    legends = re.findall(r'<text x="(\d+)" y="414">([^<]+)</text>', page(limited, []))
    assert {"trained", "homogeneous", "baseline", "front of the search"} <= {n for _, n in legends}
    assert all(int(left) + 7 * len(name) <= 640 for left, name in legends)


def test_a_limit_that_nothing_keeps_says_so(limited: Scene) -> None:
    result = replace(limited.result, fronts={0.5: [], **limited.result.fronts})
    table = page(replace(limited, result=result), []).split('<table class="fronts">')[1]
    assert '0.5 mm²</td><td class="text" colspan="6">no trained design satisfies it' in table


def test_an_early_end_is_told_with_its_reason(limited: Scene) -> None:
    assert "<p>Round 2 did not begin: " in page(limited, [])
    assert "training.budget_s = 60" in page(limited, [])


def test_costs_that_have_drifted_are_told_at_once(scene: Scene) -> None:
    text = page(replace(scene, result=replace(scene.result, cost_drift="the model has <changed>.")), [])
    assert text.index('<p class="warning">The model has &lt;changed&gt;.</p>') < text.index('id="answer"')


def test_a_plain_run_has_none_of_these(scene: Scene) -> None:
    text = page(scene, [])
    assert '<table class="fronts">' not in text
    assert "phases" not in text.split("<main>")[0]
    assert "did not begin" not in text
