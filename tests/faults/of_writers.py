"""Eight processes run one command into one folder at once, and each may be killed.

Each does its work, or is refused with a word of who is writing; what is there at the end has the bytes of a
single run, once more run where all were killed or refused.
"""

import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import works
from campaign import Campaign, Outcome
from kills import Killing

from concept_align.errors import ConceptAlignError

WRITERS = 8
REFUSED = 3  # exit code of a process that is told that another one writes


def case(killing: Killing, folder: Path, rng: random.Random) -> Outcome:
    out, killed = folder / "out", rng.random() < 0.5
    begin = time.monotonic() + 0.05
    children = []
    for _ in range(WRITERS):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                time.sleep(max(0.0, begin - time.monotonic()))
                killing.work(out)
                code = 0
            except ConceptAlignError as error:
                code = REFUSED if "another process" in str(error) else 1
                if code == 1:
                    os.write(2, f"{error}\n".encode())
            except BaseException as error:
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
            finally:
                os._exit(code)
        children.append(child)
    if killed:
        time.sleep(rng.uniform(0, 1.5 * killing.seconds))
        os.kill(children[0], signal.SIGKILL)
    ends = [os.waitpid(child, 0)[1] for child in children]
    codes = [os.waitstatus_to_exitcode(end) for end in ends]
    assert set(codes) <= {0, REFUSED, -signal.SIGKILL}, f"ended with {codes}"
    killing.again(out)
    killing.check(out)
    return "refused" if REFUSED in codes else "recovered"


CAMPAIGNS = [
    Campaign(
        f"writers-{name}",
        f"`{name}` by eight processes at once into one folder, half of the times one of them killed",
        partial(works.killing, name),
        case,
        default={"extract": 2, "probe": 1, "evaluate": 1}.get(name, 0),
        full=5 if name == "demo" else 20,
    )
    for name in works.WORKS
]
