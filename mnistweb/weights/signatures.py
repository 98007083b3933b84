"""Says what a file looks like from its first bytes, so that a refusal can name the usual mistakes."""

from __future__ import annotations

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"BZh", "a bzip2 file; unpack it first"),
    (b"\xfd7zXZ", "an xz file; unpack it first"),
    (b"PK\x03\x04", "a zip archive (npz or torch.save)"),
    (b"\x89HDF", "an HDF5 file (Keras); save the arrays as npz instead"),
    (b"\x93NUMPY", "a single npy array; save weights and biases together as npz"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"),
)


def looks_like(data: bytes) -> str | None:
    """What a file that could not be read seems to be, in words; None when it is no usual mistake."""
    if not data:
        return "an empty file"
    for signature, words in _SIGNATURES:
        if data.startswith(signature):
            return words
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<svg", b"<head", b"<body")):
        return "an HTML or XML page; the download went to a web page instead of the file"
    if not start:
        return "white space only"
    if start.startswith((b"{", b"[")) and data[:512].isascii():
        return "JSON text"
    if data[:512].isascii() and data[:1].isalpha() and b" " in data[:40].split(b"\n")[0]:
        return "plain text"
    return None
