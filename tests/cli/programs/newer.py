"""The next version of a workflow, and an App with a store and options of its own."""

from dalsegno import App, receive, workflow


@workflow(version=2)
def approve() -> bool:
    return receive(bool, name="underwriter").result()


app = App("orders", queue="default", slots=7)
