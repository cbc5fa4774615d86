"""How accurate a design is: data sets, trainings, the exact crossbar emulation, and what predicts its outcome."""
