"""Operators at the pages of an inbox that runs as a process of its own."""

from __future__ import annotations

from relay.inbox.operators.people import Account
from relay.inbox.operators.store import Operators
from tests.inbox.room import PASSWORD, Browser
from tests.support.stack import Stack


def operator_at(stack: Stack, name: str = "els") -> Browser:
    """A coordinator with an account, who is logged in."""
    operators = Operators(stack.inbox.state)
    operators.save_account(Account(name, "coordinator"), PASSWORD, "test")
    operators.close()
    browser = Browser(stack.inbox.pages_port)
    assert browser.log_in(name).status == 303
    return browser
