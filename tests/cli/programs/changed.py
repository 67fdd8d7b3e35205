"""The same workflow as in orders.py after somebody changed it without a new version."""

from dalsegno import App, receive, step, workflow


@step
def greet_first() -> None:
    pass


@workflow
def approve() -> bool:
    greet_first()
    return receive(bool, name="underwriter").result()


app = App("orders")
