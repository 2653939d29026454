"""Drawings as SVG inside the page: a style of their own, colours that follow the page's, the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

# Drawn in these, and then replaced by the page's variable of that name, which light and dark define.
PLACEHOLDERS = {
    "text": "#010203",
    "muted": "#010204",
    "line": "#010205",
    "surface": "#010206",
    "series-1": "#010207",
    "series-2": "#010208",
    "series-3": "#010209",
    "series-rest": "#01020a",
}
TEXT, MUTED, LINE, SURFACE, FIRST, SECOND, THIRD, REST = PLACEHOLDERS.values()
# Inches: so small that the texts can be read on a phone.
SIZE, SMALL = (4.6, 3.1), (3.8, 3.1)
STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "reprise",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that the layout is the same everywhere
    "font.size": 10.5,
    "figure.figsize": SIZE,
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "axes.facecolor": "none",
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "text.color": TEXT,
    "text.parse_math": False,  # a class may be called $5$
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "legend.labelcolor": TEXT,
}
SVG, LINKS = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"


class Chart(NamedTuple):
    """A drawing with its texts.

    Attributes
    ----------
    title : str
        Its heading.
    svg : Markup
    caption : str
        How to read it.
    """

    title: str
    svg: Markup
    caption: str


def draw(
    key: str, description: str, plot: Callable[[Axes], None], size: tuple[float, float] = SIZE
) -> Markup:
    """Return what `plot` draws on axes, as an ``svg`` element.

    Parameters
    ----------
    key : str
        Unique in the page; starts every id.
    description : str
        What there is to see, for people who don't.
    plot : function
        Draws on the axes, in the colours of this module.
    size : (float, float)
        Width and height in inches.
    """
    stream = io.BytesIO()
    # The defaults first: what matplotlib is told at home must not change the page.
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=size)
        plot(figure.add_subplot())
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return Markup(
        inline(stream.getvalue().decode(), key, description)
    )  # made here, its texts escaped by ElementTree


def inline(text: str, key: str, description: str) -> str:
    """Return an SVG file as an element for the page: named, without size, links or ids of its own."""
    root = ElementTree.fromstring(text)
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', text))
    for parent in root.iter():
        for child in [child for child in parent if child.tag == f"{SVG}metadata"]:
            parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        attributes = {name.removeprefix(LINKS): value for name, value in element.attrib.items()}
        if attributes.get("id") in used:
            attributes["id"] = f"{key}-{attributes['id']}"
        else:
            attributes.pop("id", None)
        element.attrib = {name: _own(value, key) for name, value in attributes.items()}
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{key}-title", "class": "chart"}
    title = ElementTree.Element("title", {"id": f"{key}-title"})
    title.text = description
    root.insert(0, title)
    return ElementTree.tostring(root, encoding="unicode")


def _own(value: str, key: str) -> str:
    """Return an attribute's value with the figure's ids and the page's colours."""
    value = re.sub(r"url\(#", f"url(#{key}-", value)
    value = re.sub(r"^#(?=[A-Za-z])", f"#{key}-", value) if not re.fullmatch("#[0-9a-f]{6}", value) else value
    for name, colour in PLACEHOLDERS.items():
        value = value.replace(colour, f"var(--{name})")
    return value
