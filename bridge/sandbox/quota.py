"""The vendor's two request quotas, as sliding windows."""

import math
from collections import deque
from datetime import datetime, timedelta


class Window:
    """At most `limit` requests in any `length` of time."""

    def __init__(self, limit: int, length: timedelta) -> None:
        self.limit = limit
        self._length = length
        self._times: deque[datetime] = deque()

    def remaining(self, now: datetime) -> int:
        while self._times and self._times[0] <= now - self._length:
            self._times.popleft()
        return self.limit - len(self._times)

    def count(self, now: datetime) -> None:
        self._times.append(now)

    def seconds_until_free(self, now: datetime) -> int:
        """Whole seconds until one more request is allowed; 0 when it is now."""
        if self.remaining(now) > 0:
            return 0
        if not self._times:  # a limit of zero never opens
            return math.ceil(self._length.total_seconds())
        return max(1, math.ceil((self._times[0] + self._length - now).total_seconds()))


class Quota:
    """Both windows, 5 minutes and a day. Refused requests do not count."""

    def __init__(self, per_5_minutes: int, per_day: int) -> None:
        self._short = Window(per_5_minutes, timedelta(minutes=5))
        self._long = Window(per_day, timedelta(days=1))

    def take(self, now: datetime) -> int:
        """Count one request, or give the seconds to wait before it may be sent again."""
        wait = max(self._short.seconds_until_free(now), self._long.seconds_until_free(now))
        if not wait:
            self._short.count(now)
            self._long.count(now)
        return wait

    def headers(self, now: datetime) -> dict[str, str]:
        """The 5-minute window; the vendor does not say which of the two its headers describe."""
        return {
            "x-ratelimit-limit": str(self._short.limit),
            "x-ratelimit-remaining": str(max(0, self._short.remaining(now))),
        }
