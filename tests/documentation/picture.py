"""Takes the picture of the status page that the guide shows: `make picture`.

The page is that of the sample repository after a few releases.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.documentation import ROOT
from tests.documentation.stage import Stage
from tests.integration.browser import Browser

PICTURE = ROOT / "docs/status.png"
_RELEASES = """
shipwheel --quiet publish packages/berths packages/tides
sed -i 's/"1.2.0"/"1.3.0"/' packages/tides/pyproject.toml
git commit -q -a -m Tides; shipwheel --quiet publish packages/tides
sed -i 's/"0.4.1"/"0.4.0"/' packages/berths/pyproject.toml
echo 'harbour-tides==1.2.0' >> functions/berth-finder/requirements.txt
shipwheel --quiet triggers apply
shipwheel --quiet status --html status.html
"""


def main() -> None:
    """Write the picture."""
    with (
        Stage() as stage,
        Browser() as browser,
        tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as page,
    ):
        stage.prepare(_RELEASES)
        page.write(stage.run("cat status.html"))
        page.flush()
        browser.resize(1180, 660)
        browser.open(Path(page.name).as_uri())
        browser.run("location.hash = '#/packages%2Ftides'")
        browser.run("new Promise(resolve => setTimeout(resolve, 100))")
        browser.picture(PICTURE)


if __name__ == "__main__":
    main()
