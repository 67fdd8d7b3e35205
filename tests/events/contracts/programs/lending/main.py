"""The program: all modules of the lender in one App."""

from dalsegno import App
from lending import deciding, facts, intake, letters, paying

app = App("lending", include=[facts, intake, deciding, letters, paying])
