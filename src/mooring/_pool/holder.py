"""Who stands behind a ticket, remembered for the day somebody asks.

One ``Holder`` is made per request, so it only keeps what it is handed; words are
made of it when a report is asked for.
"""

from __future__ import annotations

import enum
import math
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING
from weakref import ref

from .model import Ticket, TicketState
from .wording import one_line

if TYPE_CHECKING:
    from mooring._url import URL

FRAMES_SHOWN = 3
"""Of the calls that led to a request: enough to get past a wrapper or two."""
NOT_THE_CALLER = ("mooring", "contextlib")
EVENT_LOOPS = ("asyncio", "trio", "uvloop")


class Phase(enum.Enum):
    """How far a request is, as reports say it."""

    WAITING = "waiting for a connection"
    CONNECTING = "connecting"
    SENDING = "sending the request"
    HEADERS = "waiting for response headers"
    BODY = "reading the response body"
    UNREAD = "response not closed"
    """The response is with the caller, and nobody reads from it at the moment."""


SENDING = Phase.SENDING  # once: reading a member off its Enum is a descriptor call
NEVER = -math.inf


class Holder:
    """One request as reports name it; the ``holder`` of its ticket.

    The shell sets ``phase`` as it goes along, and ``since``, the pool's time at
    which that phase began. WAITING and CONNECTING need not be set: the ticket
    knows. The task is not kept alive: a response that is kept after its task has
    ended, which is what a leak looks like, would keep the task as well.

    Args:
        method: The request's method.
        url: The request's URL. Its query and user information are never shown.
        task: The ``asyncio.Task``, trio task or ``threading.Thread`` that asked.
        created_at: Where the request was made, see ``here``.
    """

    __slots__ = ("_task", "created_at", "method", "phase", "since", "url")

    def __init__(
        self,
        method: str,
        url: URL,
        task: object = None,
        created_at: str | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self._task = None if task is None else ref(task)
        self.created_at = created_at
        self.phase = SENDING
        self.since = NEVER

    def __repr__(self) -> str:
        return f"<Holder {one_line(self.target)}: {self.phase.value}>"

    @property
    def host(self) -> str:
        """Host and port as in the URL, the default port left out."""
        return self.url.netloc.decode("ascii")

    @property
    def path(self) -> str:
        """The path as it is sent, without the query."""
        return self.url.raw_path.partition(b"?")[0].decode("ascii")

    @property
    def target(self) -> str:
        """Method and URL without user information and query."""
        return f"{self.method} {self.url.scheme}://{self.host}{self.path}"

    @property
    def task(self) -> object:
        """The task or thread that asked, while it exists."""
        return None if self._task is None else self._task()

    @property
    def token(self) -> int:
        """A number for the task, the same in all its holders; 0 if it is not known.

        CPython has one plain weak reference for each object, and it outlives the
        object here, so the number is never that of a later task.
        """
        return 0 if self._task is None else id(self._task)

    @property
    def task_name(self) -> str | None:
        """What the task or thread is called, as long as it exists."""
        task = self.task
        return None if task is None else name_of(task)

    @property
    def is_orphan(self) -> bool:
        """Whether the task or thread that asked is known to have ended."""
        if self._task is None:
            return False
        task = self._task()
        return task is None or has_ended(task)


def name_of(task: object) -> str:
    """Return the name of a task or thread, fit for a log.

    By what they have, as this floor knows of no event loop: asyncio's have
    ``get_name()``, trio's and threads ``name``.
    """
    get_name = getattr(task, "get_name", None)
    name = getattr(task, "name", None) if get_name is None else get_name()
    return one_line(str(name or type(task).__name__))


def has_ended(task: object) -> bool:
    """Say whether a task or thread is over; one of trio, which cannot tell, is not."""
    is_done: Callable[[], bool] | None = getattr(task, "done", None)
    is_alive: Callable[[], bool] | None = getattr(task, "is_alive", None)
    if is_done is not None:
        return is_done()
    return is_alive is not None and not is_alive()


def phase_of(ticket: Ticket) -> Phase:
    """Say how far *ticket*'s request is."""
    if ticket.state is TicketState.QUEUED:
        return Phase.WAITING if ticket.dial is None else Phase.CONNECTING
    holder: Holder | None = ticket.holder
    return Phase.SENDING if holder is None else holder.phase


def in_phase(ticket: Ticket, now: float) -> float:
    """Seconds since the request came to where it is.

    What the holder says of an earlier attempt does not count.
    """
    if ticket.state is TicketState.QUEUED:
        dial = ticket.dial
        return now - (ticket.asked_at if dial is None else dial.since)
    holder: Holder | None = ticket.holder
    since = -math.inf if holder is None else holder.since
    return now - max(since, ticket.granted_at)


def here() -> str:
    """Say where the running request was made: the innermost calls outside mooring.

    ``app.py:12 in fetch, from app.py:40 in main``. Costs microseconds, so the shell
    asks in debug mode only.
    """
    frame: FrameType | None = sys._getframe(1)
    inner = frame
    while frame is not None and _package(frame) in NOT_THE_CALLER:
        inner, frame = frame, frame.f_back
    places: list[str] = []
    while frame is not None and len(places) < FRAMES_SHOWN:
        if _package(frame) in EVENT_LOOPS:
            break
        if _package(frame) not in NOT_THE_CALLER:
            code = frame.f_code
            places.append(f"{code.co_filename}:{frame.f_lineno} in {code.co_name}")
        frame = frame.f_back
    if places:
        return ", from ".join(places)
    # Whoever made the task is not on the stack any more.
    name = "a request" if inner is None else inner.f_code.co_qualname
    return f"{name}, run as a task of its own"


def _package(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]
