"""The anatomy of the creatures in ``sprites.py``: which shapes, where, in which colours.

Two shapes make everything.  A blob is an ellipse, (x, y, rx, ry).  A limb is the path of a disc whose centre
and radius follow a quadratic Bezier curve, ((x, y, r), (x, y, r), (x, y, r)): an ear, a horn, a tail, a leg.
x is measured from the middle, y from the top downwards, in pixels of a 64x64 sprite.  A layer is a list of
(shape, colour).
"""

from typing import NamedTuple

# species: what grows on its head, its tail, what is on its back, its mouth
SPECIES = {
    "cat": ("pointed", "curl", None, "muzzle"),
    "bunny": ("long", "puff", None, "muzzle"),
    "bear": ("round", "puff", None, "muzzle"),
    "fox": ("pointed", "bushy", None, "muzzle"),
    "imp": ("horns", "spade", None, "fangs"),
    "dragon": ("horns", "spade", "bat", "fangs"),
    "chick": ("crest", None, "feathers", "beak"),
    "frog": ("bumps", None, None, "smile"),
    "bug": ("antennae", None, "feathers", "smile"),
    "sprout": ("leaves", None, None, "smile"),
}
INK, WHITE, ROSE, LEAF, BEAK = (36, 30, 46), (255, 255, 255), (246, 150, 158), (98, 178, 84), (244, 164, 60)
GROUND = 58  # where it stands


class Body(NamedTuple):
    head: tuple  # (x, y, rx, ry), as any blob
    torso: tuple


def body(chances):
    """The proportions: a head larger than the torso, as in every cute thing."""
    rx, ry, leg = chances.between(8, 11.5), chances.between(8, 10.5), chances.between(1.5, 4.5)
    torso = (0, GROUND - leg - ry, rx, ry)
    wide, tall = chances.between(13, 16.5), chances.between(11.5, 14)
    return Body((0, torso[1] - 0.45 * ry - 0.72 * tall, wide, tall), torso)


def mirrored(shape):
    """The same on the other side."""
    if len(shape) == 4:
        return -shape[0], *shape[1:]
    return tuple((-x, y, r) for x, y, r in shape)


def _pair(*parts):
    return [*parts, *((mirrored(shape), colour) for shape, colour in parts)]


def tail(kind, body, colours, chances):
    """Behind the torso, on one side."""
    x, y, rx, _ = body.torso
    reach, lift, side = chances.between(10, 14), chances.between(2, 10), chances.one_in(2)
    end = rx + reach * 0.7, y - lift
    parts = _tails(x, y, rx, reach, end, colours)[kind]
    return [(mirrored(shape), colour) for shape, colour in parts] if side else parts


def _tails(x, y, rx, reach, end, colours):
    tip = end[0] + 0.6, end[1] + 4
    return {
        "curl": [(((x, y + 5, 2.4), (rx + reach, y + 8, 2.2), (*end, 1.9)), colours.coat)],
        "puff": [((rx + 1, y + 4, 4.5, 4.5), colours.pale)],
        "bushy": [(((x, y + 5, 2), (rx + reach, y + 6, 8), (*end, 2)), colours.coat), (((*tip, 3), (*end, 2.2), (*end, 1)), colours.pale)],
        "spade": [
            (((x, y + 6, 3), (rx + reach, y + 9, 1.6), (*end, 0.9)), colours.coat),
            (((end[0] - 0.5, end[1] + 1, 3), (*end, 2), (end[0] + 1, end[1] - 5, 0.3)), colours.accent),
        ],
        None: [],
    }


def back(kind, body, colours, chances):
    """Wings, to be seen on both sides of the torso."""
    _, y, rx, _ = body.torso
    span, lift = chances.between(10, 14), chances.between(4, 10)
    if kind == "bat":
        tips = [(rx + span, y - lift - 3), (rx + span, y - lift + 4), (rx + span - 4, y + 4)]
        return _pair(*((((rx - 4, y, 3.5), (rx + 3, y - lift + 1, 6), (*tip, 0.3)), colours.accent) for tip in tips))
    if kind == "feathers":
        return _pair((((rx - 4, y, 2.5), (rx + 6, y - lift, 8), (rx + span, y - lift / 2, 2)), colours.accent))
    return []


