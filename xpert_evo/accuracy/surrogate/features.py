"""Features of a design for the surrogate: a few summaries and, with less weight, the SNR of every layer.

Genes that change a design's cost but not its computation (`changes_accuracy` of a gene's record), such as column
sharing and ADC type, are left out; column sharing changes the losses in wires, which are features of their own. Single
layers' genes (`layer_genes`) are read by one model only, `relevance`, which keeps its doubt where labels cannot
distinguish layers: the first labels, many of them of homogeneous designs, cannot tell one layer's precision from the
next one's; a model that is given such features without a prior guesses anyway, and a search finds the designs where it
guesses high.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.snr import conversion_snr_db
from xpert_evo.crossbar_choices import CrossbarChoices
from xpert_evo.genes import GeneKind, choice_number
from xpert_evo.objectives import FloatArray
from xpert_evo.space import Genomes, IntArray, SearchSpace

Losses = Callable[[Genomes], FloatArray]

SUMMARIES = (
    "log2_macs",
    "mean_log2_depth",
    "least_log2_depth",
    "mean_adc_precision",
    "least_adc_precision",
    "mean_input_precision",
    "least_input_precision",
    "mean_snr",
    "least_snr",
    "through_snr",
)
"""Names of the first columns of a feature table."""

SUMMARY_GROUP, SNR_GROUP, FIRST_GENE_GROUP = 0, 1, 2
"""Groups of features that are likely to matter alike."""

LAYER_WEIGHT = 0.3
"""Weight of a single layer's column relative to a summary, after both were standardised."""


def macs(space: SearchSpace, genomes: Genomes) -> IntArray:
    """Multiply-accumulates for one image, (designs,)."""
    positions = np.array([height * width for height, width in space.backbone.output_maps])
    per_position = rows_read(space, genomes) * space.values(genomes, GeneKind.CHANNEL_DEPTH)
    return np.asarray(per_position @ positions)


