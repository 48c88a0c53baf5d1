"""The command line: ``ivr COMMAND``."""

import os

import typer

from ivr.commands import (
    applying,
    callers,
    changes,
    ledger,
    out_of_service,
    people,
    privacy,
    record,
    replay,
    routing,
    running,
)

app = typer.Typer(
    name="ivr",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Siaga 112: a city's emergency calls on Asterisk.",
)
for function in (
    running.serve,
    running.render,
    running.doctor,
    routing.check,
    routing.route,
    changes.diff,
    routing.schema,
    replay.replay,
    applying.apply,
    applying.rollback,
    applying.history,
    out_of_service.service,
    record.calls,
    record.call,
):
    app.command()(function)
app.add_typer(out_of_service.agency, name="agency")
app.add_typer(people.operator, name="operator")
app.add_typer(callers.caller, name="caller")
app.add_typer(privacy.privacy, name="privacy")
app.add_typer(ledger.ledger, name="ledger")


def main() -> None:
    """Entry point of the ``ivr`` script."""
    # The database, the journal and the event log hold callers' numbers: nobody else may read what is written.
    os.umask(0o077)
    app()
