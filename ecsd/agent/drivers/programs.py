"""Running the host's own tools: bounded in time, their words kept."""

import asyncio

from ecsd.clock import Clock
from ecsd.errors import NetworkError

SECONDS = 20.0


async def run(clock: Clock, *argv: str, given: str = "") -> str:
    """Return what a program printed; NetworkError with its words when it fails."""
    code, output, words = await attempt(clock, *argv, given=given)
    if code != 0:
        raise NetworkError(f"{' '.join(argv[:6])}: {' '.join(words.split())[:400]}")
    return output


async def attempt(
    clock: Clock, *argv: str, given: str = "", seconds: float = SECONDS
) -> tuple[int, str, str]:
    """Return a program's exit status, output and errors."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise NetworkError(f"{argv[0]} is not installed") from error
    try:
        async with clock.deadline(seconds):
            output, words = await process.communicate(given.encode())
    except TimeoutError as error:
        raise NetworkError(f"{argv[0]} did not end within {seconds:.0f} s") from error
    finally:
        if process.returncode is None:  # it must not change the host when nobody waits for it
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode(), words.decode()
