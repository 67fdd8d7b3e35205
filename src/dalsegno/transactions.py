"""What is named by code with rows in one commit with dalsegno's: the types of transactions, and the inbox."""

from dalsegno.client.transactions import AsyncTx
from dalsegno.core.transact import Tx
from dalsegno.events import inbox

__all__ = ["AsyncTx", "Tx", "inbox"]
