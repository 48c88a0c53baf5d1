"""What all tests share."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from stack.postgresql import Postgresql

# How long an example takes is the machine's doing: no test is judged by time.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# scripts/test --quick: a part of the examples; a test that wants more of them asks for a multiple.
settings.register_profile("quick", settings.get_profile("untimed"), max_examples=25)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A private server, one for each process of the tests, started by the first test that wants it."""
    with Postgresql() as server:
        yield server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and "postgresql" in item.fixturenames:
            item.add_marker(pytest.mark.postgresql)
