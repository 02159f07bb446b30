"""Loads the entry file as a module (F112): search path, source never taken from a bytecode cache, files for reload."""

from __future__ import annotations

import os
import sys
import types
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location

PACKAGE = "fastfn_root"  # the functions root as a package, so that `from .helper import x` works in an entry


class _SourceLoader(SourceFileLoader):
    """Compiles what the file holds now.

    Bytecode is valid by size and second of change, which an edit within that second passes. Without stats the import
    machinery neither reads nor writes a __pycache__.
    """

    def path_stats(self, path: str):
        raise OSError("bytecode is not used for the functions of a project")


class Project:
    """Where the user's code is: below the root, save for dependencies and what is the interpreter's own."""

    def __init__(self, root: str, dependency_paths: list[str]) -> None:
        self.root = root.rstrip(os.sep)
        self._foreign = tuple(path.rstrip(os.sep) + os.sep for path in (*dependency_paths, *sys.path) if path)

    def owns(self, path: str) -> bool:
        inside = path == self.root or path.startswith(self.root + os.sep)
        return inside and not (path + os.sep).startswith(self._foreign)

    def loaded_files(self) -> list[str]:
        """Absolute paths of the modules that came from the project."""
        origins = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        return sorted({origin for origin in origins if isinstance(origin, str) and self.owns(origin)})

    def install(self, search_path: list[str]) -> None:
        """Puts `search_path` before the interpreter's own and makes imports from the project read source."""
        sys.path_hooks.insert(0, self._finder)
        sys.path[:0] = dict.fromkeys(search_path)
        sys.path_importer_cache.clear()

    def _finder(self, path: str) -> FileFinder:
        if not self.owns(os.path.abspath(path)):
            raise ImportError(f"{path} is not a folder of functions")
        return FileFinder(path, (ExtensionFileLoader, EXTENSION_SUFFIXES), (_SourceLoader, SOURCE_SUFFIXES))


def load_entry(entry: str, project: Project) -> types.ModuleType:
    """Runs the entry file. Its name need not be an identifier (`get.items.[id].py`)."""
    folder, file = os.path.split(entry)
    name = f"{_package_of(folder, project.root)}.{_module_name(file.removesuffix('.py'))}"
    spec = spec_from_file_location(name, entry, loader=_SourceLoader(name, entry))
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look it up
    spec.loader.exec_module(module)
    return module


def _package_of(folder: str, root: str) -> str:
    """Makes the folders from the root down to `folder` packages, without running an __init__.py."""
    name, path = PACKAGE, root
    parts = os.path.relpath(folder, root).split(os.sep) if folder != root else []
    for part in ["", *parts]:
        if part:
            name, path = f"{name}.{_module_name(part)}", os.path.join(path, part)
        package = types.ModuleType(name)
        package.__path__ = [path]
        sys.modules[name] = package
    return name


def _module_name(stem: str) -> str:
    return stem.replace(".", "_")
