"""``python -m concept_align``."""

from .cli import main

main()
