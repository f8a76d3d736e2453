"""Notice a source that goes round in circles before it does so for ever."""

from collections.abc import Sequence

from hub.connectors.paging import At, ByOffset, ByPage, Turn, Way
from hub.connectors.windows import Window
from hub.errors import SourceRefused
from hub.model import Ticket

_MOST_EMPTY_PAGES = 10


class LoopGuard:
    """What one run has seen of a source's pages."""

    def __init__(self, most_pages: int) -> None:
        self._pages_left = most_pages
        self._been: set[tuple[Window, At]] = set()
        self._before: tuple[Window, Sequence[Ticket]] | None = None
        self._empty = 0

    def next(self, at: At | None, turn: Turn, tickets: Sequence[Ticket], page: Way, window: Window) -> At | None:
        """Let the run go on to the page at `at`; None where a source only repeats its last. Raises SourceRefused."""
        self.count()
        repeated = bool(tickets) and self._before == (window, tickets)
        self._before = (window, tickets)
        if at is None:
            return None
        if repeated:
            if _may_end_so(turn, page):
                return None
            raise SourceRefused(
                "gives the same page again", hint="it seems to ignore the paging parameter: check page.send"
            )
        self._must_fill(tickets)
        self._must_be_new(at, turn, window)
        return at

    def count(self) -> None:
        """Count one question. Raises SourceRefused beyond the limit."""
        if self._pages_left == 0:
            raise SourceRefused("gives more pages than limits.max_pages", hint="it goes round in circles, or raise it")
        self._pages_left -= 1

    def _must_fill(self, tickets: Sequence[Ticket]) -> None:
        self._empty = 0 if tickets else self._empty + 1
        if self._empty >= _MOST_EMPTY_PAGES:
            raise SourceRefused(f"says that there is more, and gave {self._empty} empty pages in a row")

    def _must_be_new(self, at: At, turn: Turn, window: Window) -> None:
        if turn.at is not None:
            self._been.add((window, turn.at))
        if (window, at) in self._been:
            raise SourceRefused("leads to a page that this run has already read; its paging goes round in circles")


def _may_end_so(turn: Turn, page: Way) -> bool:
    """Tell a source that gives its last page again and again from one that ignores us: that one gives full pages."""
    return isinstance(page, ByPage | ByOffset) and not page.is_full(turn.tickets) and turn.total is None
