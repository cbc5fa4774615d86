"""The composition root: introduces search, accuracy, store and executors to one another and runs the whole job."""
