"""The composition root: introduces search, accuracy, store and executors to one another and runs the whole job.

`start` opens a run or resumes one (`resuming` says which settings may change then) and makes the `RunContext` that all
steps share: its `task`, store, workers and protocols. `flow` walks through the job: `rounds` or `steady_state`, then
the finalists. A round fits `surrogates` to what is known (`knowledge`), searches for each of its `goals` (`searching`),
chooses designs (`choosing`), has them trained as a batch (`batches`), and compares its predictions with the labels. A
training is a plain value that any worker carries out (`trainings`). Every step looks into the store first and does only
what is missing there, so a run that was killed resumes to the same result.

`baselines` and `layer_grid` score other methods; `limits`, `proxies` and `cost_drift` check and warn; `tally`,
`effort`, `remaining`, `step_times` and `estimate` tell how long things take, and no result depends on them.
"""
