"""``ivr serve``, ``ivr render`` and ``ivr doctor``: what a running installation needs.

What only one command needs is imported by it: the others start faster.
"""

import sys

import typer

from ivr.commands.common import command, out
from ivr.logs import configure_log
from ivr.settings import load_settings


@command
def serve() -> None:
    """Run the engine: answer Asterisk's questions and keep the record, until SIGTERM."""
    from ivr.app import serve as serve_engine

    settings = load_settings()
    configure_log(settings.log_level)
    serve_engine(settings)


@command
async def render() -> None:
    """Prepare everything on disk: database, prompts, Asterisk's configuration."""
    from ivr.prepare import prepare

    settings = load_settings()
    configure_log("warning")
    prepared = await prepare(settings)
    for warning in prepared.warnings:
        print(f"! {warning}", file=sys.stderr)
    out.print(
        f"{settings.etc}: {len(prepared.changed)} berkas berubah / files changed",
        soft_wrap=True,
        markup=False,
    )


@command
async def doctor() -> None:
    """Check this installation part by part and say what to do. Exit status 1 if calls would suffer."""
    from ivr.health.doctor import examine, show_findings

    findings = await examine(load_settings())
    if not show_findings(findings, out):
        raise typer.Exit(1)
