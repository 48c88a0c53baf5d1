"""Charts as SVG, drawn by hand: a few rectangles and lines need no library."""

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from benchmarks.figures import Bars, Chart, Lines, text_of

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 72, 56
"""Of the field inside: room for the axis, the title and the legend."""
COLOURS = ("#2563a8", "#d9822b", "#3a8f5c", "#8b4a9c")
INK, FAINT, PAPER = "#1f2328", "#d0d7de", "#ffffff"
STEPS = 5
"""Lines across, at round figures."""


def draw(chart: Chart) -> str:
    """The chart as a whole SVG file."""
    top = _round_up(_highest(chart))
    parts = [*_frame(chart, top)]
    parts += _bars(chart, top) if isinstance(chart, Bars) else _lines(chart, top)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">\n'
        f"<title>{escape(chart.title)}</title>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _highest(chart: Chart) -> float:
    if isinstance(chart, Bars):
        return max((sum(values) for values in zip(*chart.series.values(), strict=True)), default=0.0)
    return max((value for values in chart.series.values() for value in values), default=0.0)


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 with any number of zeros."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _text(x: float, y: float, text: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def _frame(chart: Chart, top: float) -> Iterator[str]:
    """Title, legend, lines across with their figures."""
    yield _text(LEFT, 24, f"{chart.title} ({chart.unit})", "start", ' font-size="15" font-weight="600"')
    x = float(LEFT)
    for number, name in enumerate(chart.series):
        yield f'<rect x="{x:.1f}" y="40" width="12" height="12" fill="{COLOURS[number % len(COLOURS)]}"/>'
        yield _text(x + 18, 50, name, "start")
        x += 36 + 7 * len(name)
    for step in range(STEPS + 1):
        value = top * step / STEPS
        y = _y(value, top)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{FAINT}"/>'
        yield _text(LEFT - 8, y + 4, f"{value:,.4g}", "end")


def _bars(chart: Bars, top: float) -> Iterator[str]:
    room = (WIDTH - LEFT - RIGHT) / max(1, len(chart.labels))
    for place, label in enumerate(chart.labels):
        x = LEFT + room * place + room * 0.2
        low = 0.0
        for number, values in enumerate(chart.series.values()):
            high = low + values[place]
            y = _y(high, top)
            yield (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{room * 0.6:.1f}" '
                f'height="{_y(low, top) - y:.1f}" fill="{COLOURS[number % len(COLOURS)]}"/>'
            )
            low = high
        yield _text(x + room * 0.3, _y(low, top) - 6, text_of(low))
        for number, line in enumerate(_in_two(label)):
            yield _text(x + room * 0.3, HEIGHT - BOTTOM + 18 + 14 * number, line)


def _lines(chart: Lines, top: float) -> Iterator[str]:
    """Places stand by their size; where they span a hundredfold and more, by their logarithm."""
    xs = _across(chart.places)
    for number, values in enumerate(chart.series.values()):
        colour = COLOURS[number % len(COLOURS)]
        points = [(x, _y(value, top)) for x, value in zip(xs, values, strict=False)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
    for x, place in zip(xs, chart.places, strict=True):
        yield _text(x, HEIGHT - BOTTOM + 18, f"{place:,.0f}")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, chart.axis)


def _across(places: Sequence[float]) -> list[float]:
    if not places:
        return []
    wide = min(places) > 0 and max(places) / min(places) >= 100
    sizes = [math.log10(place) if wide else place for place in places]
    low, high = min(sizes), max(sizes)
    left, right = LEFT + 24, WIDTH - RIGHT - 24
    return [left + (right - left) * (size - low) / ((high - low) or 1) for size in sizes]


def _in_two(label: str) -> list[str]:
    """A label of several words in two lines."""
    words = label.split()
    middle = (len(words) + 1) // 2
    return [" ".join(words[:middle]), " ".join(words[middle:])]
