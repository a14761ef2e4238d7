"""No module needs itself: imports form no circle, those within functions counted too."""

import grimp


def test_there_is_no_import_circle():
    graph = grimp.build_graph("concept_align", exclude_type_checking_imports=True)
    edges = {
        module: {
            found for found in graph.find_modules_directly_imported_by(module) if found != "concept_align"
        }
        for module in graph.modules
        if module != "concept_align"
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module not in done:
            for found in sorted(edges.get(module, ())):
                visit(found, (*trail, module))
            done.add(module)

    for module in sorted(edges):
        visit(module, ())
