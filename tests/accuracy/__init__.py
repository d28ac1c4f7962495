"""How far the fit engine is off: measured rows of other people's machines beside our estimates."""
