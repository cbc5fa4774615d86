"""Refines a trained network: chooses its peripherals again, for this network and under the run's limits.

    from xpert_evo.orchestration.refining import Refining, prepare, refine_network

    network = prepare(weights, config, Refining(), listener)
    result = refine_network(network, folder, executor=executor, listener=listener)

`weights` is a file of trained weights or the folder of a training, of a design at native size; `config` are the
settings of a run (data set, space, chip and limits); `folder` is created if need be, and a second call with the same
arguments continues there, whatever has stopped the first. `executor` comes from `xpert_evo.executors`, `listener` from
`xpert_evo.progress`. The result is a `Refinement`: `result.front` are designs by falling EDAP, each a `Refined` with
its `design`, the file of its `weights`, its costs and its `validation` accuracy; `result.best(0.005)` is the cheapest
one that loses at most half a point. With `Refining(tune="exact-tune")` the networks are trained for their peripherals.

Modules: `settings` (arguments and results), `preparing` (the network, read and checked), `refinement` (the loop),
`rounds` (one turn of it), `measuring` (single layers and pairs), `chip_choices` (several codings and cell bits),
`choosing` (the best design at every price), `options` (what a layer may become, and its costs), `laboratory` and `jobs`
(measurements on workers), `memory` (what has been measured), `estimate` (how long it takes).
"""

from xpert_evo.orchestration.refining.chip_choices import refine_on_chips
from xpert_evo.orchestration.refining.preparing import Refinable, prepare
from xpert_evo.orchestration.refining.refinement import refine_network
from xpert_evo.orchestration.refining.settings import Prediction, Refined, Refinement, Refining

__all__ = [
    "Prediction",
    "Refinable",
    "Refined",
    "Refinement",
    "Refining",
    "prepare",
    "refine_network",
    "refine_on_chips",
]
