"""One self-contained HTML page: headings, text, tables and pictures, no file beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f5f7fa; color: #1f2933;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 2.2rem 1.4rem 4rem; }
h1 { font-size: 2rem; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; }
p { max-width: 62em; margin: .4rem 0; }
p.faint, figcaption { color: #616e7c; font-size: .92rem; }
p.conditions { color: #7b8794; font-size: .8rem; max-width: none; }
figure { margin: .8rem 0; }
img { max-width: 100%; height: auto; display: block; border-radius: 8px;
  box-shadow: 0 1px 4px rgba(15, 20, 25, .25); }
figcaption { padding: .5rem .1rem; }
.scroll { overflow-x: auto; margin-top: 1.1rem; }
table { border-collapse: collapse; background: white; border-radius: 8px;
  box-shadow: 0 1px 4px rgba(15, 20, 25, .15); font-variant-numeric: tabular-nums; }
th, td { padding: .42rem .72rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child, table.text td, table.text th { text-align: left; }
table.text td + td { white-space: normal; }
table.wide { font-size: .84rem; }
table.wide th, table.wide td { padding: .36rem .5rem; }
thead th { background: #0b7285; color: white; font-weight: 600;
  white-space: normal; vertical-align: bottom; line-height: 1.25; }
thead th:first-child { border-top-left-radius: 8px; }
thead th:last-child { border-top-right-radius: 8px; }
tbody tr + tr td { border-top: 1px solid #e4e7eb; }
tbody tr.strong td { font-weight: 700; background: #e6f4f6; }
"""


MOST_COLUMNS = 9
"""Of a table in letters of the usual size."""


def page(title: str, parts: Sequence[str]) -> str:
    """Return a whole page from parts of HTML, made by the functions below."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )


def heading(text: str) -> str:
    """Return the heading of a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, is_faint: bool = False) -> str:
    """Return a paragraph of plain text."""
    return f"<p{' class=faint' if is_faint else ''}>{escape(text)}</p>"


def conditions(text: str) -> str:
    """Return in small type what the figures above depend on."""
    return f"<p class=conditions>{escape(text)}</p>"


def picture(png: bytes, caption: str) -> str:
    """Return a picture that stands in the page itself, with what it shows."""
    data = base64.b64encode(png).decode("ascii")
    text = escape(caption, quote=True)
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    strong: Sequence[int] = (),
    is_text: bool = False,
) -> str:
    """Return a table; the rows numbered in `strong` stand out, text is aligned to the left.

    A table of many columns gets smaller letters, so that it fits the page.
    """
    kinds = ["text"] * is_text + ["wide"] * (len(header) > MOST_COLUMNS)
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "\n".join(
        f"<tr{' class=strong' if number in strong else ''}>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for number, row in enumerate(rows)
    )
    return (
        f'<div class="scroll"><table class="{" ".join(kinds)}"><thead><tr>{head}</tr>'
        f"</thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )
