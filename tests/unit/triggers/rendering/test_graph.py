from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from builder.__main__ import main
from tests.unit.triggers.rendering.rendering import function, package, rendered
from triggers.discovery.inventory import Inventory
from triggers.rendering.formats import mermaid

if TYPE_CHECKING:
    import pytest

LEGEND = """\
  subgraph legend
    direction LR
    l0["package"] -- is built into --> l1("function")
    l1 -. is built by .-> l2>"trigger"]
  end
"""
SAMPLE = Path(__file__).parents[3] / "example/shipwheel.yaml"


def test_the_sample_is_drawn_with_its_dependencies_and_triggers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["triggers", "graph", "--manifest", str(SAMPLE)]) == 0

    assert capsys.readouterr().out == (
        "flowchart LR\n"
        '  d0["packages/berths"]\n'
        '  d1["packages/dues"]\n'
        '  d2["packages/signals"]\n'
        '  d3["packages/tides"]\n'
        '  d4("functions/berth-finder")\n'
        "  d3 --> d0\n"
        "  d0 --> d1\n"
        "  d0 --> d4\n"
        '  d0 -.-> t0>"packages-berths-check"]\n'
        '  d0 -.-> t1>"packages-berths-publish"]\n'
        '  d1 -.-> t2>"packages-dues-check"]\n'
        '  d1 -.-> t3>"packages-dues-publish"]\n'
        '  d2 -.-> t4>"packages-signals-check"]\n'
        '  d2 -.-> t5>"packages-signals-publish"]\n'
        '  d3 -.-> t6>"packages-tides-check"]\n'
        '  d3 -.-> t7>"packages-tides-publish"]\n'
        '  d4 -.-> t8>"functions-berth-finder-deploy"]\n' + LEGEND
    )


def test_triggers_can_be_left_out_of_drawing_and_legend(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["triggers", "graph", "--no-triggers", "--manifest", str(SAMPLE)]) == 0

    drawn = capsys.readouterr().out
    assert "  d0 --> d4\n" in drawn
    assert "-.->" not in drawn
    assert drawn.endswith('l1("function")\n  end\n')


def test_a_group_and_a_directory_that_is_not_a_target_are_drawn_too() -> None:
    targets = (package('p/"a"', "plain"), package("p/b"))
    triggers = rendered(package("p/a"), package("p/b"), grouping="directory").triggers

    assert mermaid(Inventory(components=targets), triggers) == (
        "flowchart LR\n"
        '  d0["p/#quot;a#quot;"]\n'
        '  d1["p/b"]\n'
        '  d2[/"p"/]\n'
        '  d3[/"plain"/]\n'
        "  d3 --> d0\n"
        "  d0 --> d2\n"
        "  d1 --> d2\n"
        '  d2 -.-> t0>"p-check"]\n'
        '  d2 -.-> t1>"p-publish"]\n' + LEGEND
    )


def test_a_trigger_that_another_ones_build_starts_has_an_arrow_from_it() -> None:
    targets = (package("p/a"), function("f", "p/a"))
    triggers = rendered(*targets, check={"enabled": False}, deploy={"afterPublish": True}).triggers

    assert mermaid(Inventory(components=targets), triggers) == (
        "flowchart LR\n"
        '  d0["p/a"]\n'
        '  d1("f")\n'
        "  d0 --> d1\n"
        '  d0 -.-> t0>"p-a-publish"]\n'
        '  d1 -.-> t1>"f-deploy"]\n'
        "  t0 -.-> t1\n" + LEGEND
    )


def test_a_group_has_arrows_from_its_own_packages_and_a_package_from_none_below() -> None:
    targets = (package("p/a"), package("q/a"))
    grouped = mermaid(
        Inventory(components=targets),
        rendered(*targets, grouping="directory", check={"enabled": False}).triggers,
    )
    nested = (package("p"), package("p/a"))
    plain = mermaid(Inventory(components=nested), rendered(*nested).triggers)

    assert [
        line for line in grouped.splitlines() if line.startswith("  d") and " --> " in line
    ] == [
        "  d0 --> d2",
        "  d1 --> d3",
    ]
    assert "  d0 --> " not in plain


def test_a_trigger_that_is_not_drawn_has_no_arrow() -> None:
    targets = (package("p/a"), function("f", "p/a"))
    triggers = rendered(*targets, check={"enabled": False}, deploy={"afterPublish": True}).triggers

    drawn = mermaid(Inventory(components=targets), triggers[:1])

    assert drawn.endswith('  d0 --> d1\n  d0 -.-> t0>"p-a-publish"]\n' + LEGEND)
