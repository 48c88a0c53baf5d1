"""The same call done in other ways, small and fair: the baselines of the bench, not products.

All of them answer, record, play the same menu, take one key, choose a priority by it and let Asterisk's own
queue ring the operators. What they leave out is in docs/performance.md.
"""
