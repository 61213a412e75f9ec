"""The report page: one HTML file that holds all it needs, built from a run's tables alone."""

from paralbench.report.page.write import page_text, write_page

__all__ = ["page_text", "write_page"]
