"""Gates: the house rules that no ready-made tool checks.

    python tools/gates.py [folder of the project]

Each gate is one small function from the tree to the faults that it finds. Nothing here is clever:
a rule that needs judgement belongs into a review. An exception to a rule is written down in this
file with its reason; one that nothing needs any more is a fault too.
"""

from __future__ import annotations

import ast
import importlib
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

SRC_LINES = 600
TEST_LINES = 700
FUNCTION_LINES = 60
FACE_NAMES = 40
README_LINES = 150
README_CODE_BY = 20

PACKAGE = "src/dalsegno"

# The two rooms that may ask the machine for the time, or for chance.
CLOCK_ROOMS = {f"{PACKAGE}/core/clock.py", f"{PACKAGE}/core/ids.py"}

# (file, name) -> why it may. Say it so that somebody who doubts it can judge.
CLOCK_ALLOWED: Mapping[tuple[str, str], str] = {}

# Written in two halves, so that this file passes its own gate.
REGISTRY_HOSTS = tuple(
    left + right
    for left, right in (
        ("pypi", ".org"),
        ("pypi", ".python.org"),
        ("pytho", "nhosted.org"),
        ("npm", "js.org"),
        ("npm", "js.com"),
        ("yarn", "pkg.com"),
        ("crates", ".io"),
        ("proxy.", "golang.org"),
        ("ruby", "gems.org"),
        ("repo.maven", ".apache.org"),
        ("conda", ".anaconda.org"),
        ("mirrors.ali", "yun.com"),
    )
)


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that breaks one rule at one place."""

    path: str
    line: int
    message: str


@dataclass(frozen=True)
class Source:
    """A Python file: where it is, its text and its syntax tree."""

    path: str  # relative to the project, with slashes
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, self.path)

    @cached_property
    def imports(self) -> dict[str, str]:
        """What each imported name stands for, wherever in the file it is imported: t -> time."""
        names: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    full = alias.name if alias.asname else alias.name.partition(".")[0]
                    names[alias.asname or full] = full
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return names

    def dotted(self, node: ast.expr) -> str | None:
        """Return the full name of what an expression refers to: ``t.sleep`` -> ``time.sleep``."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.imports:
            return None
        return ".".join([self.imports[node.id], *reversed(parts)])

    def fault(self, where: ast.AST | int, message: str) -> Fault:
        """Report a fault in this file."""
        return Fault(self.path, where if isinstance(where, int) else getattr(where, "lineno", 1), message)


@dataclass(frozen=True)
class Tree:
    """The project's files."""

    root: Path

    def python(self, *folders: str) -> list[Source]:
        """Return every Python file below the folders, in order."""
        found = (path for folder in folders for path in sorted((self.root / folder).rglob("*.py")))
        return [Source(path.relative_to(self.root).as_posix(), path.read_text("utf-8")) for path in found]

    @cached_property
    def package(self) -> list[Source]:
        """The package's own files."""
        return self.python(PACKAGE)

    def text(self, path: str) -> str | None:
        """Return a file's text, or None where there is no such file."""
        file = self.root / path
        return file.read_text("utf-8") if file.is_file() else None

    def tracked(self) -> list[Path]:
        """Return every file that git tracks or would, or all but the hidden ones without git."""
        listed = (
            subprocess.run(
                ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                cwd=self.root,
                capture_output=True,
                check=False,
            )
            if (self.root / ".git").exists()
            else None
        )
        if listed is not None and listed.returncode == 0:
            files = [self.root / name for name in listed.stdout.decode().split("\0") if name]
        else:
            files = [f for f in self.root.rglob("*") if not _private(f.relative_to(self.root))]
        return [file for file in sorted(files) if file.is_file()]


def _private(path: Path) -> bool:
    return any(part.startswith(".") and part != ".ci" for part in path.parts)


def _functions(tree: ast.Module) -> Iterator[FunctionNode]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


# ------------------------------------------------------------------------------------------- size


