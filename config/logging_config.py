"""Logging: Loguru for everyone, standard-library loggers routed into it.

A line is a dotted event name followed by facts (`agent.action.executed action_id=… seconds=…`). Feature values, keys
and passwords are never facts. At a desk the lines are text with the time in UTC; in a container one JSON object each.
"""

import inspect
import logging
import sys
from types import FrameType

from loguru import logger

_TEXT = (
    "<dim>{time:YYYY-MM-DD HH:mm:ss.SSS!UTC}Z</dim> <level>{level: <7}</level> <cyan>{extra[process]}</cyan> {message}"
)
_NOISY = ("great_expectations", "mlflow", "alembic.runtime.plugins", "httpx", "httpcore", "matplotlib", "skl2onnx")


class _ToLoguru(logging.Handler):
    """Hands a standard-library record to Loguru with the frame that logged it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        frame: FrameType | None = inspect.currentframe()
        depth = 0
        while frame and (depth == 0 or frame.f_code.co_filename == logging.__file__):
            frame, depth = frame.f_back, depth + 1
        logger.opt(depth=depth, exception=record.exc_info).log(level, "{}", record.getMessage())


def configure_logging(process: str, *, level: str = "INFO", as_json: bool = False) -> None:
    """Send this process's log to stderr; `process` names it on every line. Safe to call again."""
    logger.remove()
    logger.configure(extra={"process": process})
    if as_json:
        logger.add(sys.stderr, level=level, serialize=True, diagnose=False)
    else:
        logger.add(sys.stderr, level=level, format=_TEXT, diagnose=False)
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.INFO, force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
