"""How good a model is: metrics with intervals, tables of rows, and the bar that it must pass."""
