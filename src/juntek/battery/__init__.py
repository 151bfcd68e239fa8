"""What follows from readings: plausibility, totals, physics; rule: pure folds, and time is an argument."""
