"""Titles and names of layers stay inside their pictures, however long they are."""

from matplotlib.figure import Figure

from xpert_evo.report.pictures import house_style
from xpert_evo.report.pictures.common import fit_titles, layer_names, name_layers

LONG = "most accurate, at least 25 % on validation: 27.70 % (test), EDAP 2.59·10⁷ mm² µs µJ, 19.6 mm² (design 8e814ff2)"


def test_long_titles_are_broken_and_keep_every_word() -> None:
    with house_style():
        figure = Figure(figsize=(8, 3))
        left, right = figure.subplots(1, 2)
        titles = [axes.set_title(LONG, fontsize=9.5) for axes in (left, right)]
        figure.suptitle(LONG * 2, x=0.01, ha="left")
        fit_titles(figure)
        assert titles[0].get_window_extent().x1 <= left.bbox.x1
        assert titles[1].get_window_extent().x1 <= figure.bbox.x1
    assert titles[0].get_text().split() == LONG.split()
    assert titles[0].get_fontsize() == 9.5


def test_long_names_of_layers_stand_upright() -> None:
    names = layer_names(["conv1", "stage_1_block_1_convolution_of_three_by_three", "classifier"])
    assert names[0] == "1"
    assert len(names[1]) <= 28
    axes = Figure().add_subplot()
    name_layers(axes, names)
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {90.0}
    name_layers(axes, ["1", "2", "fc"])
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {0.0}
