"""What a program asks of its runs: one set of operations, a blocking face and an awaited one."""

from dalsegno.client.aio import AsyncClient, AsyncRun
from dalsegno.client.operations import Operations
from dalsegno.client.run_views import RunInfo
from dalsegno.client.sync import Client, Run

__all__ = ["AsyncClient", "AsyncRun", "Client", "Operations", "Run", "RunInfo"]
