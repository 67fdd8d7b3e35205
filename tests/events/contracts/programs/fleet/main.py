"""The program: what the package hands on, in one App."""

import fleet
from dalsegno import App
from fleet import billing, dispatch, events, watch

app = App(fleet.__name__, include=[events, dispatch, billing, watch])
