"""A backend that the project brings along."""

from flit_core.buildapi import *  # noqa: F403
