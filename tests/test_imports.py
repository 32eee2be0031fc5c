"""What tests share lies in modules with plain names: no test module imports another."""

import ast
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def imported(path: Path) -> set[str]:
    """Dotted names of all that a file imports, at its top or further in."""
    names = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_test_module(name: str) -> bool:
    """Whether `tests.a.b.c` is, or is in, a file that pytest collects."""
    parts = name.split(".")
    return parts[0] == "tests" and any(
        TESTS.joinpath(*parts[1:end]).with_suffix(".py").is_file() and parts[end - 1].startswith("test_")
        for end in range(2, len(parts) + 1)
    )


def test_no_test_module_is_imported() -> None:
    assert is_test_module("tests.test_imports.imported")
    assert not is_test_module("tests.engine.tiny_models.CLASSES")
    found = {
        str(path.relative_to(TESTS)): taken
        for path in TESTS.rglob("*.py")
        if (taken := sorted(filter(is_test_module, imported(path))))
    }
    assert not found
