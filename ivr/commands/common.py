"""What every command shares: settings, errors in one line, coroutines."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

import typer
from rich.console import Console

from ivr.errors import IvrError

P = ParamSpec("P")

out = Console(highlight=False, emoji=False)


def command(function: Callable[P, Any]) -> Callable[P, None]:
    """A command, plain or coroutine, whose :class:`IvrError` becomes its text and exit status 1."""

    @wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            result = function(*arguments, **options)
            if isinstance(result, Coroutine):
                asyncio.run(result)
        except IvrError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:
            raise typer.Exit(0) from None

    return run
