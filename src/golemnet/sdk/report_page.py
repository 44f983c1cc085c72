"""A run as one HTML file that needs nothing else: a timeline of providers and tasks, and what it has cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from pathlib import Path

from golemnet.model.money import format_amount, short_amount
from golemnet.requestor.summary import counted
from golemnet.sdk.costs import CostReport
from golemnet.sdk.timeline import Span, Timeline

LABEL, WIDTH, ROW, BAR = 150, 900, 26, 16
COLOURS = ("#3b6ea8", "#4f8f5b", "#8a6fae", "#b07a2a", "#2f8f94", "#7a7f3a")
BAD = "#c0392b"
TICKS = 8
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em }
body { color: #222; background: #fff }
h1 { font-size: 1.5em; margin-bottom: 0 } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse; width: 100% } th { text-align: left; font-weight: 600 }
th, td { padding: .25em .8em .25em 0; border-bottom: 1px solid #ddd; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.quiet { color: #777 } .bad { color: #c0392b } svg { width: 100%; height: auto }
svg text { font: 12px system-ui, sans-serif; fill: #444 } svg rect:hover { stroke: #000 }
@media (prefers-color-scheme: dark) { body { background: #1b1d1f; color: #ddd } svg text { fill: #bbb }
  th, td { border-color: #444 } svg rect:hover { stroke: #fff } }
"""


def write_report(path: Path, timeline: Timeline, costs: CostReport, budget: Decimal) -> None:
    """Store the report at ``path``, whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(page(timeline, costs, budget))
    new.replace(path)


def page(timeline: Timeline, costs: CostReport, budget: Decimal) -> str:
    """The report as text. Names and outputs of strangers stay text, whatever stands in them."""
    done = sum(line.count for line in costs.tasks)
    where = counted(len(costs.providers), "provider")
    heading = f"{counted(done, 'task')} at {where} in {timeline.seconds:.1f} s"
    spent = f"{_glm(costs.spent)} GLM of {format_amount(budget)} GLM"
    known = f", {timeline.recalled} results known from before" if timeline.recalled else ""
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(heading)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(heading)}</h1>",
            f'<p class="quiet">{timeline.started:%Y-%m-%d %H:%M:%S} UTC, {escape(spent)}{known}</p>',
            f"<h2>Timeline</h2>{_timeline(timeline)}",
            f"<h2>Providers</h2>{_providers(costs)}",
            f"<h2>Tasks</h2>{_tasks(costs)}",
            f"<h2>What happened</h2>{_notes(timeline)}",
            "</body></html>",
        ]
    )


def _timeline(timeline: Timeline) -> str:
    """A row for each provider; a bar for each task, or for those of one bundle."""
    rows = list(
        dict.fromkeys([name for name, _ in timeline.setups] + [each.provider for each in timeline.spans])
    )
    end = max(timeline.seconds, 0.1)
    scale = WIDTH / end
    height = ROW * len(rows) + 30
    parts = [f'<svg viewBox="0 0 {LABEL + WIDTH + 20} {height}" role="img" aria-label="timeline">']
    parts += [_tick(at, scale, height) for at in _round_times(end)]
    for row, name in enumerate(rows):
        parts.append(f'<text x="0" y="{row * ROW + BAR}">{escape(name[:22])}</text>')
    parts += [_setup(rows.index(name), at, scale) for name, at in timeline.setups]
    kinds = list(dict.fromkeys(_kind(span) for span in timeline.spans))
    parts += [_bar(span, rows.index(span.provider), scale, kinds) for span in timeline.spans]
    left_out = f'<p class="quiet">{timeline.left_out} more are not drawn.</p>' if timeline.left_out else ""
    return "".join([*parts, "</svg>", left_out])


def _bar(span: Span, row: int, scale: float, kinds: Sequence[str]) -> str:
    colour = BAD if span.problem else COLOURS[kinds.index(_kind(span)) % len(COLOURS)]
    began = max(span.began, 0.0)
    more = f" and {span.count - 1} more" if span.count > 1 else ""
    told = f"{span.label}{more}, {span.ended - began:.2f} s at {span.provider}. {span.problem}".strip()
    return (
        f'<rect x="{LABEL + began * scale:.1f}" y="{row * ROW + 3}" rx="2" height="{BAR}" fill="{colour}" '
        f'width="{max((span.ended - began) * scale - 0.6, 1.0):.1f}"><title>{escape(told)}</title></rect>'
    )


def _setup(row: int, at: float, scale: float) -> str:
    x = LABEL + at * scale
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{row * ROW}" y2="{row * ROW + BAR + 6}" stroke="#999"/>'
    return f"<g>{line}<title>sets up a container</title></g>"


def _tick(at: float, scale: float, height: int) -> str:
    x = LABEL + at * scale
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 18}" stroke="#8884"/>'
    return f'{line}<text x="{x:.1f}" y="{height - 4}" text-anchor="middle">{at:.3g} s</text>'


def _round_times(end: float) -> list[float]:
    """Times of the scale: about as many as ``TICKS``, at steps of 1, 2 or 5 times a power of ten."""
    rough = end / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough)
    return [step * number for number in range(int(end / step) + 1)]


def _glm(amount: Decimal) -> str:
    return short_amount(amount)


def _kind(span: Span) -> str:
    return span.label.partition("(")[0].split(" ")[0]


def _providers(costs: CostReport) -> str:
    rows = [
        [
            each.provider,
            each.provider_id,
            each.tasks,
            each.failed,
            f"{each.seconds:.1f}",
            short_amount(each.cost),
        ]
        for each in sorted(costs.providers, key=lambda each: -each.cost)
    ]
    return _table(["provider", "id", "#done", "#failed", "#seconds", "#GLM"], rows)


def _tasks(costs: CostReport) -> str:
    rows = [
        [each.task, each.count, each.errors, f"{each.seconds:.1f}", _glm(each.cost)] for each in costs.tasks
    ]
    return _table(["task", "#done", "#with an error", "#seconds", "#GLM"], rows)


def _notes(timeline: Timeline) -> str:
    rows = [[f"{note.at:.1f}", note.who, note.what] for note in timeline.notes]
    return _table(["#second", "who", "what"], rows) if rows else "<p>Nothing out of the ordinary.</p>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; columns whose name begins with # are numbers."""
    classes = [' class="number"' if column.startswith("#") else "" for column in columns]
    head = "".join(
        f"<th{kind}>{escape(column.removeprefix('#'))}</th>"
        for column, kind in zip(columns, classes, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(str(cell))}</td>" for cell, kind in zip(row, classes, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