def file_length(tree: Tree) -> Iterator[Fault]:
    """No file is longer than one can keep in mind."""
    for folder, limit in ((PACKAGE, SRC_LINES), ("tests", TEST_LINES)):
        for source in tree.python(folder):
            lines = len(source.text.splitlines())
            if lines > limit:
                yield source.fault(
                    limit + 1, f"{lines} lines; {limit} is the limit. Split it by what it knows."
                )


def function_length(tree: Tree) -> Iterator[Fault]:
    """No function is longer than one can see at once."""
    for source in tree.python(PACKAGE, "tests", "tools", "bench"):
        for function in _functions(source.tree):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > FUNCTION_LINES:
                yield source.fault(
                    function, f"{function.name}() has {lines} lines; {FUNCTION_LINES} is the limit."
                )


# ----------------------------------------------------------------------------- clock and randomness

_CLOCKS = re.compile(
    r"""time\.(time|monotonic|perf_counter|process_time|thread_time|clock_gettime)(_ns)?$
      | time\.(sleep|localtime|gmtime|ctime|\*)$
      | datetime\.(datetime|date)\.(now|utcnow|today)$
      | uuid\.uuid\d?\w*$ | uuid\.\*$
      | secrets(\.|$)
      | os\.(urandom|getrandom)$
      | asyncio\.(tasks\.)?sleep$""",
    re.VERBOSE,
)


def _reads_machine(name: str) -> bool:
    if name.startswith("random."):  # an instance of one's own, with a seed, is as good as a function
        return name.split(".")[1] != "Random"
    return _CLOCKS.match(name) is not None


def _machine_reads(source: Source) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [source.dotted(node) or ""]
        elif isinstance(node, ast.Call) and not node.args and source.dotted(node.func) == "random.Random":
            yield node, "random.Random()"  # without a seed it asks the machine for one
            continue
        else:
            continue
        for name in names:
            if _reads_machine(name):
                yield node, name


def clock_and_chance(tree: Tree, allowed: Mapping[tuple[str, str], str] = CLOCK_ALLOWED) -> Iterator[Fault]:
    """Time and chance come in by one door, so that a test or a replay can hold it."""
    used: set[tuple[str, str]] = set()
    for source in tree.package:
        if source.path in CLOCK_ROOMS:
            continue
        for node, name in _machine_reads(source):
            if (source.path, name) in allowed:
                used.add((source.path, name))
            else:
                yield source.fault(node, f"{name}: only core/clock.py and core/ids.py ask the machine.")
    for path, name in sorted(set(allowed) - used):
        yield Fault(path, 1, f"tools/gates.py allows {name} here, and nothing uses it any more.")


# ------------------------------------------------------------------------------------------- leftovers

_SILENCERS = re.compile(
    r"#\s*(type:\s*ignore|noqa|pyright:\s*ignore|ruff:\s*noqa|mypy:\s*ignore)", re.IGNORECASE
)
_PROMISES = re.compile(r"\b(TODO|FIXME|XXX)\b|\bNotImplementedError\b")


def no_silencers(tree: Tree) -> Iterator[Fault]:
    """No checker is told to look away."""
    for source in tree.package:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT and (found := _SILENCERS.search(token.string)):
                yield source.fault(
                    token.start[0], f"'{found[0]}': mend the cause, or argue the rule in pyproject.toml."
                )


def no_leftovers(tree: Tree) -> Iterator[Fault]:
    """Nothing is left half done in the code."""
    for source in tree.package:
        for number, line in enumerate(source.text.splitlines(), 1):
            if found := _PROMISES.search(line):
                yield source.fault(number, f"'{found[0]}': do it, or drop it.")


# ------------------------------------------------------------------------------------------- docstrings


