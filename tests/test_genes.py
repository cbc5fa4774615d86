"""The records of the genes are complete, and what must know of a gene asks its record."""

import dataclasses

import numpy as np
import pytest

from hw_models import AdcType, CrossbarSpec, LayerChoices, Peripherals
from xpert_evo import genes
from xpert_evo.accuracy.surrogate.features import FeatureMap
from xpert_evo.backbones import load_backbone
from xpert_evo.config.problem import GeneChoices, SpaceConfig
from xpert_evo.design import LayerDesign
from xpert_evo.genes import GENES, PERIPHERALS, GeneKind, choice_name, choice_number, choice_text
from xpert_evo.space import PAPER_CHOICES, SearchSpace

KINDS = list(GeneKind)
SPACE = SearchSpace(load_backbone("vgg8", n_classes=10, image_channels=3))


def test_every_gene_has_one_record_in_the_order_of_genomes() -> None:
    assert list(GENES) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_complete(kind: GeneKind) -> None:
    record = kind.record
    assert record.label
    assert record.short == record.short.upper()
    assert record.axis
    assert len(set(record.paper_choices)) == len(record.paper_choices)
    numbers = [choice_number(choice) for choice in record.paper_choices]
    assert numbers == sorted(numbers)
    if record.baseline is not None and record.paper_choices:
        assert record.baseline in record.paper_choices
    if record.bounds is not None:
        assert all(record.bounds[0] <= n <= record.bounds[1] for n in (*numbers, *record.bounds))
    if record.is_logarithmic:
        assert record.is_ordinal
        assert all(n > 0 for n in numbers)


@pytest.mark.parametrize("name", ["label", "short", "axis", "cost_attribute"])
def test_no_two_genes_share_a_name(name: str) -> None:
    assert len({getattr(kind.record, name) for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_hardware_model_takes_a_gene_by_the_name_in_its_record(kind: GeneKind) -> None:
    fields = {field.name for field in dataclasses.fields(LayerChoices)}
    assert {kind.record.cost_attribute, f"{kind.record.cost_attribute}_column"} <= fields
    if kind in PERIPHERALS:
        assert kind.record.cost_attribute in {field.name for field in dataclasses.fields(Peripherals)}


def test_designs_and_settings_have_a_field_for_each_gene() -> None:
    assert set(LayerDesign.model_fields) == {"name", *GeneKind}
    of_chip = {kind for kind in GeneKind if kind.record.is_chip_wide}
    assert set(GeneChoices.model_fields) == set(GeneKind) - of_chip
    assert set(SpaceConfig.model_fields) == {"backbone", "layers", "preset", "per_layer", *GeneKind}


def test_all_but_the_depth_are_of_the_circuits() -> None:
    assert {*PERIPHERALS, GeneKind.CHANNEL_DEPTH} == set(GeneKind)
    assert SPACE.kinds == tuple(kind for kind in GeneKind if kind in PAPER_CHOICES)


def test_choices_have_names_and_letters() -> None:
    assert [choice_name(value) for value in (64, AdcType.SAR, AdcType.FLASH, None)] == ["64", "SAR", "Flash", ""]
    assert [choice_text(value) for value in (64, AdcType.SAR, AdcType.FLASH, None)] == ["64", "S", "F", ""]
    assert {choice_name(adc) for adc in AdcType} == {"SAR", "Flash"}


@pytest.mark.parametrize("kind", SPACE.kinds)
def test_the_surrogate_sees_exactly_the_genes_that_change_the_accuracy(kind: GeneKind) -> None:
    genome = SPACE.baseline()
    other = genome.copy()
    for column, gene in enumerate(SPACE.genes):
        if gene.kind is kind:
            other[:, column] = (other[:, column] + 1) % len(gene.choices)
    features = FeatureMap(SPACE, crossbar=CrossbarSpec())
    assert np.array_equal(features(genome), features(other)) is not kind.record.changes_accuracy


def test_a_further_gene_that_changes_the_accuracy_gets_features_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    known = FeatureMap(SPACE, crossbar=CrossbarSpec())
    changed = dataclasses.replace(GENES[GeneKind.COLUMN_SHARING], changes_accuracy=True)
    monkeypatch.setattr(genes, "GENES", {**GENES, GeneKind.COLUMN_SHARING: changed})
    features = FeatureMap(SPACE, crossbar=CrossbarSpec())
    table = features(SPACE.baseline())
    assert set(features.names) - set(known.names) == {"mean_column_sharing", "least_column_sharing"}
    assert table.shape == (1, len(features.names))
    assert features.weights.shape == (len(features.names),)
    assert dict(zip(features.names, table[0], strict=True))["mean_column_sharing"] == 3, "log2 of 8"
    assert known(SPACE.baseline()).shape == (1, len(known.names)), "what was made before stays as it was"