def ears(kind, body, colours, chances):
    """Whatever grows on the head, behind it."""
    _, y, wide, tall = body.head
    apart, length, lean = chances.between(0.5, 0.62) * wide, chances.between(0.75, 1), chances.between(0, 1)
    draw, longest = EARS[kind]
    top = y - tall
    return draw(apart, top, top - min(length * longest, top - 7), lean, colours)


# Each of these goes from the top of the head up to about the height of ``tip``, ``apart`` from the middle.


def _pointed(apart, top, tip, lean, colours):
    outer = (apart, top + 8, 6), (apart + 2, top + 2, 4.4), (apart + 3 + 2 * lean, tip, 0.4)
    inner = (apart, top + 7, 3), (apart + 2, top + 2, 2.4), (apart + 2.6 + 1.8 * lean, tip + 3, 0.3)
    return _pair((outer, colours.coat), (inner, colours.pale))


def _long(apart, top, tip, lean, colours):
    x, end = apart - 2, apart - 2 + 9 * lean
    outer, inner = ((x, top + 5, 3.2), (x + 1, tip + 5, 5.6), (end, tip + 2, 2.4)), ((x, top + 4, 1.2), (x + 1, tip + 6, 3.2), (end, tip + 3, 1))
    return _pair((outer, colours.coat), (inner, colours.pale))


def _round(apart, top, tip, lean, colours):
    x, y, r = 1.4 * apart, top + 3, 4.6 + lean
    return _pair(((x, y, r, r), colours.coat), ((x, y + 0.4, r * 0.55, r * 0.55), colours.pale))


def _horns(apart, top, tip, lean, colours):
    return _pair((((apart, top + 4, 3), (apart + 6 * lean, top - 3, 2.2), (apart + 1 + 3 * lean, tip, 0.3)), colours.accent))


def _bumps(apart, top, tip, lean, colours):
    return _pair(((apart, top + 2.5, 6, 6), colours.coat))


def _antennae(apart, top, tip, lean, colours):
    x, end = 0.6 * apart, (apart + 4 * lean, tip + 2)
    return _pair((((x, top + 3, 0.9), (x, tip + 3, 0.8), (*end, 0.8)), colours.shade), ((*end, 2.4, 2.4), colours.accent))


def _crest(apart, top, tip, lean, colours):
    return [(((x, top + 4, 2.4), (1.5 * x, top - 2, 2.2), (2 * x + 2 * lean, tip + abs(x) / 2, 0.6)), colours.accent) for x in (-3.5, 3.5, 0)]


def _leaves(apart, top, tip, lean, colours):
    return _pair((((0, top + 3, 1), (7, tip - 1, 7), (12 + 3 * lean, (top + tip) / 2, 0.4)), LEAF))


EARS = {  # how they are drawn, and how long they are at most
    "pointed": (_pointed, 8.5), "long": (_long, 17), "round": (_round, 0), "horns": (_horns, 9),
    "bumps": (_bumps, 0), "antennae": (_antennae, 10), "crest": (_crest, 6), "leaves": (_leaves, 8),
}  # fmt: skip


def legs(body, colours, chances):
    """Two feet on the ground."""
    _, y, rx, ry = body.torso
    foot, x = chances.between(3.2, 4.6), 0.55 * rx
    colour = colours.accent if chances.one_in(3) else colours.coat
    return _pair(
        (((x, y + 0.6 * ry, foot * 0.8), (x, GROUND - 3, foot * 0.8), (x, GROUND - 3, foot * 0.8)), colours.coat),
        ((x + 1, GROUND - 2.4, foot, 2.6), colour),
    )


def round_part(blob, colours):
    """A blob lit from above on the left."""
    x, y, rx, ry = blob
    return [(blob, colours.shade), ((x - 0.07 * rx, y - 0.07 * ry, 0.92 * rx, 0.92 * ry), colours.coat)]


