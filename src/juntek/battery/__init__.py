"""What follows from readings: totals, days, the state of charge; rule: pure folds, and time is an argument."""
