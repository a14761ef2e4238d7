"""How long ``concept-align --help`` takes, as a whole process, and that it does not import torch."""

import subprocess
import sys
from pathlib import Path

from side_by_side import arguments, interleaved, report

COMMAND = Path(sys.executable).with_name("concept-align")
HEAVY = ("torch", "transformers", "pandas", "scipy", "sklearn", "pyarrow")
IMPORTED = f"import sys, concept_align.cli.commands; print(*(m for m in {HEAVY} if m in sys.modules))"


def main() -> None:
    options = arguments(__doc__).parse_args()
    run = lambda *command: subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: E731
    seconds = interleaved(
        {
            "help": lambda: run(str(COMMAND), "--help"),
            "extract help": lambda: run(str(COMMAND), "extract", "--help"),
            "bare python": lambda: run(sys.executable, "-c", "pass"),
        },
        rounds=5 if options.quick else 15,
    )
    heavy = run(sys.executable, "-c", IMPORTED).split()
    report(
        "command line start, seconds (median)",
        {name: f"{value:.3f}" for name, value in seconds.items()},
        {
            "help_s": seconds["help"],
            "extract_help_s": seconds["extract help"],
            "python_s": seconds["bare python"],
            "imports_torch": "torch" in heavy,
            "heavy_imports": heavy,
        },
        only_json=options.json,
    )


if __name__ == "__main__":
    main()
