"""A backend that builds no wheel."""

from flit_core.buildapi import *  # noqa: F403


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    raise NotImplementedError("there is no wheel of this")
