"""The house keeps its rules: one class name, one meaning; few arguments."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "concept_align"
MOST_ARGUMENTS = 12
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def test_a_class_name_means_one_thing():
    places = defaultdict(list)
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_function_takes_more_arguments_than_one_can_remember():
    long = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                number = len([one for one in given if one.arg not in ("self", "cls")])
                if number > MOST_ARGUMENTS:
                    long.append(f"{path.relative_to(ROOT)}: {node.name} ({number})")
    assert long == []
