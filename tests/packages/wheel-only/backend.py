"""A backend that builds no sdist."""

from flit_core.buildapi import *  # noqa: F403


def build_sdist(sdist_directory, config_settings=None):
    raise UnsupportedOperation("there is no sdist of this")


class UnsupportedOperation(Exception):
    """What PEP 517 wants a backend to raise, under this very name."""
