"""Pictures to play with: sliders, buttons and a player in a running notebook, and a still picture of the same elsewhere.

    from nanogan.course import interactive

    interactive.slider(draw, at={"theta": 1.5}, theta=(0.0, 4.0, 0.1))      # draw(theta=1.5) makes one matplotlib figure
    interactive.buttons(draw, {"step D": step_d, "step G": step_g}, ["step D", "step G"])
    interactive.player(draw, frames=40)                                     # draw(0), ..., draw(39)

Live they are ipywidgets.  Not live is whatever has no kernel, has no ipywidgets (pip install ipywidgets), or has NANOGAN_STATIC or
NANOGAN_QUICK set in its environment.  Then the picture is drawn for the values given, the script of buttons is run once, and under it
stands a drawing of the control, so that who reads a stored page knows what could be moved.

A drawing function returns its figure or leaves it open, without plt.show(); it is closed here.  If it raises, the first time the cell
fails as any other does; later the traceback stands under the picture, which stays as it was.  What it prints stands there too.
"""

import contextlib
import html
import importlib.util
import io
import itertools
import os
import sys
import traceback

from nanogan.backend import NanoganError

WIDEST = 900  # pixels of a row of still pictures: about a notebook's page
GREY, KNOB = "0.45", "#3b6ea5"


def live() -> bool:
    """Whether controls can be used: a notebook's kernel, ipywidgets installed, and no environment variable against it."""
    return not _why_still()


def _why_still():
    """Why the controls are drawn only, in words that finish "..., and they move"; empty where they are live."""
    if any(os.environ.get(name, "") not in ("", "0") for name in ("NANOGAN_STATIC", "NANOGAN_QUICK")):
        return "run this notebook"
    if getattr(_shell(), "kernel", None) is None:
        return "run this in a notebook"
    return "" if importlib.util.find_spec("ipywidgets") else "pip install ipywidgets, restart the kernel"


def slider(draw, at, **ranges) -> None:
    """The figure draw(**values) with a slider for each keyword: name=(low, high, step), of whole numbers where all three are.

    at: the values to begin with, {name: value}; or a list of such, which are drawn beside one another where nothing is live.
    Raises NanoganError where names or ranges do not fit.
    """
    places = [dict(at)] if isinstance(at, dict) else [dict(one) for one in at]
    _check(places, ranges)
    if live():
        return _display(_slider(draw, places[0], ranges))
    stills = []
    for values in places:
        png = _drawn(draw, **values)
        stills.append(_under(png, lambda axes, width, values=values: _paint_sliders(axes, width, values, ranges), len(ranges)))
    told = "; ".join(", ".join(f"{name} = {_short(value)}" for name, value in values.items()) for values in places)
    return _show(stills, f"sliders at {told}", f"To move the slider{'s' * (len(ranges) > 1)}: {_why_still()}.")


def _check(places, ranges):
    for name, limits in ranges.items():
        if not (isinstance(limits, (tuple, list)) and len(limits) == 3 and limits[0] < limits[1] and limits[2] > 0):
            raise NanoganError(f"slider: {name} = {limits!r} is no (low, high, step)")
    if not places or not ranges:
        raise NanoganError("slider: give a range, name=(low, high, step), for each value of at, and at least one")
    for values in places:
        if values.keys() != ranges.keys():
            raise NanoganError(f"slider: at has values for {', '.join(values)}, and there are ranges for {', '.join(ranges)}")
        for name, value in values.items():
            if not ranges[name][0] <= value <= ranges[name][1]:
                raise NanoganError(f"slider: {name} = {value} is not between {ranges[name][0]} and {ranges[name][1]}")


def _slider(draw, values, ranges):
    import ipywidgets

    sliders = {}
    for name, (low, high, step) in ranges.items():
        kind = ipywidgets.IntSlider if all(isinstance(n, int) for n in (low, high, step)) else ipywidgets.FloatSlider
        sliders[name] = kind(value=values[name], min=low, max=high, step=step, description=name, continuous_update=False)
    screen = _Screen(lambda: _drawn(draw, **{name: one.value for name, one in sliders.items()}))
    for one in sliders.values():
        one.observe(lambda change: screen.redraw(), names="value")
    return ipywidgets.VBox([*sliders.values(), *screen.parts])


def buttons(state_draw, actions, script) -> None:
    """The figure state_draw() with a button for each of ``actions``, {"step D": step_d, ...}: functions without arguments that change what is drawn.

    script: names of actions, which are run where nothing is live; the figure is then drawn before and after them.
    Raises NanoganError where the script has a name that is no action.
    """
    script = [script] if isinstance(script, str) else list(script)
    if wrong := [name for name in script if name not in actions]:
        raise NanoganError(f"buttons: there is no {wrong[0]!r} among the actions {', '.join(actions)}")
    if live():
        return _display(_buttons(state_draw, actions))
    start = _drawn(state_draw)
    for name in script:
        actions[name]()
    runs = [(name, len([*same])) for name, same in itertools.groupby(script)]
    pressed = ", then ".join(name + (f" {n} times" if n > 1 else "") for name, n in runs)
    stills = [
        _under(png, lambda axes, width, words=words: _paint_buttons(axes, width, actions, words), 2)
        for png, words in ((start, "at the start"), (_drawn(state_draw), f"after {pressed}"))
    ]
    return _show(stills, f"buttons {', '.join(actions)}; at the start, and after {pressed}", f"To press the buttons yourself: {_why_still()}.")


