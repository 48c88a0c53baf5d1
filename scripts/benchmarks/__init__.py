"""``scripts/bench``: what Siaga 112 costs, beside the plain ways of doing the same on the same Asterisk."""