class _Classes:
    """The package's classes by name, to see what a method overrides."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.known: dict[str, list[tuple[Source, ast.ClassDef]]] = {}
        for source in sources:
            for node in ast.walk(source.tree):
                if isinstance(node, ast.ClassDef):
                    self.known.setdefault(node.name, []).append((source, node))

    def documented(self, source: Source, cls: ast.ClassDef, method: str) -> bool:
        """Tell whether something above the class already says what the method does."""
        return self._by_base(source, cls, method) or self._by_protocol(cls, method)

    def _by_base(self, source: Source, cls: ast.ClassDef, method: str, depth: int = 8) -> bool:
        for base in cls.bases:
            if _outside_has(source.dotted(base.value if isinstance(base, ast.Subscript) else base), method):
                return True
            for where, node in self.known.get(_last_name(base), []) if depth else []:
                if _says(node, method) or self._by_base(where, node, method, depth - 1):
                    return True
        return False

    def _by_protocol(self, cls: ast.ClassDef, method: str) -> bool:
        """A protocol counts where the class has all of its methods, or is a part of one that has them."""
        everyone = [node for pairs in self.known.values() for _, node in pairs]
        wholes = [self._inherited(node) for node in everyone if cls in self._line(node)]
        return any(
            "Protocol" in map(_last_name, node.bases)
            and _says(node, method)
            and any(_methods(node) <= methods for methods in wholes)
            for node in everyone
        )

    def _line(self, cls: ast.ClassDef, depth: int = 8) -> list[ast.ClassDef]:
        """Return a class and what it is made of, as far as it is ours."""
        bases = [node for base in cls.bases for _, node in self.known.get(_last_name(base), []) if depth]
        return [cls, *(node for base in bases for node in self._line(base, depth - 1))]

    def _inherited(self, cls: ast.ClassDef) -> set[str]:
        return {name for node in self._line(cls) for name in _methods(node)}


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _methods(cls: ast.ClassDef) -> set[str]:
    return {node.name for node in cls.body if isinstance(node, FunctionNode)}


def _says(cls: ast.ClassDef, method: str) -> bool:
    own = [node for node in cls.body if isinstance(node, FunctionNode) and node.name == method]
    return any(ast.get_docstring(node) for node in own)


def _outside_has(dotted: str | None, method: str) -> bool:
    module, _, name = (dotted or "").rpartition(".")
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return False
    return hasattr(getattr(importlib.import_module(module), name, None), method)


def _needs_none(function: FunctionNode) -> bool:
    ends = {_last_name(decorator) for decorator in function.decorator_list}
    return function.name.startswith("_") or bool(ends & {"overload", "setter", "deleter", "override"})


def docstrings(tree: Tree) -> Iterator[Fault]:
    """Every module and every public definition says what it is."""
    classes = _Classes(tree.package)
    for source in tree.package:
        if not ast.get_docstring(source.tree):
            yield source.fault(1, "the module has no docstring: what is it, and who are its neighbours?")
        yield from _bare(source, classes, source.tree.body, None)


def _bare(
    source: Source, classes: _Classes, body: list[ast.stmt], inside: ast.ClassDef | None
) -> Iterator[Fault]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield source.fault(node, f"class {node.name} has no docstring.")
            yield from _bare(source, classes, node.body, node)
        elif isinstance(node, FunctionNode) and not _needs_none(node) and not ast.get_docstring(node):
            if inside and classes.documented(source, inside, node.name):
                continue
            name = f"{inside.name}.{node.name}" if inside else node.name
            yield source.fault(node, f"{name}() has no docstring, nor a base or protocol that has it.")


# ------------------------------------------------------------------------------------------- SQL

_SQL_LOUD = re.compile(
    r"""\bSELECT\s.+\sFROM\b | \bSELECT\s+[\d*(] | \bINSERT\s+(OR\s+\w+\s+)?INTO\b | \bUPDATE\s+\S+\s+SET\b
      | \bDELETE\s+FROM\b | \bREPLACE\s+INTO\b | \bWITH\s+(RECURSIVE\s+)?\w+\s+AS\s*\(
      | \b(CREATE|DROP)\s+(UNIQUE\s+|TEMP\s+)?(TABLE|INDEX|VIEW|TRIGGER)\b | \bALTER\s+TABLE\b
      | \bPRAGMA\s+\w | \bBEGIN\s+(IMMEDIATE|EXCLUSIVE)\b | \bSAVEPOINT\s+\w | \bON\s+CONFLICT\b
      | \bWHERE\s+\w+\s*(=|<|>|IN\b|IS\b) | \bORDER\s+BY\b | \bFOR\s+UPDATE\b""",
    re.VERBOSE | re.DOTALL,
)
# The same in small letters, but only where a text begins with it: prose has these words too.
_SQL_QUIET = re.compile(
    r"""\s*(select\s.+\sfrom\s+\w | insert\s+(or\s+\w+\s+)?into\s+\w
      | update\s+\S+\s+set\s+\w+\s*= | delete\s+from\s+\w
      | (create|drop)\s+(unique\s+|temp\s+)?(table|index|view|trigger)\s
      | alter\s+table\s | pragma\s+\w+ | begin\s+(immediate|exclusive)
      | with\s+(recursive\s+)?\w+\s+as\s*\()""",
    re.VERBOSE | re.DOTALL,
)


def _literals(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield the texts that the code uses: no docstrings, and an f-string as one text."""
    skip: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skip.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            skip.update(id(part) for part in node.values)
            yield node, "".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skip:
            yield node, node.value


def sql_at_home(tree: Tree) -> Iterator[Fault]:
    """SQL is spoken in one room only, but for files that are not ours: those of the demo's services."""
    for source in tree.package:
        if source.path.startswith((f"{PACKAGE}/store/", f"{PACKAGE}/cli/demo/choreography/")):
            continue
        for node, text in _literals(source.tree):
            if found := _SQL_LOUD.search(text) or _SQL_QUIET.match(text):
                start = " ".join(found[0].split())[:40]
                yield source.fault(node, f"SQL outside store/: '{start}'. Make it a query of the store.")


# ------------------------------------------------------------------------------------------- the face


def face(tree: Tree) -> Iterator[Fault]:
    """The face is small, and in order."""
    path = f"{PACKAGE}/__init__.py"
    source = next((s for s in tree.package if s.path == path), None)
    names = None if source is None else _dunder_all(source.tree)
    if source is None or names is None:
        yield Fault(path, 1, "the face has no __all__ that is a plain list of names.")
        return
    if len(names) > FACE_NAMES:
        yield source.fault(1, f"__all__ has {len(names)} names; {FACE_NAMES} is the limit.")
    for before, after in pairwise(names):
        if _face_order(before) >= _face_order(after):
            yield source.fault(
                1, f"__all__ is not sorted, or says it twice: {after!r} comes after {before!r}."
            )


def _dunder_all(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            value = getattr(node, "value", None)
            if isinstance(value, ast.List | ast.Tuple):
                return [
                    e.value for e in value.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)
                ]
    return None


def _face_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest: the order that ruff gives too."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1 if name[:1].isupper() else 2), name


# ------------------------------------------------------------------------------------------- papers


def _exceptions(tree: ast.Module) -> list[ast.ClassDef]:
    known, found = {"Exception", "BaseException"}, []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(b, ast.Name) and b.id in known for b in node.bases
        ):
            known.add(node.name)
            found.append(node)
    return [node for node in found if not node.name.startswith("_")]


def _anchors(markdown: str) -> set[str]:
    """Return the anchors that a page's headings get, and those that are set by hand."""
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", markdown, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", text).strip().lower().replace(" ", "-") for text in headings}
    return slugs | set(re.findall(r"""<a\s+(?:id|name)=["']([^"']+)["']""", markdown))


