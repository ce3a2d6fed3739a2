"""How processes write their log: one line an event, its facts as ``name=value`` or as JSON."""

import logging
import sys
from datetime import UTC, datetime

import msgspec

from ecsd.settings import Settings

STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    """For people: time, level, process, sentence, facts."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and a traceback where there is one."""
        when = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        facts = "".join(f" {name}={value!r}" for name, value in _facts(record).items())
        line = f"{when} {record.levelname.lower():7} {self._process}: {record.getMessage()}{facts}"
        return line + _trace(self, record)


class JsonFormatter(logging.Formatter):
    """For machines: one JSON object a line."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object."""
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "event": record.getMessage(),
            **{name: str(value) for name, value in _facts(record).items()},
        }
        trace = _trace(self, record).lstrip("\n")
        if trace:
            event["trace"] = trace
        return msgspec.json.encode(event).decode()


def start(process: str, settings: Settings) -> None:
    """Send this process's log to standard error."""
    formatters = {"text": TextFormatter, "json": JsonFormatter}
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatters[settings.log_format](process))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for noisy in ("websockets", "uvicorn", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in record.__dict__.items() if name not in STANDARD}


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[0] is not None:
        return "\n" + formatter.formatException(record.exc_info)
    return ""
