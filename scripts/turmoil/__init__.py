"""``scripts/chaos``: whatever breaks, is each caller with a human at the end, and is the record true?"""