def errors_documented(tree: Tree) -> Iterator[Fault]:
    """Each public exception has the section that its message points to."""
    page = "docs/reference/errors.md"
    anchors = _anchors(tree.text(page) or "")
    for source in tree.package:
        if source.path == f"{PACKAGE}/errors.py":
            for node in _exceptions(source.tree):
                if node.name.lower() not in anchors:
                    yield source.fault(
                        node, f"{node.name} has no heading in {page}; its message points there."
                    )


def readme(tree: Tree) -> Iterator[Fault]:
    """The README is short, and shows code on its first screen."""
    text = tree.text("README.md")
    if text is None:
        yield Fault("README.md", 1, "there is none.")
        return
    lines = text.splitlines()
    if len(lines) > README_LINES:
        yield Fault("README.md", README_LINES + 1, f"{len(lines)} lines; {README_LINES} is the limit.")
    first = next((n for n, line in enumerate(lines, 1) if line.startswith("```python")), None)
    if first is None or first > README_CODE_BY:
        yield Fault("README.md", first or 1, f"the first ```python block begins after line {README_CODE_BY}.")


def registry_hosts(tree: Tree) -> Iterator[Fault]:
    """No file says where packages are fetched from: that is for the machine to say."""
    for file in tree.tracked():
        content = file.read_bytes().lower()
        for host in REGISTRY_HOSTS:
            at = content.find(host.encode())
            if at >= 0:
                path, line = file.relative_to(tree.root).as_posix(), content.count(b"\n", 0, at) + 1
                yield Fault(path, line, f"names the package registry {host}.")


