"""Flow control of what we receive (RFC 9113 section 5.2).

What we send needs two numbers and no class: see ``HTTP2Connection.send_data``.
"""

from __future__ import annotations


class ReceiveWindow:
    """How much the peer may still send, and how much we owe it for what is done with.

    Credit is given in halves of the window, so that a small response costs no
    WINDOW_UPDATE and a large one few; or earlier if that would let the peer run dry,
    because others hold the rest.

    >>> window = ReceiveWindow(100)
    >>> window.left -= 60
    >>> window.credit(30), window.credit(30), window.left
    (0, 60, 100)
    """

    __slots__ = ("left", "owed", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.left = size
        """Bytes the peer may send; below 0 it has broken the rules."""
        self.owed = 0

    def credit(self, count: int) -> int:
        """Take note that *count* bytes are done with; return the increment to send."""
        owed = self.owed + count
        if (owed * 2 < self.size and owed < self.left) or not owed:
            self.owed = owed
            return 0
        self.owed = 0
        self.left += owed
        return owed

    @property
    def held(self) -> int:
        """Bytes received that nobody is done with."""
        return self.size - self.left - self.owed
