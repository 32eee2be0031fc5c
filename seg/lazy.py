"""Public names of a package that are imported when they are first used."""

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def lazy_public_names(package: str, module_of: "Mapping[str, str]") -> "Callable[[str], Any]":
    """The `__getattr__` of a package; it raises AttributeError for other names.

    Args:
        package: its `__name__`.
        module_of: the module that defines each name; a name may also be that of the module itself.
    """

    def get(name: str) -> "Any":
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(module_of[name])
        return module if module_of[name] == f"{package}.{name}" else getattr(module, name)

    return get
