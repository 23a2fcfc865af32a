"""The report as tagged PDF: the same page, set by WeasyPrint, which needs a system library that not every machine has."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Pdf", "pdf_of"]

EPOCH = "SOURCE_DATE_EPOCH"
PAPER = """
    @page { size: A4; margin: 18mm 14mm; @bottom-right { content: counter(page) " of " counter(pages); font: 8pt Arial, sans-serif } }
    body { font-size: 9pt; max-width: none; margin: 0; padding: 0 }
    table { font-size: 7.5pt; width: 100% } td, th { padding: 1mm; overflow-wrap: anywhere } tr { break-inside: avoid }
    h2, h3, caption { break-after: avoid } svg { width: 100% }
"""


@dataclass(frozen=True, slots=True)
class Pdf:
    """A PDF, or nothing and the reason why it was not made."""

    content: bytes | None
    reason: str = ""


def pdf_of(page: str) -> Pdf:
    """Set a page of ours, which fetches nothing, as tagged PDF; the same page gives the same bytes.

    Where WeasyPrint or the libraries it loads (pango) are not there, the answer says so instead: the report stands as page
    and JSON, and nothing else waits for it.
    Source: ISO 14289-1 (tagged PDF), as far as WeasyPrint tags headings, tables and pictures.
    """
    with _no_clock(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that fontTools cuts the fonts where harfbuzz-subset lacks
        try:
            from weasyprint import CSS, HTML  # noqa: PLC0415
        except (ImportError, OSError):  # a library that cannot be loaded is an OSError
            return Pdf(None, "not made: this machine lacks WeasyPrint or the system library pango")
        logging.getLogger("weasyprint").setLevel(logging.ERROR)  # how fonts are cut to size is nothing to tell of
        sheet = CSS(string=PAPER)
        made: bytes = HTML(string=page, url_fetcher=_fetch_nothing).write_pdf(stylesheets=[sheet], pdf_tags=True)
    return Pdf(made)


@contextmanager
def _no_clock() -> Iterator[None]:
    """Keep the moment out of the fonts that are cut to size: without harfbuzz-subset fontTools writes it into them.

    Source: the convention SOURCE_DATE_EPOCH of reproducible builds.
    """
    before = os.environ.get(EPOCH)
    os.environ[EPOCH] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[EPOCH]
        else:
            os.environ[EPOCH] = before


def _fetch_nothing(url: str, *_: object) -> dict[str, object]:
    """Refuse whatever a page would fetch; ours asks for nothing."""
    message = f"The report may fetch nothing, not even {url[:20]}."
    raise ValueError(message)