# ------------------------------------------------------------------------------------------- command line


def commands_documented(commands: Iterable[str], page: str | None) -> Iterator[Fault]:
    """Each command is in the manual, by its full name."""
    path = "docs/reference/cli.md"
    for command in commands:
        if not re.search(rf"(?<![\w-]){re.escape(command)}(?![\w-])", page or ""):
            yield Fault(path, 1, f"says nothing of `{command}`.")


def command_names(root: object, name: str = "dalsegno") -> Iterator[str]:
    """Walk a click command and yield the full name of each that is not hidden."""
    import click

    if isinstance(root, click.Group):
        context = click.Context(root, info_name=name)
        for child in root.list_commands(context):
            command = root.get_command(context, child)
            if command is not None and not command.hidden:
                yield f"{name} {child}"
                yield from command_names(command, f"{name} {child}")


def cli(tree: Tree) -> Iterator[Fault]:
    """Each command of ours is in the manual."""
    sys.path.insert(0, str(tree.root / "src"))
    try:
        root = _root_command(importlib.import_module("dalsegno.cli"))
    except ImportError as error:
        yield Fault(f"{PACKAGE}/cli", 1, f"cannot be imported: {error}")
        return
    finally:
        sys.path.pop(0)
    if root is None:
        yield Fault(f"{PACKAGE}/cli", 1, "dalsegno.cli shows no click group (as main, or beside it).")
        return
    yield from commands_documented(command_names(root), tree.text("docs/reference/cli.md"))


def _root_command(module: object) -> object | None:
    """Return the one group that is in no other group."""
    import click

    rooms = [room for name, room in sys.modules.items() if f"{name}.".startswith("dalsegno.cli.")]
    groups = [value for room in rooms for value in vars(room).values() if isinstance(value, click.Group)]
    inner = {id(child) for group in groups for child in group.commands.values()}
    main = getattr(module, "main", None)
    if isinstance(main, click.Group):
        return main
    return next((group for group in groups if id(group) not in inner), None)


# ------------------------------------------------------------------------------------------- all of them

Gate: TypeAlias = Callable[[Tree], Iterator[Fault]]

GATES: tuple[Gate, ...] = (
    file_length,
    function_length,
    clock_and_chance,
    no_silencers,
    no_leftovers,
    docstrings,
    sql_at_home,
    face,
    errors_documented,
    readme,
    registry_hosts,
    cli,
)


def check(root: Path, gates: Iterable[Gate] = GATES) -> int:
    """Run the gates on a project, print what they find, and return how many faults there are."""
    tree, count = Tree(root.resolve()), 0
    for gate in gates:
        for fault in sorted(gate(tree)):
            print(f"{fault.path}:{fault.line}: {gate.__name__}: {fault.message}")
            count += 1
    print(f"gates: {count} faults" if count else f"gates: all {len(tuple(gates))} open")
    return count


if __name__ == "__main__":
    here = Path(__file__).resolve().parent.parent
    sys.exit(1 if check(Path(sys.argv[1]) if len(sys.argv) > 1 else here) else 0)
