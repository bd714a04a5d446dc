"""CSV as text: encoding, delimiter, records and cells, so that an edit changes nothing else."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from dvaudit.core.errors import UnreadableInputError

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 1 << 18
_QUOTED = re.compile(r'"((?:[^"]|"")*)"?')
_LINE_END = re.compile(r"\r\n|\n|\r")
# utf-32 before utf-16: its byte-order mark begins with the other's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Encoding:
    """A codec's name, and whether the file starts with a byte-order mark."""

    codec: str
    mark: bool

    def encode(self, text: str) -> bytes:
        """Return the bytes of a file; UnicodeEncodeError where the codec lacks a character."""
        mark = next((m for m, codec in _MARKS if codec == self.codec), b"") if self.mark else b""
        return mark + text.encode(self.codec)


def decode(data: bytes, name: str) -> tuple[str, Encoding, tuple[str, ...]]:
    """Decode by byte-order mark, else UTF-8, else the Windows code page, which is noted.

    Raises:
        UnreadableInputError: zero bytes in it (no text), or damaged by its own mark's codec.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _decode_marked(data[len(mark) :], codec, name), Encoding(codec, True), ()
    if b"\0" in data:
        raise UnreadableInputError(
            f"{name} is no text file: it holds zero bytes. Save it as CSV in UTF-8."
        )
    try:
        return data.decode("utf-8"), Encoding("utf-8", False), ()
    except UnicodeDecodeError as error:
        where = f"byte {error.start:,}"
    for codec in ("cp1252", "latin-1"):  # latin-1 decodes anything
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        note = f"The text is not UTF-8 ({where}); it is read as {codec}. Check the accents."
        return text, Encoding(codec, False), (note,)
    raise AssertionError("latin-1 decodes every byte")


def guess_delimiter(text: str) -> str:
    """Return the delimiter that gives the header and most of the first rows one width above 1."""
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE:
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample

    def score(delimiter: str) -> tuple[bool, float, int]:
        widths = [len(row) for row in _rows(sample, delimiter)]
        if not widths:
            return False, 0.0, 0
        width, count = Counter(widths).most_common(1)[0]
        return width > 1 and widths[0] == width, count / len(widths) * (width > 1), width

    return max(DELIMITERS, key=score)


def cell_pattern(delimiter: str) -> re.Pattern[str]:
    """Match one cell as Arrow's reader does: a quote is special only where the cell begins."""
    plain = rf"[^{re.escape(delimiter)}\r\n]"
    return re.compile(rf'"(?:[^"]|"")*(?:"{plain}*|\Z)|{plain}*')


def records(text: str, delimiter: str) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end of content, end with line ending) of each record, the header first.

    Empty lines are no records.
    """
    cell = cell_pattern(delimiter)
    start = 0
    while start < len(text):
        end = _line_end(text, start)
        if '"' in text[start : end[0]]:
            end = _quoted_end(text, start, delimiter, cell)
        if end[0] > start:
            yield start, *end
        start = end[1]


def cells(text: str, start: int, delimiter: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each cell of the record that begins at `start`."""
    cell = cell_pattern(delimiter)
    found = []
    while True:
        match = cell.match(text, start)
        assert match is not None  # the pattern matches the empty string
        found.append(match.span())
        if text[match.end() : match.end() + 1] != delimiter:
            return found
        start = match.end() + 1


def unquoted(cell: str) -> str:
    """Return a cell's value; what follows a closing quote is taken as it stands."""
    match = _QUOTED.match(cell)
    if match is None:
        return cell
    return match[1].replace('""', '"') + cell[match.end() :]


def unclosed_quote(text: str, delimiter: str) -> int | None:
    """Return which record (0 = header) opens a quote that is never closed, None where none does."""
    for number, (start, end, _) in enumerate(records(text, delimiter)):
        if end == len(text) and _is_open(text, start, delimiter):
            return number
    return None


def edit(text: str, delimiter: str, column: int, labels: Mapping[int, str], drop: Set[int]) -> str:
    """Set one column's cell in some records and take others out; all else stays as it is.

    Records are numbered from 0 = the first after the header.
    """
    out: list[str] = []
    copied = 0
    for number, (start, end, next_start) in enumerate(records(text, delimiter), start=-1):
        if number in drop:
            out.append(text[copied:start])
            copied = next_start
        elif number in labels:
            left, right = cells(text, start, delimiter)[column]
            assert right <= end
            out += [text[copied:left], _quoted(labels[number], text[left:right], delimiter)]
            copied = right
    out.append(text[copied:])
    return "".join(out)


def _quoted(value: str, before: str, delimiter: str) -> str:
    special = any(mark in value for mark in (delimiter, '"', "\n", "\r"))
    if special or before.startswith('"'):
        return '"' + value.replace('"', '""') + '"'
    return value


def _is_open(text: str, start: int, delimiter: str) -> bool:
    left, right = cells(text, start, delimiter)[-1]
    last = text[left:right]
    return last.startswith('"') and re.match(r'"(?:[^"]|"")*"', last) is None


def _line_end(text: str, start: int) -> tuple[int, int]:
    match = _LINE_END.search(text, start)
    return match.span() if match else (len(text), len(text))


def _quoted_end(text: str, start: int, delimiter: str, cell: re.Pattern[str]) -> tuple[int, int]:
    while True:
        match = cell.match(text, start)
        assert match is not None
        if text[match.end() : match.end() + 1] != delimiter:
            return _line_end(text, match.end())
        start = match.end() + 1


def _decode_marked(data: bytes, codec: str, name: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        raise UnreadableInputError(
            f"{name} starts with the byte-order mark of {codec} but byte {error.start:,} does not "
            f"fit it. Save the file again as UTF-8."
        ) from None


def _rows(sample: str, delimiter: str) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader(sample.splitlines(keepends=True), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) == 200:
                break
    except csv.Error:  # a field over the module's size limit: what was read so far decides
        pass
    return rows
