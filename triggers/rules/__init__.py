"""Lint: what is wrong, or will go wrong, in triggers, build configs and manifest, across files.

`sources` is what was read; the `*_rules`, one module by subject, hold small functions from that to
findings; `codes` names every kind of finding; `linter` reads a repository and applies all rules.
"""
