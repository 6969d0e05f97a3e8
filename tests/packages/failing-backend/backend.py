"""A backend that fails."""

from flit_core.buildapi import *  # noqa: F403


def build_sdist(sdist_directory, config_settings=None):
    raise RuntimeError("the backend fails on purpose")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    raise RuntimeError("the backend fails on purpose")
