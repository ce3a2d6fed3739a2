"""What a person sees: tables and colour on a terminal, plain lines in a pipe."""

import shutil
import sys
from collections.abc import Sequence

COLOURS = {"good": "32", "bad": "31", "busy": "33", "dim": "2", "bold": "1"}
GOOD = frozenset({"RUNNING", "ACTIVE", "HEALTHY", "healthy", "active", "COMPLETED", "ok"})
BAD = frozenset({"STOPPED", "FAILED", "UNHEALTHY", "unhealthy", "failed", "fault"})


def on_terminal() -> bool:
    """Tell whether a person looks on."""
    return sys.stdout.isatty()


def paint(text: str, colour: str) -> str:
    """Return the text in colour, on a terminal."""
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if on_terminal() else text


def state(word: str) -> str:
    """Return a state's word in the colour that it deserves."""
    if word in GOOD:
        return paint(word, "good")
    return paint(word, "bad" if word in BAD else "busy")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return aligned columns; the last may be cut at the terminal's edge."""
    widths = [
        max(len(_plain(row[column])) for row in (header, *rows)) for column in range(len(header))
    ]
    edge = shutil.get_terminal_size().columns if on_terminal() else 10_000
    lines = []
    for number, row in enumerate((header, *rows)):
        cells = [cell + " " * (widths[at] - len(_plain(cell))) for at, cell in enumerate(row)]
        line = "  ".join(cells).rstrip()
        if len(_plain(line)) > edge and "\x1b" not in line:
            line = line[: edge - 1] + "…"
        lines.append(paint(line, "dim") if number == 0 else line)
    return "\n".join(lines)


def step(words: str) -> None:
    """Say what is being done."""
    print(f"{paint('•', 'dim')} {words}", flush=True)


def done(words: str) -> None:
    """Say what has been done."""
    print(f"{paint('✓', 'good')} {words}", flush=True)


def failed(words: str) -> None:
    """Say what could not be done."""
    print(f"{paint('✗', 'bad')} {words}", file=sys.stderr, flush=True)


def _plain(text: str) -> str:
    """Return the text without colour, to be measured."""
    for code in (*COLOURS.values(), "0"):
        text = text.replace(f"\x1b[{code}m", "")
    return text
