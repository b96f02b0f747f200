"""The cases of what crosses to a host from one version to the next, beside a patch of one whole tar to the other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.measure import Figure, Meter, Row
from tests.bench.shop import STEPS, make_shop, with_another_erts
from tests.hosts import Fleet, Host

#: How many times the bytes of the patch may cross, by what hosts have to unpack with.
MOST = {"zstd": 2.0, "gzip": 8.0}
HOSTS = {"zstd": "prod1", "gzip": "prod2"}


class Shop:
    """The application, built in all its versions, and how it is brought to hosts."""

    def __init__(self, bench: Bench) -> None:
        self.directory = bench.directory / "shop"
        self.repository = make_shop(self.directory / "repository").path
        self.fleet = bench.fleet
        (self.repository / "deliver.toml").write_text(configuration(bench.fleet, tuple(HOSTS.values())))
        self.meter = Meter(bench.fleet.link, {"DELIVER_CONFIG": ""}, self.repository)
        for version in ["0.1.0", *STEPS]:
            self._keep(version)

    def deliver(self, task: str, *options: str) -> str:
        """Run one task; return what it wrote on stdout."""
        return self.meter.run(str(Path(sys.executable).with_name("deliver")), task, *options)

    def ship(self, version: str, host: str) -> tuple[Figure, int]:
        """Bring a version to one host; return what that cost, and the bytes of the stream alone."""
        said = list[str]()
        words = ("deploy-release", "--json", "--version", version, "--to", "production", "--host", host)
        figure = self.meter.measure(lambda: said.append(self.deliver(*words)))
        return figure, json.loads(said[-1])["hosts"][0]["bytes"]

    def tar(self, version: str) -> Path:
        """The file with a whole version."""
        return self.directory / f"{version}.tar"

    def patch(self, old: str, new: str) -> Figure:
        """Make a patch from one whole version to another; return its bytes."""
        result, began = self.directory / "patch", time.perf_counter()
        words = ["zstd", "-q", "-f", "-3", "--long=27", f"--patch-from={self.tar(old)}", str(self.tar(new))]
        subprocess.run([*words, "-o", str(result)], check=True)
        return Figure(time.perf_counter() - began, result.stat().st_size)

    def _keep(self, version: str) -> None:
        archive = self.directory / f"{version}.tar.gz"
        if version == "0.6.0":
            with_another_erts(self.directory / "0.5.0.tar.gz", archive)
            self.deliver("import", "--file", str(archive))
        else:
            self.deliver("build-release", "--tag", f"v{version}")
        self.deliver("export", "--version", version, "--output", str(archive), "--force")
        with self.tar(version).open("wb") as file:
            subprocess.run(["gzip", "-dc", archive], stdout=file, check=True)


@contextmanager
def _without_zstd(host: Host) -> Iterator[None]:
    """For a while, a host has no zstd."""
    program = host.shell("command -v zstd")
    host.run(["mount", "--bind", "/dev/null", program])
    try:
        yield
    finally:
        host.run(["umount", program])


def configuration(fleet: Fleet, hosts: Sequence[str]) -> str:
    """Return what an operator writes for an environment of these hosts."""
    return f"""app = "shop"
[ssh]
config = "{fleet.ssh_config}"
[environments.production]
path = "/srv"
hosts = {list(hosts)}
"""


def step(bench: Bench, version: str, kind: str) -> Row:
    """Bring a version to a host that has the one before it."""
    shop: Shop = bench.kept("shop", lambda: Shop(bench))
    versions = ["0.1.0", *STEPS]
    old = versions[versions.index(version) - 1]
    with _without_zstd(bench.fleet[HOSTS["gzip"]]):
        if not bench.fleet[HOSTS[kind]].path(f"/srv/shop/.deliver/versions/{old}").exists():
            shop.ship(old, HOSTS[kind])
        ours, sent = shop.ship(version, HOSTS[kind])
    plain = shop.patch(old, version)
    share = sent / plain.network
    wanted = f"a stream of at most {MOST[kind]:g}x a patch of the whole ({sent / 1e3:.1f} kB, {share:.2f}x)"
    return Row(f"bytes to a host with {kind}: {STEPS[version]}", ours, plain, wanted, share <= MOST[kind])


CASES: dict[str, Callable[[Bench], Row]] = {
    f"bytes-{kind}-{version}": partial(step, version=version, kind=kind) for kind in MOST for version in STEPS
}
