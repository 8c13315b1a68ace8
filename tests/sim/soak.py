"""`make soak SEEDS=1000..2000`: any number of simulated outages; seeds that fail are kept for the tests."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from relay.sim import soak

REGRESSIONS = Path(__file__).with_name("regressions.txt")
MEMORY = Path("/dev/shm")
WORKERS = 2


def where() -> str | None:
    """In memory where that can be: a card would be worn out by this."""
    return str(MEMORY) if MEMORY.is_dir() else None


def regressions() -> list[int]:
    """Seeds that failed once."""
    lines = REGRESSIONS.read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


def one(seed: int) -> tuple[int, soak.Outcome]:
    with tempfile.TemporaryDirectory(prefix="naober-soak-", dir=where()) as folder:
        return seed, soak.run(seed, Path(folder))


def main(seeds: str) -> int:
    """`100` for the first hundred, `100..200` for those between."""
    first, _, last = seeds.rpartition("..")
    failed = 0
    with ProcessPoolExecutor(WORKERS) as pool:
        for seed, outcome in pool.map(one, range(int(first or 0), int(last))):
            told = f"{seed}: {outcome.reports} reports, {', '.join(outcome.faults)}"
            sys.stdout.write(f"{told}: {outcome.violations or 'good'}\n")
            sys.stdout.flush()
            if outcome.violations:
                failed += 1
                if seed not in regressions():
                    with REGRESSIONS.open("a") as kept:
                        kept.write(f"{seed}  # {outcome.violations[0]}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