def rows_read(space: SearchSpace, genomes: Genomes) -> IntArray:
    """Rows of each layer's weight matrix, (designs, layers): the inputs of one output."""
    nodes, inputs = space.backbone.graph.layers, space.in_channels(genomes)
    areas = np.array([node.kernel[0] * node.kernel[1] for node in nodes])
    depthwise, groups = np.array([node.depthwise for node in nodes]), np.array([node.groups for node in nodes])
    return np.asarray(np.where(depthwise, 1, inputs // groups) * areas)


class FeatureMap:
    """Converts genomes into feature tables, more than a hundred thousand per second.

    Args:
        space: Search space of the genomes.
        crossbar: Crossbars of the chip, whose conversions limit the signal-to-noise ratio.
        losses: Computes the share of the current that is lost in the wires of each layer, (designs, layers), if labels
            are measured on chips with wires; None otherwise.

    Attributes:
        names: Names of the columns: `SUMMARIES`, mean and minimum of further genes that change the accuracy (only the
            mean of one that all layers share), mean and maximum of the losses, then the signal-to-noise ratio of each
            layer, and its loss.
        weights: Weights of the columns after standardisation, (features,).
        groups: Group of each feature and then of each column of `layer_genes`: summaries, signal-to-noise ratios of
            layers, and the genes of each kind, (features + those genes,).
    """

    def __init__(self, space: SearchSpace, *, crossbar: CrossbarSpec, losses: Losses | None = None) -> None:
        self.space, self._losses = space, losses
        layers = space.backbone.layers
        self._own_depth = [i for i, owner in enumerate(space.backbone.depth_owners) if owner == i] or list(
            range(len(layers))
        )
        self._further = [kind for kind in space.kinds if kind.record.changes_accuracy and kind not in _SUMMARISED]
        summaries = (*SUMMARIES, *(f"{how}_{kind}" for kind in self._further for how in self._summaries_of(kind)))
        summaries += ("mean_loss", "most_loss") if losses is not None else ()
        by_layer = ("snr",) if losses is None else ("snr", "loss")
        self.names = (*summaries, *(f"{what}_{layer.name}" for what in by_layer for layer in layers))
        self.weights = np.array([1.0] * len(summaries) + [LAYER_WEIGHT] * len(layers) * len(by_layer))
        self._layer_columns = [
            i
            for i, gene in enumerate(space.genes)
            if gene.kind.record.changes_accuracy and len(gene.choices) > 1 and not space.is_tied(gene.kind)
        ]
        kinds = [space.genes[i].kind for i in self._layer_columns]
        parts = [SUMMARY_GROUP] * len(summaries) + [SNR_GROUP] * len(layers) * len(by_layer)
        numbers = {kind: FIRST_GENE_GROUP + n for n, kind in enumerate(dict.fromkeys(kinds))}
        self.groups = np.array(parts + [numbers[kind] for kind in kinds])
        self._n_rows = self._all_row_counts()
        self._most_adc, self._most_input = (
            max(int(c) for gene in space.genes if gene.kind is kind for c in gene.choices)
            for kind in (GeneKind.ADC_PRECISION, GeneKind.INPUT_PRECISION)
        )
        self._crossbars = CrossbarChoices(space, crossbar)
        shape = (self._crossbars.n_crossbars, len(self._n_rows), self._most_adc, self._most_input)
        self._snr_db = np.full(shape, np.nan)

    def __call__(self, genomes: Genomes) -> FloatArray:
        """Returns one row per design, (designs, features).

        Depths and multiply-accumulates enter as binary logarithms, precisions in bits, and signal-to-noise ratios also
        in bits (6.02 dB each). The ratio *through* the network adds the relative noise powers of all layers'
        conversions.
        """
        space = self.space
        depths = np.log2(space.values(genomes, GeneKind.CHANNEL_DEPTH)[:, self._own_depth])
        adc = space.values(genomes, GeneKind.ADC_PRECISION)
        inputs = space.values(genomes, GeneKind.INPUT_PRECISION)
        snr_db = self.snr_db(genomes)
        through_db = -10 * np.log10(np.power(10.0, -snr_db / 10).sum(axis=1))
        summaries = (
            np.log2(macs(space, genomes)),
            *(f(table, axis=1) for table in (depths, adc, inputs, snr_db / _DB_A_BIT) for f in (np.mean, np.min)),
            through_db / _DB_A_BIT,
            *(
                f(self._further_values(genomes, kind), axis=1)
                for kind in self._further
                for f in self._summaries_of(kind).values()
            ),
        )
        by_layer = [snr_db / _DB_A_BIT]
        if self._losses is not None:
            lost = self._losses(genomes)
            summaries += (lost.mean(axis=1), lost.max(axis=1))
            by_layer.append(lost)
        return np.concatenate([np.stack(summaries, axis=1), *by_layer], axis=1)

    def layer_genes(self, genomes: Genomes) -> FloatArray:
        """Single layers' genes that change the accuracy, as numbers, (designs, those genes).

        Where values double they enter as binary logarithms, categories as positions.
        """
        columns = [self._gene_values(column)[genomes[:, column]] for column in self._layer_columns]
        return np.stack(columns, axis=1) if columns else np.zeros((len(genomes), 0))

    def _gene_values(self, column: int) -> FloatArray:
        gene = self.space.genes[column]
        if not gene.kind.record.is_ordinal:
            return np.arange(len(gene.choices), dtype=np.float64)
        values = np.array([choice_number(choice) for choice in gene.choices], dtype=np.float64)
        return np.log2(values) if gene.kind.record.is_logarithmic else values

    def snr_db(self, genomes: Genomes) -> FloatArray:
        """Signal-to-noise ratio of each layer's output [dB], (designs, layers), from a table."""
        rows = np.searchsorted(self._n_rows, rows_read(self.space, genomes))
        adc = self.space.values(genomes, GeneKind.ADC_PRECISION)
        inputs = self.space.values(genomes, GeneKind.INPUT_PRECISION)
        crossbars = self._crossbars.of(genomes)
        for number in np.unique(crossbars):
            if np.isnan(self._snr_db[number, 0, 0, 0]):
                self._snr_db[number] = self._snr_of(self._crossbars.crossbar(int(number)))
        return np.asarray(self._snr_db[crossbars, rows, adc - 1, inputs - 1])

    def _snr_of(self, crossbar: CrossbarSpec) -> FloatArray:
        """Signal-to-noise ratio on a crossbar [dB], (row counts, ADC bits, input bits)."""
        return conversion_snr_db(
            n_rows=self._n_rows[:, None, None],
            adc_precision=np.arange(1, self._most_adc + 1)[:, None],
            input_precision=np.arange(1, self._most_input + 1),
            crossbar=crossbar,
        )

    def _summaries_of(self, kind: GeneKind) -> dict[str, Callable[..., FloatArray]]:
        """How a gene of no summary of its own is summarised over layers: a single value where all layers share it."""
        return {"mean": np.mean} if self.space.is_tied(kind) else {"mean": np.mean, "least": np.min}

    def _further_values(self, genomes: Genomes, kind: GeneKind) -> FloatArray:
        """A gene of no summary of its own in each layer, (designs, layers), as a logarithm where its values double."""
        values = self.space.values(genomes, kind)
        return np.log2(values) if kind.record.is_logarithmic else values.astype(np.float64)

    def _all_row_counts(self) -> IntArray:
        """Returns every number of rows that a layer of the space can have, in ascending order."""
        space, counts = self.space, set[int]()
        for i, segments in enumerate(space.backbone.reads):
            columns = {space.column(segment.layer, GeneKind.CHANNEL_DEPTH) for segment in segments} - {None}
            lengths = [range(len(space.genes[column].choices)) for column in columns if column is not None]
            genomes = np.zeros((math.prod(map(len, lengths)), space.n_genes), dtype=np.int64)
            genomes[:, [column for column in columns if column is not None]] = list(itertools.product(*lengths))
            counts |= set(rows_read(space, genomes)[:, i].tolist())
        return np.array(sorted(counts))


_DB_A_BIT = 6.02
_SUMMARISED = (GeneKind.CHANNEL_DEPTH, GeneKind.ADC_PRECISION, GeneKind.INPUT_PRECISION)
