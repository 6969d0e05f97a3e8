"""Unit tests open no socket, and no example of hypothesis is held against a busy machine."""

from __future__ import annotations

import hypothesis
import pytest_socket

# `make test-exhaustive` chooses the other.
hypothesis.settings.register_profile("exhaustive", deadline=None, max_examples=150)
hypothesis.settings.register_profile("sample", deadline=None, max_examples=30)
hypothesis.settings.load_profile("sample")


def pytest_runtest_setup() -> None:
    pytest_socket.disable_socket()


def pytest_runtest_teardown() -> None:
    pytest_socket.enable_socket()
