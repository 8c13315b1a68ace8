"""Figures, as ratios against a limit or a peer of the same run. `make bench` runs all of them."""
