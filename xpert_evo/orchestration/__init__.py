"""The composition root: connects search, accuracy, store and executors, and runs the whole job.

`start` starts or resumes a run (`resuming` defines the settings that may change then) and creates the `RunContext`
shared by all steps: `task`, store, workers and protocols. `flow` runs the job: `rounds` or `steady_state`, then the
finalists. A round fits `surrogates` to the labels so far (`knowledge`), searches for each of its `goals` (`searching`),
chooses designs (`choosing`), trains them as a batch (`batches`), and compares its predictions with the labels. A
training job is a plain value that any worker can run (`trainings`). Every step checks the store first and does only
what is missing, so that an interrupted run resumes to the same result.

`baselines` and `layer_grid` score other methods; `limits`, `proxies` and `cost_drift` check and warn; `tally`,
`effort`, `remaining`, `step_times` and `estimate` estimate durations, on which no result depends.
"""
