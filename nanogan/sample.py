"""Draw samples from a trained generator.

    python -m nanogan.sample runs/quickstart-1                                 # a grid of images
    python -m nanogan.sample runs/mlp --grid 3x10 --seed 7 --out digits.png
    python -m nanogan.sample runs/mlp/generator.npz --images 100 --out digits/ # one file each
    python -m nanogan.sample runs/mlp --interpolate                            # a walk between samples, as a GIF
    python -m nanogan.sample runs/mlp --interpolate --path linear --grid 5x10 --out walk.png

It takes a run's folder, a checkpoint.npz or a generator.npz.
"""

import os
import pathlib
import sys

import numpy

import nanogan as ng
from nanogan import data, viz
from nanogan.autograd import no_grad
from nanogan.backend import xp
from nanogan.gan import checkpoint, command, environment
from nanogan.gan.recipe import layout
from nanogan.gan.walks import round_trip, walk

MOST = 10_000  # images in one go
BATCH = 256  # images that the generator makes at a time
IMAGES, POINTS = (".png", ".gif", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"), (".png", ".jpg", ".jpeg", ".webp", ".pdf", ".svg")


def parser():
    p = command.Parser("nanogan.sample", __doc__)
    p.add_argument("path", metavar="RUN_OR_CHECKPOINT", help="a run's folder, a checkpoint.npz or a generator.npz")
    p.add_argument("--grid", type=layout, metavar="RxC", help="rows and columns, such as 3x10 (default: the recipe's)")
    p.add_argument("--seed", type=command.nonnegative_int, default=0, metavar="N", help="of the noise (default: 0)")
    what = p.add_mutually_exclusive_group()
    what.add_argument("--images", type=command.positive_int, metavar="N", help="write N single images into the folder --out")
    what.add_argument("--interpolate", action="store_true", help="walk through the latent space: a .gif moves, a .png has a walk a row")
    p.add_argument("--path", choices=("linear", "spherical"), dest="way", help="of a walk (default: spherical for normal noise, linear for uniform)")
    p.add_argument("--frames", type=command.positive_int, metavar="N", help="frames of a GIF from one sample to the next (default: 12)")
    p.add_argument("--out", metavar="FILE", help="where it goes (default: beside the generator)")
    p.add_argument("--backend", default="numpy", choices=("numpy", "cupy", "auto"), help="what computes (default: numpy)")
    return p


def main(argv=None):
    args = parser().parse_args(argv)
    for option in ("path", "out"):
        if getattr(args, option) == "":
            raise ng.NanoganError(f"{'--out' if option == 'out' else 'RUN_OR_CHECKPOINT'} is empty (an unset variable?); name something")
    if not args.interpolate and (args.way or args.frames):
        raise ng.NanoganError(f"--{'path' if args.way else 'frames'} is of a walk; add --interpolate, or leave it out")
    ng.use(args.backend)
    with environment.memory_explained(f"making {BATCH} at a time", "--backend numpy takes the host's memory" if ng.backend_name() == "cupy" else ""):
        print(draw(args))
    return 0


def draw(args):
    """Make what was asked for; a line that says where it is."""
    generator = checkpoint.load_generator(args.path)
    is_images = len(generator.recipe.image_shape) == 3
    if not is_images and (args.images or args.interpolate):
        raise ng.NanoganError(f"{args.path} generates points, not images; leave --{'images' if args.images else 'interpolate'} out")
    ng.seed(args.seed)
    return draw_images(args, generator) if is_images else draw_points(args, generator)


def draw_images(args, generator):
    """Write what was asked for, and return a line that says where it is."""
    if args.images:
        return single_images(args, generator)
    rows, columns = args.grid or (default_grid(generator.recipe) if not args.interpolate else (4, 6))
    check_number(rows * columns)
    if not args.interpolate:
        out = place(args, f"samples-seed{args.seed}.png")
        viz.save_image_grid(out, generate(generator, generator.latent(rows * columns)), rows, columns)
        return f"{rows} x {columns} samples: {out}"
    out = place(args, f"walk-seed{args.seed}.gif")
    way = args.way or ("spherical" if generator.recipe.latent_distribution == "normal" else "linear")
    return (moving_walk if out.suffix.lower() == ".gif" else still_walk)(args, generator, rows, columns, way, out)


def default_grid(recipe):
    """The recipe's, made square where it is long and flat."""
    return recipe.grid if recipe.grid[0] * recipe.grid[1] <= 100 else (10, 10)


def still_walk(args, generator, rows, columns, way, out):
    """Each row a walk from one sample to another."""
    if args.frames:
        raise ng.NanoganError(f"--frames is of a GIF, and {out} is none; its columns are the frames of a walk (--grid {rows}x{columns})")
    if columns < 2:
        raise ng.NanoganError(f"a walk of {columns} image goes nowhere; ask for 2 columns or more with --grid")
    ends = generator.latent(2 * rows)
    z = xp.concatenate([walk(ends[2 * i], ends[2 * i + 1], columns, way == "spherical") for i in range(rows)])
    viz.save_image_grid(out, generate(generator, z), rows, columns)
    return f"{rows} {way} walks of {columns} images: {out}"


def moving_walk(args, generator, rows, columns, way, out, stations=4):
    """Each image of a grid walks through ``stations`` samples and back to where it began."""
    frames = args.frames or 12
    if frames > 600:
        raise ng.NanoganError(f"--frames {frames} from one sample to the next make a GIF of many minutes; ask for 600 or fewer")
    check_number(rows * columns * stations * frames)
    points = generator.latent(stations * rows * columns).reshape(stations, rows * columns, *generator.recipe.latent_shape)
    z = xp.stack([round_trip(points[:, i], frames, way == "spherical") for i in range(rows * columns)], axis=1)  # (frames, images, ...)
    made = generate(generator, z.reshape(-1, *z.shape[2:]))
    made = made.reshape(*z.shape[:2], *made.shape[1:])
    grids = [viz.image_grid(frame, rows, columns) for frame in made]
    viz.save_animation(out, grids, seconds=0.1, hold=0.1, at_most=len(grids))
    return f"{rows * columns} {way} walks through {stations} samples, {len(grids)} frames: {out}"


def single_images(args, generator):
    check_number(args.images)
    if args.grid:
        raise ng.NanoganError("--grid and --images exclude each other: single images lie in no grid; leave one out")
    folder = expanded(args.out) if args.out else folder_of(args.path) / f"images-seed{args.seed}"
    if os.path.isfile(folder):
        raise ng.NanoganError(f"{folder} is a file, and --images needs a folder; choose another --out")
    make_folder(folder)
    made = generate(generator, generator.latent(args.images))
    digits = len(str(args.images - 1))
    for i, image in enumerate(made):
        viz.save_image_grid(folder / f"{i:0{digits}d}.png", image[None], 1, 1, width=image.shape[1], separated=False)
    return f"{args.images} images: {folder}"


def draw_points(args, generator):
    """A picture of generated points over the recipe's data."""
    n = args.grid[0] * args.grid[1] if args.grid else 1000
    check_number(n)
    real = data.load(generator.recipe.data, seed=args.seed)
    out = place(args, f"samples-seed{args.seed}.png", POINTS)
    viz.save_scatter(out, generate(generator, generator.latent(n)), real.samples[:n], generator.recipe.name, real.centres)
    return f"{n} points: {out}"


def generate(generator, z):
    """Samples on the host, made some at a time."""
    with no_grad():
        parts = [ng.to_numpy(generator(z[i : i + BATCH]).data) for i in range(0, len(z), BATCH)]
    return numpy.concatenate(parts)


def check_number(n):
    if n > MOST:
        raise ng.NanoganError(f"that would be {n:,} images, and {MOST:,} at a time is the most; ask for fewer")


def folder_of(path):
    path = expanded(path)
    return path if os.path.isdir(path) else path.parent


def expanded(path):
    return pathlib.Path(os.path.expanduser(path))


def place(args, name, endings=IMAGES):
    """The file to write, its folder made if need be."""
    out = expanded(args.out) if args.out else folder_of(args.path) / name
    if os.path.isdir(out):
        out = out / name
    if out.suffix.lower() not in endings:
        raise ng.NanoganError(f"{out}: its ending names no kind of picture; choose a name that ends in {' '.join(endings)}")
    make_folder(out.parent)
    return out


def make_folder(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ng.NanoganError(f"the folder {folder} cannot be made ({error.strerror or error}); choose another --out") from error


if __name__ == "__main__":
    sys.exit(command.run(main))
