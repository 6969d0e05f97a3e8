"""A module."""

VERSION = "1.7"
