"""Whatever a server asks to be waited for, it is a number of seconds."""

from __future__ import annotations

import email.utils
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers.retries import retry_after


@pytest.mark.parametrize("usegmt", [True, False])  # GMT or -0000
def test_retry_after_may_be_a_date(usegmt: bool) -> None:
    assert retry_after(email.utils.formatdate(time.time() + 30, usegmt=usegmt)) == pytest.approx(29, abs=1.5)


def test_however_long_it_is() -> None:
    assert retry_after("1000000000") == 1e9
    assert retry_after("9" * 99) == pytest.approx(1e99)
    assert retry_after("Fri, 31 Dec 9999 23:59:59 GMT") > 1e9


@given(st.text(max_size=40) | st.from_regex(r"(Mon, )?\d+ \w+ \d+ \d+:\d+:\d+ ?\S*", fullmatch=True))
def test_any_retry_after_is_a_number_of_seconds(header: str) -> None:
    assert retry_after(header) >= 0
