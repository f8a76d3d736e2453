"""What is logged while a command runs: to stderr, for people or as JSON lines, never with a secret."""

import logging
from collections.abc import Iterable

import structlog
from structlog.typing import Processor

from hub.cli.asked import Asked
from hub.cli.voice import talk
from hub.connectors.masking import hide


def configure(asked: Asked, level: int, secrets: Iterable[str] = ()) -> None:
    """Send what the hub and its libraries log to stderr, from `level` on; with --verbose everything of the hub's."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if asked.json else "%Y-%m-%d %H:%M:%S", utc=asked.json),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _Talk(secrets)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(asked)],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("hub").setLevel(logging.DEBUG if asked.verbose else level)


def _renderers(asked: Asked) -> list[Processor]:
    if asked.json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    # Rich tracebacks would show local variables, and with them secrets and people.
    return [
        structlog.dev.ConsoleRenderer(
            colors=talk.is_terminal, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    ]


class _Talk(logging.Handler):
    """Writes above a progress bar, not through it, and masks every secret that the configuration is known to hold."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def emit(self, record: logging.LogRecord) -> None:
        talk.out(hide(self.format(record), self._secrets))
