"""Play a seed of the swarm again, and leave out of it what its failure does not need.

python -m tests.simulation.shrink 1234
python -m tests.simulation.shrink 1234 --only run:r0,act:2,write:17=late
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

from dalsegno.testing.faults import Chances, Exactly, Fault
from tests.simulation.swarm import Case, attempt, draw

TRIES = 150


def parts(case: Case) -> list[str]:
    """Name everything that may be left out of a case whose faults are exact."""
    faults = case.exactly or Exactly()
    return [
        *(f"run:{run_id}" for run_id in case.plays),
        *(f"act:{number}" for number in range(len(case.acts))),
        *(f"knob:{name}" for name in case.knobs),
        *(f"write:{number}={fault}" for number, fault in faults.faults.items()),
        *(f"read:{number}={fault}" for number, fault in faults.reads.items()),
    ]


def only(case: Case, kept: list[str]) -> Case:
    """Leave out of a case what is not named; an act that is left out still takes its time."""
    named: dict[str, dict[str, str]] = {kind: {} for kind in ("run", "act", "knob", "write", "read")}
    for part in kept:
        kind, _, rest = part.partition(":")
        name, _, value = rest.partition("=")
        named[kind][name] = value
    return dataclasses.replace(
        case,
        plays={run_id: wanted for run_id, wanted in case.plays.items() if run_id in named["run"]},
        acts=tuple(
            act if str(number) in named["act"] else act._replace(who="nobody")
            for number, act in enumerate(case.acts)
        ),
        knobs={name: value for name, value in case.knobs.items() if name in named["knob"]},
        exactly=Exactly(
            {int(number): Fault(fault) for number, fault in named["write"].items()},
            {int(number): Fault(fault) for number, fault in named["read"].items()},
        ),
    )


def exact(case: Case, folder: Path) -> Case:
    """Fix the faults of a case to those that are drawn when it is played."""
    plan = attempt(case, folder)[0].plan
    return dataclasses.replace(case, exactly=plan.drawn) if isinstance(plan, Chances) else case


def shrink(case: Case, fails: Callable[[Case], bool]) -> list[str]:
    """Return the parts that a failure needs, as far as that is found in a bounded number of tries."""
    kept, tries = parts(case), 0
    size = max(1, len(kept) // 2)
    while True:
        start, smaller = 0, False
        while start < len(kept) and tries < TRIES:
            tries += 1
            without = kept[:start] + kept[start + size :]
            if fails(only(case, without)):
                kept, smaller = without, True
            else:
                start += size
        if tries >= TRIES or (size == 1 and not smaller):
            return kept
        size = max(1, size // 2)


def command(case: Case) -> str:
    """Return the command that plays a case again."""
    return f"python -m tests.simulation.shrink {case.seed}"


def told(case: Case, error: AssertionError, folder: Path) -> str:
    """Say how to play a failing case again: all of it, and the least of it that fails alike."""
    fixed = exact(case, folder)

    def alike(candidate: Case) -> bool:
        found = attempt(candidate, folder)[1]
        return found is not None and _kind(found) == _kind(error)

    again = command(case)
    if not alike(fixed):
        return f"again: {again} (it does not fail alike when its faults are fixed)"
    return f"again: {again}\nsmaller: {again} --only {','.join(shrink(fixed, alike))}"


def _kind(error: AssertionError) -> str:
    """Tell what was found, without its numbers: the promise, or the kind of error."""
    return f"{type(error).__name__} {str(error).partition(':')[0]}"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seed", type=int)
    parser.add_argument("--only", help="play just these parts of it, parted by commas")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, case = Path(name), draw(asked.seed)
        if asked.only is not None:
            case = only(case, [part for part in asked.only.split(",") if part])
        world, error = attempt(case, folder)
        print(f"swarm {case.seed}: {case!r}\n{world.report()}")
        if error is None:
            print("every promise held")
            return
        print("\n".join([repr(error), told(case, error, folder)]))
        raise SystemExit(1)


if __name__ == "__main__":
    main()