def _buttons(state_draw, actions):
    import ipywidgets

    screen = _Screen(lambda: _drawn(state_draw))
    row = []

    def pressed(action):
        for one in row:  # until it is done, or clicks would queue up
            one.disabled = True
        screen.redraw(first=action)
        for one in row:
            one.disabled = False

    for name, action in actions.items():
        button = ipywidgets.Button(description=name)
        button.on_click(lambda clicked, action=action: pressed(action))
        row.append(button)
    return ipywidgets.VBox([ipywidgets.HBox(row), *screen.parts])


def player(figures_or_draw, frames=None, shown=4, interval=200) -> None:
    """A film: the figures draw(frame) for each of ``frames``, a number of them or a list; or a list of figures that are there already.

    shown: of how many frames a still strip is made.  interval: milliseconds a frame, live.
    """
    if callable(figures_or_draw):
        frames = [*range(frames)] if isinstance(frames, int) else [*(frames or ())]

        def picture(i):
            return _drawn(figures_or_draw, frames[i])
    else:
        picture = [_drawn(lambda figure=figure: figure) for figure in figures_or_draw].__getitem__
        _close(figures_or_draw)
        frames = [*range(len(figures_or_draw))]
    if not frames or shown < 1:
        raise NanoganError("player: there are no frames to show; give draw(frame) and how many frames, or a list of figures")
    if live():
        return _display(_player(picture, frames, interval))
    last = len(frames) - 1
    places = sorted({round(last * i / max(1, shown - 1)) for i in range(shown)}) if shown > 1 else [last]
    stills = [_under(picture(i), lambda axes, width, i=i: _paint_film(axes, width, i, frames), 1) for i in places]
    told = ", ".join(_short(frames[i]) for i in places)
    return _show(stills, f"a film of {len(frames)} frames, of which these: {told}", f"To play it: {_why_still()}.")


def _player(picture, frames, interval):
    import ipywidgets

    place = ipywidgets.IntSlider(min=0, max=len(frames) - 1, description="frame", readout=False)
    play = ipywidgets.Play(min=0, max=len(frames) - 1, interval=interval)
    ipywidgets.jslink((play, "value"), (place, "value"))
    name, kept = ipywidgets.Label(_short(frames[0])), {}

    def frame():
        i = place.value
        if i not in kept:
            kept[i] = picture(i)
        name.value = _short(frames[i])
        return kept[i]

    screen = _Screen(frame)
    place.observe(lambda change: screen.redraw(), names="value")
    return ipywidgets.VBox([ipywidgets.HBox([play, place, name]), *screen.parts])


class _Screen:
    """What a live picture is seen on: an image, and under it what was printed, or the traceback of a drawing that failed."""

    def __init__(self, picture):
        import ipywidgets

        self.picture = picture  # () -> the bytes of a PNG
        self.image, self.said = ipywidgets.Image(format="png", value=picture()), ipywidgets.HTML()
        self.parts = [self.image, self.said]

    def redraw(self, first=lambda: None):
        """Run ``first``, then draw anew."""
        printed, colour = io.StringIO(), "inherit"
        try:
            with contextlib.redirect_stdout(printed):
                first()
                self.image.value = self.picture()
        except Exception as error:  # raised from here it would end in a log that nobody reads
            told = error.__traceback__ and error.__traceback__.tb_next  # without this function
            printed.write("".join(traceback.format_exception(type(error), error, told)))
            colour = "#b00020"
        words = html.escape(printed.getvalue().rstrip())
        self.said.value = f'<pre style="color: {colour}; line-height: 1.2">{words}</pre>' if words else ""


def _drawn(draw, *args, **values):
    """The figure that draw(...) makes, as the bytes of a PNG; it, and any other that was opened on the way, is closed."""
    import matplotlib.pyplot as plt

    before = set(plt.get_fignums())
    try:
        made = draw(*args, **values)
        opened = [number for number in plt.get_fignums() if number not in before]
        figure = made if hasattr(made, "savefig") else getattr(made, "figure", None) or (plt.figure(opened[-1]) if opened else None)
        if figure is None:
            raise NanoganError("the drawing function made no figure: have it return one, or leave it open (plt.show() closes it)")
        return _png(figure)
    finally:
        for number in plt.get_fignums():
            if number not in before:
                plt.close(number)


