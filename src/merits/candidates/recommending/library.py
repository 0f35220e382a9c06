"""The library implicit, imported when it is first needed."""

from __future__ import annotations

from types import ModuleType

from merits.core.errors import MissingExtra

__all__ = ["implicit_package"]


def implicit_package() -> ModuleType:
    """The package; MissingExtra, with what to install, where it is not there."""
    try:
        import implicit
    except ImportError:
        raise MissingExtra("it needs the package implicit.", "pip install 'merits[recommendation]'") from None
    module: ModuleType = implicit
    return module
