"""Houses for tests, each with its own Asterisk."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from house import House

from ivr.menu.prompts_needed import prompts_needed
from ivr.prompts import render_prompts
from ivr.routing.loader import load_file
from ivr.rulebook import voices

REPOSITORY = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "real_asterisk" in item.path.parts:
            item.add_marker(pytest.mark.real_asterisk)


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prompts of the repository's routing.yaml, spoken once for all houses."""
    rules = load_file(REPOSITORY / "routing.yaml")
    directory = tmp_path_factory.mktemp("spoken") / "prompts"
    # Patient: a busy machine is no fault of the speech.
    making = render_prompts(
        prompts_needed(rules),
        directory,
        directory / "none",
        voices(rules),
        job_seconds=120,
        deadline_seconds=300,
    )
    catalogue = asyncio.run(making)
    assert not catalogue.problems, catalogue.problems
    return directory


@pytest.fixture
async def build(spoken: Path) -> AsyncIterator[Callable[..., Any]]:
    """``await build(**options)`` makes a running house; afterwards it must be empty."""
    async with AsyncExitStack() as stack:
        houses: list[House] = []

        async def make(**options: Any) -> House:
            house = await stack.enter_async_context(House(prompts=spoken, **options))
            houses.append(house)
            return house

        yield make
        for house in houses:
            if house.asterisk.running:
                await house.nothing_left()


@pytest.fixture
async def house(build: Callable[..., Any]) -> House:
    """A running house with the repository's rules."""
    return await build()