def belly(body, colours, chances):
    """Two stripes, or more often a pale patch."""
    _, y, rx, ry = body.torso
    if not chances.one_in(3):
        return [((0, y + 0.2 * ry, 0.62 * rx, 0.68 * ry), colours.pale)]
    return [(((-w * rx, y + d * ry, 0.9), (0, y + d * ry + 2, 1.1), (w * rx, y + d * ry, 0.9)), colours.accent) for w, d in ((0.75, 0), (0.65, 0.4))]


def arms(body, colours, chances):
    """Hanging, or one of them waving."""
    _, y, rx, ry = body.torso
    wave, out = chances.one_in(4), chances.between(1.5, 5)
    down = ((rx - 1.5, y - 0.35 * ry, 2.3), (rx + out, y, 2.3), (rx + out * 0.6, y + 5, 2.4))
    up = ((rx - 1.5, y - 0.2 * ry, 2.3), (rx + 5, y + 1, 2.3), (rx + 7, y - 6, 2.5))
    return [(mirrored(down), colours.coat), (up if wave else down, colours.coat)]


def markings(body, colours, chances):
    """Stripes on the brow, spots, an eye patch, or nothing; and cheeks."""
    _, y, wide, tall = body.head
    kind, rosy = int(chances.between(0, 5)), chances.one_in(2)
    top = y - tall
    marks = [
        [(((x, top + 1.2, 0.8), (x * 0.9, top + 3, 1.1), (x * 0.8, top + 5.5 - abs(x) / 3, 0.3)), colours.accent) for x in (-4, 0, 4)],
        [((x, top + d, r, r * 0.85), colours.accent) for x, d, r in ((-5, 5, 2.2), (1, 3.6, 1.5), (5.5, 6, 1.9))],
        [((0.42 * wide, y + 1, 5.4, 5.8), colours.accent)],
        [((0, y + 0.55 * tall, 0.72 * wide, 0.4 * tall), colours.pale)],
        [],
    ][kind]
    return marks + (_pair(((0.68 * wide, y + 0.45 * tall, 2.1, 1.4), ROSE)) if rosy else [])


def eyes(kind, body, colours, chances):
    """Large and shining; those of a frog on top of its head."""
    _, y, wide, tall = body.head
    apart, r, plain = chances.between(0.38, 0.48) * wide, chances.between(2.1, 3.4), chances.one_in(2)
    if kind == "bumps":
        apart, y = 0.56 * wide, y - tall + 1.5
    if plain:
        parts = [((apart, y + 1, r * 0.8, r), INK)]
    else:
        parts = [((apart, y + 1, r + 1, r * 1.2 + 1), INK), ((apart, y + 1, r, r * 1.2), WHITE), ((apart - 0.3, y + 1.4, r * 0.72, r * 0.9), colours.iris),
                 ((apart - 0.3, y + 1.6, r * 0.4, r * 0.55), INK)]  # fmt: skip
    glints = [((side * apart - 0.3 * r, y + 1 - 0.4 * r, 0.34 * r, 0.34 * r), WHITE) for side in (-1, 1)]
    return _pair(*parts) + glints


def mouth(kind, body, colours, chances):
    """In the lower half of the face, with what is around it."""
    _, y, _, tall = body.head
    y, w = y + 0.5 * tall, chances.between(2, 3.6)
    if kind == "beak":
        return [(((0, y - 3, w + 0.9), (0, y - 1.5, w), (0, y + 3, 0.4)), INK), (((0, y - 3, w), (0, y - 1.5, w - 0.6), (0, y + 1.8, 0.3)), BEAK)]
    smile = [(((-w, y, 0.5), (0, y + 0.9 * w, 0.6), (w, y, 0.5)), INK)]
    if kind == "fangs":
        return smile + _pair((((0.55 * w, y + 0.4, 0.9), (0.55 * w, y + 1.5, 0.6), (0.55 * w, y + 2.8, 0.2)), WHITE))
    if kind == "muzzle":
        lips = _pair((((0, y, 0.5), (0.6 * w, y + 2.4, 0.5), (w, y, 0.5)), INK))
        return [((0, y, 1.9 * w, 1.3 * w), colours.pale), *lips, ((0, y - 0.9, 1.7, 1.2), INK)]
    return smile