def _close(figures):
    import matplotlib.pyplot as plt

    for figure in figures:
        plt.close(figure)


def _png(figure):
    file = io.BytesIO()
    tight = None if figure.get_layout_engine() else "tight"  # with a layout every frame has the same size, and nothing jumps
    figure.savefig(file, format="png", dpi=figure.dpi, bbox_inches=tight)
    return file.getvalue()


def _display(thing):
    if _shell() is not None:
        from IPython.display import display

        display(thing)


def _shell():
    """IPython, where this runs in it."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


def _show(stills, told, note):
    """Display pictures in rows as wide as a page, with a note under them; told: the same in words, for who cannot see it."""
    from PIL import Image

    width = min(WIDEST, sum(image.width for image in stills))
    stills = [*stills, _strip(width, 0.24, lambda axes, inches: axes.text(0.08, 0.12, note, va="center", fontsize=7.5, style="italic", color=GREY))]
    places, x, y, height = [], 0, 0, 0
    for i, image in enumerate(stills):
        if x and (x + image.width > WIDEST or i == len(stills) - 1):
            x, y, height = 0, y + height, 0
        places.append((x, y))
        x, height = x + image.width, max(height, image.height)
    page = Image.new("RGB", (max(x + image.width for (x, _), image in zip(places, stills, strict=True)), y + height), "white")
    for place, image in zip(places, stills, strict=True):
        page.paste(image, place)
    _display(_Still(_bytes(page), told))


class _Still:
    """A picture that a notebook stores: a PNG, and in words what it shows."""

    def __init__(self, png, told):
        self.png, self.told = png, told

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/png": self.png, "text/plain": f"<{self.told}>"}, {"image/png": {"alt": self.told}}


def _bytes(image):
    """As a PNG of 256 colours, nowhere far from its own: a third of the size, for pages that are stored."""
    from PIL import Image

    file = io.BytesIO()
    image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)
    return file.getvalue()


def _under(png, paint, rows):
    """The picture with a strip of so many rows under it, which paint(axes, width in inches) fills."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        top = image.convert("RGB")
    strip = _strip(top.width, 0.27 * rows + 0.05, paint)
    page = Image.new("RGB", (top.width, top.height + strip.height), "white")
    page.paste(top, (0, 0))
    page.paste(strip, (0, top.height))
    return page


def _strip(width, height, paint, dpi=90):
    """width: in pixels, height: in inches; the axes of ``paint`` are in inches."""
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(width / dpi, height), dpi=dpi, layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width / dpi), ylim=(0, height))
    axes.axis("off")
    paint(axes, width / dpi)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    with Image.open(file) as image:
        return image.convert("RGB").resize((width, image.height))


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _paint_track(axes, left, right, y, share):
    axes.plot([left, right], [y, y], color="0.8", linewidth=3, solid_capstyle="round")
    axes.plot([left, left + share * (right - left)], [y, y], color=KNOB, linewidth=3, solid_capstyle="round")
    axes.plot([left + share * (right - left)], [y], "o", color="white", markeredgecolor=KNOB, markeredgewidth=1.5, markersize=8)


def _paint_sliders(axes, width, values, ranges):
    """A row for each slider: its name, the track with the knob where it stands, its value."""
    left, right = max(0.24 * width, 0.55 + 0.085 * max(map(len, values))), 0.72 * width  # a name has room, however narrow the figure
    for row, (name, value) in enumerate(values.items()):
        low, high, _ = ranges[name]
        y = 0.27 * (len(values) - row) - 0.08
        _paint_track(axes, left, right, y, (value - low) / (high - low))
        axes.text(left - 0.5, y, name, ha="right", va="center", fontsize=9)
        axes.text(right + 0.5, y, _short(value), va="center", fontsize=9, weight="bold", color=KNOB)
        for x, end, side in ((left - 0.12, low, "right"), (right + 0.12, high, "left")):
            axes.text(x, y, _short(end), ha=side, va="center", fontsize=7, color=GREY)


def _paint_buttons(axes, width, actions, words):
    """The buttons in a row, and what was pressed so far."""
    box = {"boxstyle": "round,pad=0.35", "facecolor": "0.93", "edgecolor": "0.7"}
    for i, name in enumerate(actions):
        axes.text(width * (i + 0.5) / len(actions), 0.42, name, ha="center", va="center", fontsize=8, bbox=box)
    axes.text(width / 2, 0.12, words, ha="center", va="center", fontsize=8, color=KNOB)


def _paint_film(axes, width, i, frames):
    """Where in the film a frame is, and what it is called."""
    left, right = 0.25 * width, 0.7 * width
    axes.plot([left - 0.2], [0.17], marker=(3, 0, -90), color=KNOB, markersize=8)
    _paint_track(axes, left, right, 0.17, i / max(1, len(frames) - 1))
    axes.text(right + 0.15, 0.17, _short(frames[i]), va="center", fontsize=8, weight="bold", color=KNOB)
