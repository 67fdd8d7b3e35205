"""Workflows for the tests of the command line. A file of the right name beside this one opens a door in them."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path

from dalsegno import NOTHING, Retry, receive, saga, sleep, step, workflow

HERE = Path(__file__).parent


@dataclass
class Guest:
    name: str
    party: int = 1


def wait_for(name: str) -> None:
    while not (HERE / name).exists():
        threading.Event().wait(0.01)


def note(line: str) -> None:
    with (HERE / "calls").open("a", encoding="utf-8") as calls:
        calls.write(f"{line}\n")


@step
def say(text: str) -> str:
    return text


@step
def knock(name: str) -> str:
    note(name)
    wait_for(name)
    return name


@workflow
def greet(guest: Guest) -> str:
    return say(f"hello {guest.name}")


@workflow
def door(name: str) -> str:
    say("at the door")
    return knock(name)


@workflow
def approve() -> bool:
    say("asked")
    return receive(bool, name="underwriter").result()


@workflow
def nap() -> None:
    sleep("2d")


@step(retry=Retry(attempts=5, first="1h", max="1h"))
def charge() -> None:
    raise ValueError("no funds")


@workflow
def flaky() -> None:
    charge()


@workflow
def family() -> bool:
    return approve.start(id="the-child").result()


@step
def unbook() -> None:
    if not (HERE / "mended").exists():
        raise OSError("the hotel does not answer")


@step(compensate=unbook)
def book() -> None:
    pass


@step(compensate=NOTHING)
def fly() -> None:
    raise KeyError("no seat")


@saga
def trip() -> None:
    book()
    fly()


@workflow
def broken() -> None:
    say("so far")
    raise RuntimeError("out of luck")


@step
async def hog() -> None:
    note("hog")
    wait_for("never")


@workflow
async def wedge() -> None:
    await hog()
    await asyncio.sleep(1)
