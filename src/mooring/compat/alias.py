"""``install_as``: mooring in the place of httpx and httpx2, for a whole program.

Each alias is a module of its own, because it says the version of the API that it
stands for; every class and function in it is mooring's. Submodules are the facades,
one object whatever the alias.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NamedTuple

from mooring._client.log import stand_in_for

__all__ = ["alias_httpx", "install_as"]


class _Stand(NamedTuple):
    """What stands in for one package."""

    version: str
    package: str
    """Where the names of its top level come from."""
    modules: str
    """Where its submodules come from."""


# Released code compares these versions. They are those of the API, not of mooring.
_STANDS = {
    "httpx": _Stand("0.28.1", "mooring", "mooring.compat.facade"),
    "httpcore": _Stand("1.0.9", "mooring.compat.httpcore", "mooring.compat.httpcore"),
    "httpx2": _Stand("2.16.2", "mooring", "mooring.compat.facade"),
    "httpcore2": _Stand("2.16.2", "mooring.compat.httpcore", "mooring.compat.httpcore"),
}
_ALIASES = {"httpx": ("httpx", "httpcore"), "httpx2": ("httpx2", "httpcore2")}


def install_as(*names: str) -> None:
    """Make ``import httpx`` give mooring, everywhere in this process.

    For applications, to bring SDKs and plugins along; a library must not decide this
    for others. Call it before anything imports the real one::

        import mooring

        mooring.install_as("httpx", "httpx2")

        import openai  # now runs on mooring

    ``httpcore`` comes with ``httpx``, ``httpcore2`` with ``httpx2``. Calling it again
    changes nothing. Processes that are spawned have to call it themselves.

    Args:
        names: ``"httpx"``, ``"httpx2"`` or both.

    Raises:
        ValueError: Another name, or none.
        RuntimeError: One of them has been imported; then nothing is changed.
    """
    unknown = [name for name in names if name not in _ALIASES]
    if unknown or not names:
        given = f"not {unknown[0]!r}" if unknown else "and at least one"
        raise ValueError(f"the names to install as are 'httpx' and 'httpx2', {given}")
    packages = [package for name in names for package in _ALIASES[name]]
    for package in packages:
        _check_free(package)
    for package in packages:
        _install(package)
    for name in names:
        stand_in_for(name)  # who watches that logger expects its lines there
    _listen_to_mocks()


def alias_httpx() -> None:
    """Make ``import httpx`` give mooring; as ``install_as("httpx")``.

    Under this name httpx2 has the same, to let old code run on the new package.

    Raises:
        RuntimeError: httpx or httpcore has been imported already.
    """
    install_as("httpx")


class _Alias(ModuleType):
    """The top level of a package that we stand in for."""

    def __init__(self, name: str, stand: _Stand) -> None:
        target = importlib.import_module(stand.package)
        super().__init__(name, target.__doc__)
        self.__version__ = stand.version
        self.__file__ = target.__file__
        # No path: what the finder does not know is not there.
        self.__path__ = []
        self.__package__ = name
        self.__all__ = list(target.__all__)
        self._target = target
        for public in self.__all__:
            # The other names are loaded by __getattr__, when they are asked for.
            if public in vars(target) and public != "__version__":
                setattr(self, public, vars(target)[public])

    def __getattr__(self, name: str) -> object:
        if not name.startswith("_") and hasattr(self._target, name):
            return getattr(self._target, name)
        if not name.startswith("__"):
            # The real package has all of its modules at hand once it is imported.
            module = f"{self.__name__}.{name}"
            try:
                return importlib.import_module(module)
            except ModuleNotFoundError as exc:
                if exc.name != module:
                    raise
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<module {self.__name__!r}, which is mooring>"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__all__})


class _Finder(MetaPathFinder):
    """Finds *alias* and its submodules where others look for the real ones."""

    def __init__(self, alias: _Alias) -> None:
        self.alias = alias

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return where *fullname* is, if it is a module of this package."""
        package, _, rest = fullname.partition(".")
        if package != self.alias.__name__:
            return None
        if not rest:  # somebody emptied sys.modules, or reloads
            return self.alias.__spec__
        ours = f"{_STANDS[package].modules}.{rest}"
        try:
            found = importlib.util.find_spec(ours)
        except ModuleNotFoundError:  # the parent of the module is not there
            return None
        return None if found is None else ModuleSpec(fullname, _Loader(ours))


class _Loader(Loader):
    """Gives the module that there is, whoever asks for it first."""

    def __init__(self, ours: str) -> None:
        self._ours = ours
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return our module, which may have been imported before."""
        module = importlib.import_module(self._ours)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing: the module has been. Undo what importing did to its spec."""
        module.__spec__ = self._spec


class _AliasLoader(Loader):
    """Gives the alias that there is."""

    def __init__(self, alias: _Alias) -> None:
        self._alias = alias

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the alias."""
        return self._alias

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing."""


def _is_installed(package: str) -> bool:
    return any(
        isinstance(finder, _Finder) and finder.alias.__name__ == package
        for finder in sys.meta_path
    )


def _check_free(package: str) -> None:
    """Raise if a module of the real *package* has been imported."""
    if _is_installed(package):
        return
    for name, module in list(sys.modules.items()):
        if module is None or name.partition(".")[0] != package:
            continue
        error = RuntimeError(
            f"cannot install mooring as {package!r}: the real one is imported already"
        )
        error.add_note(
            "call mooring.install_as() before the first import of it, or start the"
            " program with 'python -m mooring.run'"
        )
        raise error


def _install(package: str) -> None:
    if _is_installed(package):
        return
    stand = _STANDS[package]
    alias = _Alias(package, stand)
    alias.__loader__ = loader = _AliasLoader(alias)
    alias.__spec__ = ModuleSpec(package, loader, is_package=True)
    # A module of this name exists there too, and must not hide the text.
    version = ModuleType(f"{package}.__version__")
    vars(version).update(
        __version__=stand.version,
        __title__=package,
        __description__=alias.__doc__,
    )
    sys.meta_path.insert(0, _Finder(alias))
    sys.modules[f"{package}.__version__"] = version
    sys.modules[package] = alias


def _listen_to_mocks() -> None:
    # Here, because it loads the transports, which "import mooring" must not.
    from .httpcore._async.connection_pool import go_through_pool as async_too
    from .httpcore._sync.connection_pool import go_through_pool

    go_through_pool()
    async_too()
