"""Every block of the README and of the pages below docs does what the page says."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import click
import pytest

from dalsegno.client import RunInfo
from tests.docs import pages
from tools import gates

ROOT = pages.ROOT
WITH_CODE = [
    page for page in pages.pages() if any(b.language in ("python", "console") for b in pages.blocks(page))
]
COMMANDS = [
    (f"{page.relative_to(ROOT)}:{block.line}", command.line)
    for page in pages.pages()
    for block in pages.blocks(page)
    if block.language == "console"
    for command in pages.commands(block)
    if command.line.startswith("dalsegno")
]


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_CODE, ids=_name)
def test_the_blocks_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    pages.Player(page, tmp_path).play()


@pytest.mark.parametrize("page", pages.pages(), ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, anchor in pages.links(page):
        target = (page.parent / path) if path else page
        assert target.exists(), f"{_name(page)} links to {path}"
        if anchor and target.suffix == ".md":
            assert anchor in pages.anchors(target), f"{_name(page)} links to {path}#{anchor}"


@pytest.mark.parametrize("page", pages.pages(), ids=_name)
def test_no_block_is_of_a_language_that_nobody_plays(page: Path) -> None:
    for block in pages.blocks(page):
        assert block.language in ("python", "console", "text", "sql", "toml"), f"{_name(page)}:{block.line}"


@pytest.mark.parametrize(("where", "line"), COMMANDS, ids=[where for where, _ in COMMANDS])
def test_every_command_that_a_page_shows_exists(where: str, line: str) -> None:
    main = pytest.importorskip("dalsegno.cli").main
    command: click.Command | None = main
    words = shlex.split(line, comments=True)[1:]
    context = click.Context(main, info_name="dalsegno")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, command, words = command.resolve_command(context, words)
        assert command is not None, f"{where}: {line}: there is no {name}"
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in options | {"--help"}, f"{where}: {line}: there is no option {word}"


def test_the_navigation_of_the_site_names_every_page() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = page.relative_to(ROOT / "docs").as_posix()
        if not name.startswith("adr/"):
            assert name in text, f"mkdocs.yml leaves out {name}"


def test_the_first_page_leads_to_every_other_one() -> None:
    text = (ROOT / "docs" / "index.md").read_text("utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = page.relative_to(ROOT / "docs").as_posix()
        if name != "index.md" and not name.startswith("adr/"):
            assert f"({name})" in text, f"docs/index.md leaves out {name}"


def test_the_reference_has_a_section_for_each_name_of_the_face() -> None:
    import dalsegno

    known = pages.anchors(ROOT / "docs/reference/api.md")
    for name in dalsegno.__all__:
        assert name.strip("_").lower() in known or name.lower() in known, f"api.md leaves out {name}"


def test_the_reference_has_a_section_for_each_exception() -> None:
    assert list(gates.errors_documented(gates.Tree(ROOT))) == []


def test_the_reference_names_every_option_of_the_face() -> None:
    import dalsegno
    from dalsegno.engine.definitions import make_step

    page = (ROOT / "docs/reference/api.md").read_text("utf-8")
    options = {
        name
        for thing in (dalsegno.App, dalsegno.Retry, dalsegno.Limits, make_step)
        for name in inspect.signature(thing).parameters
    }
    infos = (RunInfo, dalsegno.StepInfo)
    options |= {name for info in infos for name in inspect.signature(info).parameters if name[0] != "_"}
    for name in options - {"function"}:
        assert re.search(rf"\b{name}\b", page), f"api.md leaves out {name}"


def test_the_folders_that_hold_a_promise_are_there() -> None:
    page = (ROOT / "docs/explanation/guarantees.md").read_text("utf-8")
    for held in re.findall(r"^\*Held by\*(.*?)\n\n", page, re.MULTILINE | re.DOTALL):
        for folder in re.findall(r"`([\w/]+)`", held):
            assert (ROOT / "tests" / folder).is_dir(), f"guarantees.md names tests/{folder}"


def test_the_reference_of_the_testing_kit_names_all_of_it() -> None:
    import dalsegno.testing as kit

    page = (ROOT / "docs/reference/testing.md").read_text("utf-8")
    names = {
        *kit.__all__,
        *inspect.signature(kit.explore).parameters,
        *(name for face in (kit.Play, kit.PlayedRun, kit.Exploration) for name in vars(face)),
        *kit.Effect.__dataclass_fields__,
    } - {"subject", "input"}
    for name in names:
        if not name.startswith("_"):
            assert re.search(rf"\b{name}\b", page), f"testing.md leaves out {name}"
