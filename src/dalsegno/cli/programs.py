"""Files of workflows: imported, and their App found, or made where there is none."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from dalsegno.app import App, AppOptions
from dalsegno.cli.stores import Place, configuration, resolve
from dalsegno.engine.definitions import Workflow
from dalsegno.engine.registry import Registry
from dalsegno.errors import DalsegnoError, DefinitionError
from dalsegno.events.known import Known


@dataclass(frozen=True, slots=True)
class Program:
    """What files hold together: their definitions, the first App's options, and the store."""

    label: str
    registry: Registry
    known: Known
    options: AppOptions
    place: Place
    modules: tuple[ModuleType, ...]


def load(files: Sequence[str], store: str | None) -> Program:
    """Import files (paths, or dotted modules) and put together what a worker of them needs.

    ``store`` outranks the App's; two files with Apps on two stores are an error.
    """
    modules = tuple(_module(file) for file in files)
    apps = [_app(module) for module in modules]
    registry, known = Registry(), Known()
    for app in apps:
        own = app.registry()
        registry.add([*own.workflows.values(), *own.steps.values()])
        app.known(known)
    registry.check()
    places = (
        [resolve(store)]
        if store
        else [_place(app, module) for app, module in zip(apps, modules, strict=True)]
    )
    if len({place.address for place in places}) > 1:
        raise DefinitionError(
            f"These files have different stores: {'; '.join(map(str, places))}.",
            "One worker works on one store.",
            "Name it with --store, or start a worker for each file.",
        )
    label = ", ".join(dict.fromkeys(Path(file).name for file in files))
    worker = replace(apps[0].options.worker, program=label)
    return Program(label, registry, known, replace(apps[0].options, worker=worker), places[0], modules)


def pick(program: Program, name: str | None) -> Workflow[Any, Any]:
    """Return the workflow of a name, as it is declared or as its module calls it; or the only one."""
    registry = program.registry
    if name is None:
        names = sorted({known for known, _ in registry.workflows})
        if len(names) != 1:
            told = ", ".join(names) or "none"
            raise click.UsageError(
                f"{program.label} has {len(names)} workflows ({told}): write FILE:WORKFLOW."
            )
        return registry.latest(names[0])
    found = getattr(program.modules[0], name, None)
    known = any(each == name for each, _ in registry.workflows)
    return found if isinstance(found, Workflow) and not known else registry.latest(name)


def _app(module: ModuleType) -> App:
    apps = {id(value): value for value in vars(module).values() if isinstance(value, App)}
    if len(apps) > 1:
        names = ", ".join(sorted(app.name for app in apps.values()))
        raise DefinitionError(
            f"{module.__file__} has several Apps: {names}.",
            "Each has its own store and options, and it cannot be told which one is meant.",
            "Keep one App in a file.",
        )
    if apps:
        return next(iter(apps.values()))
    return App(_stem(module), include=[module])


def _place(app: App, module: ModuleType) -> Place:
    """Find the store of an App; that of one made here is configured, or a file beside the module."""
    if any(value is app for value in vars(module).values()):
        return Place(app.address, f"App {app.name!r}")
    folder = Path(module.__file__ or "").resolve().parent
    return configuration() or Place(f"sqlite:///{folder / app.name}.db", "beside the file")


def _stem(module: ModuleType) -> str:
    return Path(module.__file__ or module.__name__).stem


# -- importing


def _module(file: str) -> ModuleType:
    path = Path(file)
    if path.suffix == ".py" or path.exists() or os.sep in file:
        return _from_path(file, path)
    sys.path.insert(0, str(Path.cwd()))
    return _imported(file, file)


def _from_path(file: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise click.UsageError(f"There is no file {file}.")
    name, folder = _dotted(path.resolve())
    sys.path.insert(0, str(folder))
    module = _imported(name, file)
    if not module.__file__ or not Path(module.__file__).samefile(path):
        other = module.__file__ or "a built-in one"
        raise DefinitionError(
            f"{file} cannot be imported as {name!r}: there is another module of that name, {other}.",
            "The names of its classes are stored, so it must be called as other programs import it.",
            "Rename the file.",
        )
    return module


def _dotted(path: Path) -> tuple[str, Path]:
    """Return a file's name as a module, and the folder from which it is imported by that name."""
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), folder


def _imported(name: str, file: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except DalsegnoError:
        raise
    except ModuleNotFoundError as error:
        if error.name == name or name.startswith(f"{error.name}."):
            raise click.UsageError(f"There is no file and no module {file}.") from error
        raise _broken(file, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(file, error) from error


def _broken(file: str, error: BaseException) -> DefinitionError:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else file
    if isinstance(error, SyntaxError):
        where = f"{error.filename}:{error.lineno}"
    return DefinitionError(
        f"{file} cannot be imported: {type(error).__name__}: {error} ({where}).",
        "Importing it runs its top level; nothing was started.",
        "Mend it; --debug shows the traceback.",
    )
