"""The tidy tables: their columns, declared once, and the folder a run writes them to."""

from paralbench.tables.run_folder import RunFolder
from paralbench.tables.schema import TABLES, Column, Table

__all__ = ["TABLES", "Column", "RunFolder", "Table"]
