"""Measures Shipwheel beside its peers: `make benchmark`.

    python -m tests.benchmark.run [--rounds N] [--packages N] [--many N] [--plot FILE]

Everything runs in one go, in turn, against a registry on this machine; what is compared ran on the
same machine in the same minutes. It tells how far it is, and at the end prints medians and ratios
as docs/speed.md has them. It is a measurement, not a test: a bar that is missed is printed while it
runs, and fails nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import zipfile
from base64 import urlsafe_b64encode
from collections import defaultdict
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from steps.registry.page import parse_page
from tests.benchmark import ways
from tests.benchmark.measure import open_registry, processor, seconds, usage
from tests.benchmark.monorepo import BACKENDS, make_monorepo, make_package
from tests.benchmark.plot import bars
from tests.benchmark.report import Row, machine, table, tell
from tests.benchmark.triggers import CHANGED, make_repository, measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.benchmark.measure import Usage

    Way = Callable[[Sequence[Path], str, int], None]

WORKERS = 2
LATENCY = 0.05
LARGE = 200 << 20
TWINE, UV_TWINE = "build + twine check + twine upload", "the same with build --installer uv"
UV, FLOOR = "uv build + uv publish --check-url", "floor: fork server, raw POST, no checks"
FRESH, KEPT = "shipwheel publish --no-build-cache", "shipwheel publish"
WAYS: dict[str, Way] = {
    TWINE: ways.loop(ways.build_and_twine),
    UV_TWINE: ways.loop(ways.build_with_uv_and_twine),
    UV: ways.loop(ways.uv),
    FLOOR: ways.floor,
    FRESH: ways.shipwheel_fresh,
    KEPT: ways.shipwheel,
}
PICTURE = "Bars: the seconds that each way takes"
MEASUREMENTS = ["ways", "ratios", "single", "scale", "latency", "large", "check", "triggers"]
FEW_TRIGGERS, MANY_TRIGGERS = 1000, 5000
"""Packages whose triggers are rendered."""
SLOW = {TWINE, UV_TWINE}
"""They take so long that one round says enough."""


class Benchmark:
    """The measurements, each of which adds to the rows."""

    def __init__(self, folder: Path, rounds: int, packages: int, many: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.counts = packages, many
        self.few = self.monorepo("few", packages)
        self.many = self.monorepo("many", many)
        self.rows: list[Row] = []
        self.times: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.processor: dict[str, list[float]] = defaultdict(list)
        self.again: dict[str, list[float]] = defaultdict(list)

    def monorepo(self, name: str, packages: int) -> list[Path]:
        return sorted((make_monorepo(self.folder / name, packages) / "packages").iterdir())

    def median(self, way: str, workers: int = WORKERS) -> float:
        return statistics.median(self.times[way, workers])

    def add(self, what: str, measured: float, bar: float, unit: str = "") -> None:
        self.rows.append(Row(what, measured, bar, unit))
        tell(self.rows[-1])

    def ways(self) -> None:
        """Time every way, in turn; and uv and Shipwheel again where all is published already."""
        for number in range(self.rounds):
            for workers in WORKERS, 1:
                for name, way in WAYS.items():
                    if name not in SLOW or not number:
                        self.way(name, way, workers)

    def way(self, name: str, way: Way, workers: int) -> None:
        with open_registry() as registry:
            work = partial(way, self.few, registry.url, workers)
            before = processor()
            took = seconds(work)
            self.times[name, workers].append(took)
            self.processor[name].append(processor() - before)
            tell(f"{name}, {workers} at a time: {took:.2f} s")
            files = len([*registry.folder.glob("*/*.*")])
            assert files == 2 * len(self.few), f"{name} published {files} files"
            if workers == WORKERS and name in {UV, FRESH, KEPT}:
                self.again[name].append(seconds(work))
                tell(f"{name}, the second time: {self.again[name][-1]:.2f} s")

    def ratios(self) -> None:
        """Compare the ways."""
        for name in FRESH, KEPT:
            kind = "kept" if name == KEPT else "fresh"
            what = f"{len(self.few)} packages, {kind} environments, against"
            for other, short, bar in (
                (UV, "uv", 0.35),
                (TWINE, "build + twine", 0.10),
                (FLOOR, "the floor", 1.6),
            ):
                self.add(f"{what} {short}", self.median(name) / self.median(other), bar)
            second = statistics.median(self.again[name]) / statistics.median(self.again[UV])
            self.add(f"the second time, {kind} environments, against uv's", second, 0.35)

    def single(self) -> None:
        """Compare Shipwheel with uv on one package of each backend."""
        ratios = []
        for backend in BACKENDS:
            package = make_package(self.folder / f"one-{backend}", f"one-{backend}", backend)
            times: dict[str, list[float]] = defaultdict(list)
            for number in range(self.rounds + 1):
                for name in UV, KEPT:
                    with open_registry() as registry:
                        took = seconds(partial(WAYS[name], [package], registry.url, 1))
                    if number:  # the first warms the caches
                        times[name].append(took)
            ratios.append(statistics.median(times[KEPT]) / statistics.median(times[UV]))
            tell(f"one package of {backend}: {ratios[-1]:.2f} of uv")
        mean = statistics.geometric_mean(ratios)
        self.add("one package, mean ratio over four backends, against uv, warm", mean, 1.0)

    def scale(self) -> None:
        """Compare many packages with few: time and memory for each."""
        took, peak = [], []
        for packages in self.few, self.many:
            times = []
            for _ in range(self.rounds):
                with open_registry() as registry:
                    times.append(seconds(partial(ways.shipwheel, packages, registry.url, WORKERS)))
                tell(f"{len(packages)} packages: {times[-1]:.2f} s")
            took.append(statistics.median(times) / len(packages))
            with open_registry() as registry:
                command = ways.shipwheel_command(packages, registry.url, WORKERS)
                peak.append(usage(command).tree_peak)
        few, many = self.counts
        self.add(f"{many} packages against {few}: time per package", took[1] / took[0], 1.05)
        self.add(f"{many} packages against {few}: peak memory", peak[1] / peak[0], 1.3)

    def latency(self) -> None:
        """Time the same with a registry that lets its clients wait."""
        more = []
        for _ in range(self.rounds):
            times = []
            for latency in 0, LATENCY:
                with open_registry(latency) as registry:
                    times.append(seconds(partial(ways.shipwheel, self.few, registry.url, WORKERS)))
                tell(f"{latency * 1000:.0f} ms of latency: {times[-1]:.2f} s")
            more.append(times[1] - times[0])
        what = f"{LATENCY * 1000:.0f} ms of latency: {len(self.few)} packages take more"
        self.add(what, statistics.median(more), 1.0, " s")

    def large(self) -> None:
        """Upload one large wheel."""
        large, small = (self.large_wheel(name, size) for name, size in (("l", LARGE), ("s", 1)))
        times: dict[str, list[float]] = defaultdict(list)
        used: list[Usage] = []
        for number in range(self.rounds + 1):
            for name in "twine", "shipwheel":
                with open_registry() as registry:
                    took = seconds(lambda: used.append(usage(upload(name, large, registry.url))))  # noqa: B023 - run at once
                    tell(f"a wheel of {LARGE >> 20} MB, {name}: {took:.2f} s")
                    if number:
                        times[name].append(took)
        with open_registry() as registry:
            start = usage(upload("shipwheel", small, registry.url)).own_peak
        ratio = statistics.median(times["shipwheel"]) / statistics.median(times["twine"])
        self.add(f"a wheel of {LARGE >> 20} MB: time against twine upload", ratio, 1.1)
        self.add(
            "a large wheel: memory over that of a small one", used[-1].own_peak - start, 64, " MiB"
        )

    def large_wheel(self, name: str, size: int) -> Path:
        """Return a project with a wheel of *size* bytes in its dist/."""
        project = make_package(self.folder / name, name, "flit-core")
        (project / "dist").mkdir()
        content = os.urandom(size)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
        wheel = b"Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        info = f"{name}-1.0.dist-info"
        files = {f"{name}/data": content, f"{info}/METADATA": metadata, f"{info}/WHEEL": wheel}
        record = "".join(
            f"{path},sha256={urlsafe_b64encode(sha256(it).digest()).decode().rstrip('=')},{len(it)}\n"
            for path, it in files.items()
        )
        files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
        with zipfile.ZipFile(project / "dist" / f"{name}-1.0-py3-none-any.whl", "w") as archive:
            for path, it in files.items():
                archive.writestr(path, it)
        return project

    def check(self) -> None:
        """Check many packages whose versions are not published, and whose projects are."""
        with open_registry() as registry:
            for package in self.many:
                folder = registry.folder / package.name
                folder.mkdir()
                name = package.name.replace("-", "_")
                (folder / f"{name}-0.9-py3-none-any.whl").write_bytes(b"0.9")
            page = b'<a href="/p/a-0.9-py3-none-any.whl#sha256=00">a-0.9-py3-none-any.whl</a>'
            parse = partial(parse_page, page, name="a", url=registry.url, content_type="text/html")
            registry.requests()
            all_ = usage(check(self.many, registry.url))
            requests = registry.requests()
            one = usage(check(self.many[:1], registry.url))
        more = len(self.many) - 1
        parsing = seconds(lambda: [parse() for _ in range(more)])
        each = (all_.processor - one.processor - parsing) / more
        self.add(f"check of {len(self.many)}: requests per project", requests / len(self.many), 1)
        self.add(
            "check: processor time per project over the parse of its page", each * 1000, 5, " ms"
        )

    def triggers(self) -> None:
        """Render, lint and explain the triggers of a large repository, and of a larger one."""
        few = make_repository(self.folder / "rendered", FEW_TRIGGERS)
        many = make_repository(self.folder / "more", MANY_TRIGGERS)
        times: dict[str, list[float]] = defaultdict(list)
        for _ in range(self.rounds):
            for what in ("render", "floor", "lint", "explain"):
                times[what].append(measured(what, few))
            times["many"].append(measured("render", many))
            tell(", ".join(f"{what} {each[-1]:.2f} s" for what, each in times.items()))
        took = {what: statistics.median(each) for what, each in times.items()}
        size, more = f"triggers of {FEW_TRIGGERS} packages", MANY_TRIGGERS / FEW_TRIGGERS
        self.add(f"{size}: render, against dumping and reading", took["render"] / took["floor"], 3)
        self.add(f"{size}: lint, against render", took["lint"] / took["render"], 1.5)
        self.add(f"{size}: explain of {CHANGED} files", took["explain"], 2, " s")
        what = f"triggers of {MANY_TRIGGERS} packages against {FEW_TRIGGERS}: render, per package"
        self.add(what, took["many"] / took["render"] / more, 1.2)


def upload(name: str, project: Path, url: str) -> list[str]:
    if name == "shipwheel":
        options = ["--registry", url, "--first-release"]
        return [str(ways.BIN / "shipwheel"), "upload", *options, str(project)]
    files = map(str, (project / "dist").iterdir())
    return [ways.PYTHON, "-m", "twine", "upload", "--repository-url", url, *files]


def check(packages: Sequence[Path], url: str) -> list[str]:
    return [
        str(ways.BIN / "shipwheel"),
        "check",
        "--no-build",
        "--registry",
        url,
        *map(str, packages),
    ]


def report(benchmark: Benchmark) -> Iterator[str]:
    """Yield the tables of what was measured, in Markdown."""
    if benchmark.times:
        head = [f"{len(benchmark.few)} packages", "1 worker", f"{WORKERS} workers", "processor"]
        columns = {
            name: (
                benchmark.median(name, 1),
                benchmark.median(name),
                statistics.median(benchmark.processor[name]),
            )
            for name in WAYS
            if {(name, 1), (name, WORKERS)} <= benchmark.times.keys()
        }
        yield from table(
            head, [[name, *(f"{it:.2f} s" for it in times)] for name, times in columns.items()]
        )
        yield ""
    yield from table(["measured", ""], [row.cells() for row in benchmark.rows])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--packages", type=int, default=20)
    parser.add_argument("--many", type=int, default=200)
    parser.add_argument("--only", nargs="*", help="measurements, by the names of their methods")
    parser.add_argument("--plot", type=Path, help="write the first table as an SVG")
    options = parser.parse_args()
    where = f"{machine()}; {time.strftime('%Y-%m-%d')}, medians of {options.rounds} rounds"
    failure = None
    with tempfile.TemporaryDirectory() as folder:
        benchmark = Benchmark(Path(folder), options.rounds, options.packages, options.many)
        for name in options.only or MEASUREMENTS:
            try:
                getattr(benchmark, name)()
            except ways.ProgramFailed as error:
                failure = error
                tell(error)
                break
    plotted = options.plot and all((name, WORKERS) in benchmark.times for name in WAYS)
    picture = [f"![{PICTURE}]({options.plot})", ""] if plotted else []
    print("\n".join([where, "", *picture, *report(benchmark)]))
    if plotted:
        values = {name: benchmark.median(name) for name in WAYS}
        title = f"{options.packages} packages, {WORKERS} workers: seconds"
        options.plot.write_text(bars(title, values), encoding="utf-8")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
