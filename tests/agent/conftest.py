"""What tests of a host's tasks share."""

import pytest

from tests.agent.task_world import World


@pytest.fixture
def live(tmp_path, run_virtual):
    """Run a scenario with an agent: ``live(scenario)``."""

    def run(scenario):
        async def alive():
            async with World(tmp_path).agent() as world:
                await scenario(world)

        run_virtual(alive())

    return run
