"""Workbooks whose bytes hold no time, so that the same rows give the same file."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime

import openpyxl

__all__ = ["workbook_bytes"]

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def workbook_bytes(book: openpyxl.Workbook) -> bytes:
    """Return a workbook's bytes without the time of its making."""
    book.properties.created = book.properties.modified = datetime(2022, 1, 10)  # noqa: DTZ001 - the format holds no zone
    made, out = io.BytesIO(), io.BytesIO()
    book.save(made)
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(source.namelist()):
            body = source.read(name)
            if name == "docProps/core.xml":
                body = body.split(b"<dcterms:modified")[0] + b"</cp:coreProperties>"
            target.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), body)
    return out.getvalue()
