"""The page: self-contained, the answer first, every point clickable, and nothing of the run's text taken as markup."""

from dataclasses import replace

import pytest

from tests.report.page_reader import Page, embedded
from xpert_evo.report.page.document import page
from xpert_evo.report.pictures import Drawing
from xpert_evo.report.scene import Scene

PICTURE = Drawing(name="pareto", caption="Accuracy < EDAP", svg=b"<svg xmlns='http://www.w3.org/2000/svg'/>", png=b"")


def test_the_answer_comes_first_and_every_section_follows(scene: Scene) -> None:
    sections = Page(page(scene, [PICTURE])).values("section", "id")
    assert sections == ["answer", "front", "cost-models", "pictures", "surrogate", "settings", "versions", "sources"]


def test_nothing_is_loaded_from_anywhere(scene: Scene) -> None:
    text = page(scene, [PICTURE])
    read = Page(text)
    addresses = [a for name in ("src", "href") for tag, _ in read.tags for a in read.values(tag, name)]
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert "default-src 'none'" in read.values("meta", "content")[1]
    for word in ("http://", "https://", "fetch(", "XMLHttpRequest", "import("):
        assert word not in text.split("<script>")[1]


def test_every_point_and_link_has_its_design(scene: Scene) -> None:
    text = page(scene, [])
    read, designs = Page(text), embedded(text)
    ids = read.values("circle", "data-id") + read.values("button", "data-id")
    assert set(ids) <= set(designs)
    assert {c.digest for c in scene.result.measured} == set(designs)
    assert {c.digest for c in scene.result.measured} <= set(read.values("circle", "data-id"))
    layers = designs[scene.result.knee.digest]["layers"]
    assert layers[0][0] == "conv1"
    assert len(layers) == len(scene.result.knee.design.layers)


def test_the_table_tells_measured_from_predicted(scene: Scene) -> None:
    text = page(scene, []).split('<table class="answer">')[1].split("</table>")[0]
    kinds = {"measured": 0, "predicted": 0}
    for recommendation in scene.recommended:
        kinds["measured"] += recommendation.rival_measured is not None
        kinds["predicted"] += recommendation.rival_predicted is not None
    for kind, n in kinds.items():
        assert text.count(f'<span class="badge {kind}">') == n
    assert kinds["predicted"] > 0


def test_text_of_the_run_is_no_markup(scene: Scene) -> None:
    nasty = "</script><img src=x onerror=alert(1)>"
    result = replace(scene.result, name=nasty, versions={nasty: nasty})
    text = page(replace(scene, result=result), [])
    assert nasty not in text
    assert "onerror" not in "".join(name for _, attributes in Page(text).tags for name in attributes)


@pytest.mark.parametrize("part", ["surrogate", "recommended"])
def test_an_unfinished_run_has_a_page_too(begun_scene: Scene, part: str) -> None:
    bare = replace(begun_scene, **{part: None if part == "surrogate" else []})
    read = Page(page(bare, []))
    assert "not finished" in read.texts["p"]
    assert len(read.values("circle", "data-id")) == 3


def test_the_honesty_warning_is_shown(scene: Scene) -> None:
    last = {**list(scene.result.honesty.values())[-1], "warning": "It ranks <no> better."}
    text = page(replace(scene, result=replace(scene.result, honesty={"1": last})), [])
    assert '<p class="warning">It ranks &lt;no&gt; better.</p>' in text
