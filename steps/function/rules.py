"""Every rule for functions, asked of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.function import requirement_rules, source_rules

if TYPE_CHECKING:
    from steps.function.facts import Facts
    from steps.host.errors import Finding


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Return the findings of every rule, in the order of files and lines."""
    rules = (*source_rules.RULES, *requirement_rules.RULES)
    return tuple(sorted({found for rule in rules for found in rule(facts)}))
