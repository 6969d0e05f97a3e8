"""Unit tests open no socket, and no example of hypothesis is held against a busy machine."""

from __future__ import annotations

import hypothesis
import pytest_socket

hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_runtest_setup() -> None:
    pytest_socket.disable_socket()


def pytest_runtest_teardown() -> None:
    pytest_socket.enable_socket()
