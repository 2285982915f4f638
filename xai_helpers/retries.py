"""How long is a service waited for that says, come again later?"""

from __future__ import annotations

import email.utils
import re
import time

LONGEST_WAIT = 60.0  # seconds; who asks for more is not waited for


def retry_after(header: str) -> float:
    """What a Retry-After asks for, in seconds: a number of them, or a date; 0.0 where it says neither."""
    if re.fullmatch(r"[0-9]{1,99}(\.[0-9]{1,99})?", header):
        return float(header)
    try:
        date = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return max(0.0, date.timestamp() - time.time())
