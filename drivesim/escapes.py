"""Text from files and file names as it may be shown to people: it cannot steer a terminal or break a line."""

from __future__ import annotations


def escaped(text: object) -> str:
    r"""Returns a text in one line of printable characters; every other character is shown as Python writes it.

    Escape sequences, line breaks, and the bytes of a file name that are no UTF-8 appear as `\x1b`, `\n` and `\udcff`.
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(text))
