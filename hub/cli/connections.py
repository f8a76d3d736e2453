"""Keep no connection on which nothing moves: no request comes, or nobody reads what was answered.

uvicorn waits for both as long as a client likes.
"""

from asyncio import AbstractEventLoop, BaseTransport, TimerHandle, Transport

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

UNREAD = 30.0
"""Seconds that an answer, which fills every buffer on its way, may lie there."""


class _Alarm:
    """Aborts a transport unless it is stopped in time."""

    def __init__(self) -> None:
        self._set: TimerHandle | None = None

    def set(self, loop: AbstractEventLoop, transport: Transport, seconds: float) -> None:
        self.stop()
        self._set = loop.call_later(seconds, transport.abort)

    def stop(self) -> None:
        if self._set is not None:
            self._set.cancel()
            self._set = None


class Connection(HttpToolsProtocol):
    """One connection, closed when the headers of a request take longer than `patience` seconds to come."""

    patience = 10.0
    unread = UNREAD
    _waiting: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._alarm = _Alarm()
        self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._alarm.set(self.loop, self.transport, self.unread)

    def resume_writing(self) -> None:
        self._alarm.stop()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._alarm.stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(self.patience, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class Socket(WebSocketsSansIOProtocol):
    """One WebSocket, aborted when nobody reads it."""

    unread = UNREAD

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self._alarm = _Alarm()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._alarm.set(self.loop, self.transport, self.unread)

    def resume_writing(self) -> None:
        self._alarm.stop()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._alarm.stop()
        super().connection_lost(exc)
