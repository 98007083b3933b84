"""What can be wrong with data files, as exceptions that name the file and the fault in one line."""

from __future__ import annotations


class DataError(ValueError):
    """A data file is not what it should be; the message names the file, what came and what was wanted."""


class MissingDataError(DataError, FileNotFoundError):
    """The data that was asked for is not on this disk."""

    # OSError would print only its errno and strerror; we carry a sentence of our own.
    __str__ = ValueError.__str__


class DownloadError(DataError, ConnectionError):
    """No mirror gave the right bytes."""

    __str__ = ValueError.__str__
