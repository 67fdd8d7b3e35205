"""What the commands that look, or send something, share: their options, and the store opened for them."""

from __future__ import annotations

import functools
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from dalsegno.cli.console import put, say, style
from dalsegno.cli.exits import debug_option
from dalsegno.cli.stores import Place, must_exist, resolve
from dalsegno.errors import StoreReadOnly

if TYPE_CHECKING:
    from dalsegno.app import Runtime
    from dalsegno.client import AsyncClient
    from dalsegno.client.desk import Desk
    from dalsegno.core.commit import Session
    from dalsegno.events.known import Known
    from dalsegno.insight.paint import Style
    from dalsegno.store.protocol import Store


@dataclass(frozen=True, slots=True)
class View:
    """How a command was asked: which store and namespace, and how the answer is to look.

    ``option`` is what must stand behind other commands for them to mean the same store.
    """

    place: Place
    namespace: str
    json: bool
    style: Style
    option: str

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[Desk]:
        """Open the store to read what rooms of a client can read."""
        from dalsegno.client.desk import Desk

        async with self.store() as store:
            yield Desk(store, self.namespace)

    def answer(self, value: Any, text: str) -> None:
        """Print an answer, as the one document or as text."""
        if self.json:
            from dalsegno.insight.render import to_json

            text = to_json(value)
        put(text)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """Open the store to read it; one that cannot be written is looked at all the same."""
        from dalsegno.app import open_store
        from dalsegno.core.clock import SystemClock

        store = open_store(self.place.address, SystemClock())
        try:
            await store.open()
        except StoreReadOnly:
            store = open_store(self.place.address, SystemClock(), looking=True)
            await store.open()
        try:
            yield store
        finally:
            await store.close()

    @asynccontextmanager
    async def client(self, known: Known | None = None) -> AsyncIterator[AsyncClient]:
        """Open the store to send something, as a client does."""
        from dalsegno.client import AsyncClient

        async with self.runtime(known) as runtime:
            yield AsyncClient(runtime.operations)

    @asynccontextmanager
    async def runtime(self, known: Known | None = None) -> AsyncIterator[Runtime]:
        """Open the store to send something, without a worker and without any workflow's code.

        ``known`` are the classes of events by which what is sent can be checked.
        """
        from dalsegno.app import AppOptions, Runtime, open_store
        from dalsegno.core.clock import SystemClock
        from dalsegno.engine.registry import Registry

        store = open_store(self.place.address, SystemClock())
        runtime = Runtime(store, Registry(), AppOptions(namespace=self.namespace), known=known, worker=False)
        await runtime.open()
        try:
            yield runtime
        finally:
            await runtime.close()


def gone_here() -> Callable[[Session], bool]:
    """Make a judge of whether a worker's process on this machine has ended."""
    from dalsegno.core.clock import SystemClock
    from dalsegno.worker.vitals import own_vitals, provably_gone

    me = own_vitals(SystemClock())
    return lambda session: provably_gone(session, me)


def store_options(function: Any) -> Any:
    """Add the options that say which store is meant."""
    function = click.option(
        "--namespace", default="default", envvar="DALSEGNO_NAMESPACE", help="The App's namespace."
    )(function)
    return click.option("--store", metavar="ADDRESS", help="A file, or sqlite:///path.")(function)


def viewing(*, json: bool = True, utc: bool = True, exists: bool = True) -> Callable[[Any], Any]:
    """Give a command the options of those that look, and hand it a ``View`` as its first argument."""

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def command(
            *args: Any,
            store: str | None,
            namespace: str,
            as_json: bool = False,
            utc: bool = False,
            **rest: Any,
        ) -> Any:
            place = resolve(store)
            say(f"store {place}")
            if exists:
                must_exist(place)
            option = f" --store {shlex.quote(store)}" if store else ""
            option += f" --namespace {shlex.quote(namespace)}" if namespace != "default" else ""
            return function(View(place, namespace, as_json, style(utc=utc), option), *args, **rest)

        decorated = debug_option(store_options(command))
        if utc:
            decorated = click.option("--utc", is_flag=True, help="Show times in UTC.")(decorated)
        if json:
            decorated = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(
                decorated
            )
        return decorated

    return decorate
