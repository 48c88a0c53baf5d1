"""``python -m ivr`` is the command line."""

from ivr.cli import main

main()
