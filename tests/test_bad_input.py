"""Every mistake that a user can make with train, sample, evaluate and diagnose, as a table: one line on stderr, status 2, nothing left behind.

Each row runs the real command in a process of its own, in an empty folder of its own.
"""

import concurrent.futures
import gzip
import json
import os
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest
from commands import call, environment, idx, process, tree, write_digits
from PIL import Image

from nanogan import evaluate, train
from nanogan.backend import gpu_problem
from nanogan.gan import recipes

LONG = "x" * 300
HUGE = str(10**30)
ARGUMENT = "(python -m nanogan.train -h lists what it takes)"

# What to do is in every message, so it need not be looked for in every row.  MADE is the folder that ``made`` fills.
TRAIN = [
    # --- arguments
    ("unknown option", "--stpes 3", "unknown option '--stpes'; did you mean --steps? " + ARGUMENT),
    ("abbreviated option", "--batch 3", "unknown option '--batch'; did you mean --batch-size?"),
    ("misspelt --set", "--sett lr=1", "unknown option '--sett'; did you mean --set?"),
    ("no option", "extra", "unexpected argument 'extra'"),
    ("option without its value", "--recipe", "argument --recipe: expected one argument"),
    ("steps 0", "--steps 0", "argument --steps/--iterations: expected a whole number of at least 1, got '0'"),
    ("steps negative", "--steps -5", "argument --steps/--iterations: expected a whole number of at least 1, got '-5'"),
    ("steps no whole number", "--steps 1e3", "argument --steps/--iterations: expected a whole number of at least 1, got '1e3'"),
    ("steps without end", f"--recipe gaussian2d --steps {10**400}", "--steps asks for more than a trillion steps; ask for fewer"),
    ("iterations by another name", "--iterations nan", "argument --steps/--iterations: expected a whole number of at least 1, got 'nan'"),
    ("epochs 0", "--epochs 0", "argument --epochs: expected a number above 0, got '0'"),
    ("epochs NaN", "--epochs nan", "argument --epochs: expected a number above 0, got 'nan'"),
    ("epochs infinite", "--epochs inf", "argument --epochs: expected a number above 0, got 'inf'"),
    ("epochs huge", "--recipe gaussian2d --epochs 1e307", "--epochs asks for more than a trillion steps; ask for fewer"),
    ("steps and epochs", "--steps 3 --epochs 1", "argument --epochs: not allowed with argument --steps"),
    ("batch size 0", "--batch-size 0", "argument --batch-size: expected a whole number of at least 1, got '0'"),
    ("batch size no number", "--batch-size many", "argument --batch-size: expected a whole number of at least 1, got 'many'"),
    (
        "batch larger than the data",
        "--recipe gaussian2d --batch-size 1001",
        "a batch of 1001 is more than gaussian2d holds (1000 samples); lower --b",
    ),
    ("batch huge", f"--recipe gaussian2d --set batch_size={HUGE}", f"a batch of {HUGE} is more than gaussian2d holds"),
    ("rate 0", "--lr 0", "option lr of quickstart: expected a number above 0, got '0'"),
    ("rate NaN", "--lr nan", "option lr of quickstart: expected a number above 0, got 'nan'"),
    ("rate negative", "--lr=-1e-3", "option lr of quickstart: expected a number above 0, got '-1e-3'"),
    ("one rate of two infinite", "--lr 1e-3,inf", "option lr of quickstart: expected a number above 0, got 'inf'"),
    ("three rates", "--lr 1e-3,1e-3,1e-3", "option lr of quickstart: expected one number or two, got '1e-3,1e-3,1e-3'"),
    ("half a pair of rates", "--lr 1e-3,", "option lr of quickstart: expected a number above 0, got ''"),
    ("beta1 of 1", "--beta1 1", "argument --beta1: expected a number from 0 to below 1, got '1'"),
    ("unknown mode", "--recipe wgan-gp-mnist --gp-mode both", "argument --gp-mode: invalid choice: 'both'"),
    ("mode that a recipe does not have", "--gp-mode train", "quickstart has no option 'gp_mode'; "),
    ("seed negative", "--seed -1", "argument --seed: expected a whole number of at least 0, got '-1'"),
    ("seed no number", "--seed 1.5", "argument --seed: expected a whole number of at least 0, got '1.5'"),
    ("checkpoints every 0 steps", "--checkpoint-every 0", "argument --checkpoint-every: expected a whole number of at least 1, got '0'"),
    ("kept every -1 steps", "--keep-every -1", "argument --keep-every: expected"),
    ("scored every 0 steps", "--score-every 0", "argument --score-every: expected a whole number of at least 1, got '0'"),
    ("unknown backend", "--backend cuda", "argument --backend: invalid choice: 'cuda'"),
    # --- recipes and their options
    ("unknown recipe", "--recipe mlp-minst", "no recipe 'mlp-minst'; did you mean mlp-mnist? the recipes are quickstart, "),
    ("unknown recipe to list", "--recipe dcgan --list", "no recipe 'dcgan'; "),
    ("recipe in capitals", "--recipe GAUSSIAN2D", "no recipe 'GAUSSIAN2D'; did you mean gaussian2d?"),
    ("recipe of two lines", ["--recipe", "a\nb"], "no recipe 'a\\nb'; the recipes are quickstart, "),
    ("set without =", "--set batch_size", "--set 'batch_size' is no assignment; write --set key=value"),
    ("set without a key", "--set =3", "--set '=3' is no assignment; write --set key=value"),
    ("set nothing", ["--set", ""], "--set '' is no assignment; write --set key=value"),
    ("set without a value", "--set batch_size=", "option batch_size of quickstart: expected a whole number of at least 1, got ''"),
    (
        "unknown option of a recipe",
        "--set batchsize=4",
        "quickstart has no option 'batchsize'; did you mean batch_size? its options are objective, batch_s",
    ),
    ("option of another recipe", "--recipe gaussian2d --set g_loss=mse", "gaussian2d has no option 'g_loss'; "),
    ("option with a dash", "--set batch-size=4", "quickstart has no option 'batch-size'; did you mean batch_size?"),
    ("what is no option", "--set name=mine", "quickstart has no option 'name'; "),
    ("field that is no option", "--recipe wgan-gp-mnist --set step_options=1", "wgan-gp-mnist has no option 'step_options'; "),
    ("whole number", "--set log_every=0.5", "option log_every of quickstart: expected a whole number of at least 1, got '0.5'"),
    ("whole number from 0", "--set shuffle_buffer=-1", "option shuffle_buffer of quickstart: expected a whole number of at least 0, got '-1'"),
    ("fraction", "--set beta2=1.5", "option beta2 of quickstart: expected a number from 0 to below 1, got '1.5'"),
    ("positive number", "--set eps=0", "option eps of quickstart: expected a number above 0, got '0'"),
    (
        "number from 0",
        "--recipe wgan-gp-mnist --set penalty_weight=-10",
        "option penalty_weight of wgan-gp-mnist: expected a number of at least 0, got",
    ),
    (
        "number from 0, infinite",
        "--recipe wgan-gp-mnist --set penalty_weight=inf",
        "option penalty_weight of wgan-gp-mnist: expected a number of at least",
    ),
    ("truth", "--set drop_last=maybe", "option drop_last of quickstart: expected true or false, got 'maybe'"),
    ("word", "--set pixels=scale", "option pixels of quickstart: expected scaled or raw, got 'scale'; did you mean scaled?"),
    ("objective", "--recipe ring2d --set objective=hinge", "option objective of ring2d: expected "),
    ("loss", "--recipe mlp-mnist --set g_loss=mae", "option g_loss of mlp-mnist: expected "),
    (
        "initial values",
        "--recipe dcgan-pokemon --set bn_init=one",
        "option bn_init of dcgan-pokemon: expected normal or ones or around-one, got 'one'; did",
    ),
    ("pair", "--set grid=3x", "option grid of quickstart: expected rows and columns, such as 3x10, got '3x'"),
    ("pair of too many", "--set grid=3x3x3", "option grid of quickstart: expected rows and columns, such as 3x10, got '3x3x3'"),
    ("grid huge", "--set grid=100000x100000", "option grid of quickstart: "),
    ("width huge", f"--recipe ring2d --set width={HUGE}", "option width of ring2d: "),
    ("n_critic huge", f"--recipe wgan-gp-paper --data MADE/digits --batch-size 4 --set n_critic={HUGE}", "option n_critic of wgan-gp-paper: "),
    ("colour", "--recipe dcgan-pokemon --data MADE/pictures --set background=whit", "there is no background 'whit'; give a colour's name"),
    # --- empty values
    *(
        (f"empty {option}", [f"--{option}", ""], f"--{option} is empty (an unset variable?); name something or leave it out")
        for option in ("recipe", "data", "data-dir", "out", "resume", "config", "lr")
    ),
    # --- data
    (
        "unknown data",
        "--data glyhps",
        "no data set and no file or folder is called 'glyhps'; did you mean 'glyphs'? the names are glyphs, sprites, mnist, ",
    ),
    ("no file of that name", "--data MADE/nothing.idx", "no data set and no file or folder is called 'MADE/nothing.idx'; the names are "),
    ("data under no user", "--data ~nosuchuser/digits", "no data set and no file or folder is called '~nosuchuser/digits'"),
    (
        "data not there",
        "--recipe mlp-mnist",
        "mnist: no file train-images-idx3-ubyte or train-images.idx3-ubyte, plain or .gz, in ../no-data/mnist or ../no-data; ",
    ),
    ("data not in the folder", "--recipe mlp-mnist --data-dir MADE/empty", "in MADE/empty/mnist or MADE/empty; fetch it with --download"),
    ("data-dir is a file", "--recipe mlp-mnist --data-dir MADE/text.txt", "in MADE/text.txt/mnist or MADE/text.txt; "),
    (
        "points for images",
        "--data gaussian2d",
        "the recipe quickstart needs samples of shape (28, 28, 1), and gaussian2d holds (2,); choose other data",
    ),
    (
        "images for points",
        "--recipe ring2d --data MADE/digits",
        "ring2d learns points, and MADE/digits is a folder, of images; choose another recipe, or leave --data out",
    ),
    ("images of another size", "--data MADE/wide.idx", "needs samples of shape (28, 28, 1), and wide.idx holds (32, 32, 1); choose other data"),
    ("grey for colour", "--recipe dcgan-pokemon --data MADE/digits", "needs samples of shape (64, 64, 3), and mnist holds (28, 28, 1); choose"),
    ("pictures for points", "--recipe gaussian2d --data MADE/pictures", "gaussian2d learns points, and MADE/pictures is a folder, of images; choose"),
    ("empty file", "--data MADE/empty.idx", "MADE/empty.idx is empty; fetch it again"),
    ("text for data", "--data MADE/text.txt", "MADE/text.txt is no IDX file: it begins with 0x"),
    (
        "file cut short",
        "--data MADE/cut.idx",
        "MADE/cut.idx is cut short: (40, 28, 28) of uint8 takes 31360 bytes, and 31350 follow the header; fetch it again",
    ),
    ("damaged gzip", "--data MADE/cut.gz", "MADE/cut.gz is a damaged gzip file"),
    ("labels for images", "--data MADE/labels.idx", "MADE/labels.idx holds uint8 (40,), no images; name a file of"),
    ("one image", "--data MADE/pictures/a.png", "MADE/pictures/a.png is a single image; name the folder that it lies in"),
    ("empty folder", "--recipe dcgan-pokemon --data MADE/empty", "there are no images in MADE/empty: no .png "),
    ("folder of unreadable files", "--recipe dcgan-pokemon --data MADE/broken", "none of the 2 images in MADE/broken can be read (a.png: "),
    ("too few pictures", "--recipe dcgan-pokemon --data MADE/pictures", "a batch of 256 is more than pictures holds (3 samples); lower --batch-size"),
    (
        "download of what is drawn",
        "--recipe gaussian2d --download",
        "gaussian2d: there is nothing to download; only mnist and fashion-mnist are fetched",
    ),
    ("download of a path", "--data MADE/digits --download", "MADE/digits: there is nothing to download; only mnist and fashion-mnist are fetched"),
    # --- where it goes
    (
        "out holds something",
        "--recipe gaussian2d --out MADE/run",
        "MADE/run is not empty, and a run is never overwritten; choose another --out, or go on",
    ),
    ("out is a file", "--recipe gaussian2d --out MADE/text.txt", "cannot write a run to MADE/text.txt: File exists; choose another --out"),
    (
        "out is under a file",
        "--recipe gaussian2d --out MADE/text.txt/a/b",
        "cannot write a run to MADE/text.txt/a/b: Not a directory; choose another",
    ),
    (
        "out cannot be made",
        "--recipe gaussian2d --out /proc/nope",
        "cannot write a run to /proc/nope: No such file or directory; choose another --out",
    ),
    ("out is too long", f"--recipe gaussian2d --out {LONG}", "File name too long; choose another --out"),
    # --- resume
    ("resume and config", "--resume MADE/run --config MADE/run/config.json", "argument --config: not allowed with argument --resume"),
    (
        "resume and out",
        "--resume MADE/run --out elsewhere",
        "--out elsewhere with --resume MADE/run: a resumed run stays where it is; leave --out out",
    ),
    ("resume what is not there", "--resume MADE/nothing", "there is no run MADE/nothing to resume; name the folder of one"),
    (
        "resume a file",
        "--resume MADE/run/checkpoint.npz",
        "--resume MADE/run/checkpoint.npz: a run is resumed by its folder; --resume MADE/run goes on",
    ),
    ("resume no run", "--resume MADE/pictures", "MADE/pictures holds no run (no checkpoint.npz and no config.json); name the folder of one"),
    ("resume too long a name", f"--resume {LONG}", "xxx to resume; name the folder of one"),
    ("resume of no user", "--resume ~nosuchuser/run", "there is no run ~nosuchuser/run to resume"),
    (
        "resume with another recipe",
        "--resume MADE/run --recipe ring2d",
        "--resume MADE/run cannot become another run: its recipe is 'gaussian2d', not 'ring2d'",
    ),
    (
        "resume with another seed",
        "--resume MADE/run --seed 7",
        "cannot become another run: its seed is 0, not 7; leave that out, or train anew without",
    ),
    ("resume with other data", "--resume MADE/run --data ring2d", "cannot become another run: its data is 'gaussian2d', not 'ring2d'"),
    ("resume with another batch", "--resume MADE/run --batch-size 4", "cannot become another run: its batch_size is 8, not 4; leave that out"),
    ("resume with another option", "--resume MADE/run --set beta1=0.5", "cannot become another run: its beta1 is 0.9, not 0.5; leave that out"),
    ("resume with two others", "--resume MADE/run --lr 1 --seed 2", "its seed is 0, not 2; its lr is (0.005, 0.05), not (1.0, 1.0); leave that out"),
    ("resume with fewer steps", "--resume MADE/run --steps 5", "MADE/run has made 9 steps"),
    ("resume with changed data", "--resume MADE/changed", "--resume MADE/changed: its data were 40 samples of images.idx (28, 28, 1) (checksum "),
    ("resume a cut checkpoint", "--resume MADE/cut", "MADE/cut/checkpoint.npz is damaged, or no checkpoint of nanogan"),
    ("resume a flipped checkpoint", "--resume MADE/flipped", "MADE/flipped/checkpoint.npz is damaged, or no checkpoint of nanogan"),
    ("resume an empty checkpoint", "--resume MADE/void", "MADE/void/checkpoint.npz is damaged, or no checkpoint of nanogan; "),
    ("resume a text", "--resume MADE/text", "MADE/text/checkpoint.npz is damaged, or no checkpoint of nanogan; "),
    ("resume any zip", "--resume MADE/zip", "MADE/zip/checkpoint.npz is damaged, or no checkpoint of nanogan"),
    (
        "resume arrays without header",
        "--resume MADE/foreign",
        "MADE/foreign/checkpoint.npz is damaged, or no checkpoint of nanogan (it has no header)",
    ),
    (
        "resume pickled arrays",
        "--resume MADE/pickled",
        "MADE/pickled/checkpoint.npz is damaged, or no checkpoint of nanogan (ValueError: Object arrays",
    ),
    ("resume a pickle", "--resume MADE/pickle", "MADE/pickle/checkpoint.npz is damaged, or no checkpoint of nanogan; "),
    ("resume a later format", "--resume MADE/later", "was written in the format 'nanogan 9', and this version of nanogan reads 'nanogan 1'; update"),
    ("resume a generator", "--resume MADE/networks", "MADE/networks/checkpoint.npz names no recipe; "),
    ("resume other networks", "--resume MADE/swapped", "MADE/swapped/checkpoint.npz does not fit the networks of this version's recipe gaussian2d ("),
    # --- config
    (
        "config not there",
        "--config MADE/nothing.json",
        "there is no file MADE/nothing.json to read (No such file or directory); name the config.json of a run",
    ),
    ("config of a folder without", "--config MADE/empty", "there is no file MADE/empty/config.json to read"),
    ("config too long a name", f"--config {LONG}", "to read (File name too long); name the config.json of a run"),
    ("config no JSON", "--config MADE/text.txt", "MADE/text.txt is no JSON ("),
    ("config binary", "--config MADE/run/checkpoint.npz", "MADE/run/checkpoint.npz is no JSON ("),
    ("config nested too deep", "--config MADE/deep.json", "MADE/deep.json is no JSON ("),
    ("config a list", "--config MADE/list.json", "MADE/list.json names no recipe; give the config.json of a run"),
    ("config without a recipe", "--config MADE/norecipe.json", "MADE/norecipe.json names no recipe; give the config.json of a run"),
    ("config with an unknown recipe", "--config MADE/unknown.json", "no recipe 'dcgan-minst'; did you mean dcgan-mnist?"),
    ("config with an unknown key", "--config MADE/key.json", "MADE/key.json: 'sed' is no setting of a run; the settings are recipe, options"),
    ("config of a wrong type", "--config MADE/type.json", "MADE/type.json: steps is 'many', which it cannot be; give the config.json of a run"),
    ("config with a negative seed", "--config MADE/seed.json", "MADE/seed.json: seed is -1, which it cannot be; give the config.json of a run"),
    ("config with a wrong option", "--config MADE/option.json", "gaussian2d has no option 'widht'; "),
    ("config with a wrong value", "--config MADE/value.json", "option batch_size of gaussian2d: expected a whole number of at least 1, got '[8]'"),
    ("config with a wrong backend", "--config MADE/backend.json", "MADE/backend.json: backend is 'tpu'; choose numpy, cupy or auto"),
    ("config with a NaN", "--config MADE/nan.json", "MADE/nan.json: steps is nan, which it cannot be"),
]
if gpu_problem() is not None:
    TRAIN.append(("cupy without a GPU", "--recipe gaussian2d --backend cupy", "the backend cupy cannot be used: "))

SAMPLE = [
    ("no path", "", "the following arguments are required: RUN_OR_CHECKPOINT (python -m nanogan.sample -h lists what it takes)"),
    ("empty path", [""], "RUN_OR_CHECKPOINT is empty (an unset variable?); name something"),
    ("empty out", ["MADE/images", "--out", ""], "--out is empty (an unset variable?); name something"),
    ("unknown option", "MADE/images --gird 3x3", "unknown option '--gird'; did you mean --grid?"),
    ("path not there", "MADE/nothing", "there is no run or file MADE/nothing; check its name, or train first"),
    ("path too long", LONG, "xxx cannot be read (File name too long); check its name"),
    ("path of no user", "~nosuchuser/run", "there is no run or file ~nosuchuser/run; check its name"),
    ("path under a file", "MADE/text.txt/run", "there is no run or file MADE/text.txt/run; check its name, or train first"),
    (
        "folder without a run",
        "MADE/pictures",
        "MADE/pictures holds no checkpoint.npz and no generator.npz; name the folder of a run that has saved one",
    ),
    ("critic", "MADE/images/critic.npz", "MADE/images/critic.npz holds no generator; name a run's folder, or its checkpoint.npz"),
    ("config", "MADE/images/config.json", "MADE/images/config.json is damaged, or no checkpoint of nanogan; name a run's folder"),
    ("cut generator", "MADE/cut.npz", "MADE/cut.npz is damaged, or no checkpoint of nanogan"),
    ("flipped generator", "MADE/flipped/checkpoint.npz", "MADE/flipped/checkpoint.npz is damaged, or no checkpoint of nanogan"),
    ("text", "MADE/text.txt", "MADE/text.txt is damaged, or no checkpoint of nanogan; name a run's folder"),
    ("any zip", "MADE/zip/checkpoint.npz", "MADE/zip/checkpoint.npz is damaged, or no checkpoint of nanogan"),
    ("arrays without header", "MADE/foreign/checkpoint.npz", "is damaged, or no checkpoint of nanogan (it has no header)"),
    (
        "pickled arrays",
        "MADE/pickled/checkpoint.npz",
        "is damaged, or no checkpoint of nanogan (ValueError: Object arrays cannot be loaded when allow_pickle=False)",
    ),
    ("networks of another recipe", "MADE/swapped/checkpoint.npz", "MADE/swapped/checkpoint.npz does not fit this version of nanogan ("),
    ("recipe of another version", "MADE/unknown.npz", "MADE/unknown.npz does not fit this version of nanogan (no recipe 'dcgan-9'; "),
    ("grid of no rows", "MADE/images --grid 0x3", "argument --grid: expected rows and columns, such as 3x10, got '0x3'"),
    ("half a grid", "MADE/images --grid 3x", "argument --grid: expected rows and columns, such as 3x10, got '3x'"),
    ("grid of words", "MADE/images --grid axb", "argument --grid: expected rows and columns, such as 3x10, got 'axb'"),
    ("grid in space", "MADE/images --grid 3x3x3", "argument --grid: expected rows and columns, such as 3x10, got '3x3x3'"),
    ("grid too large", "MADE/images --grid 1000x1000", "argument --grid: expected at most 10,000 places, got '1000x1000'"),
    ("grid of points too large", "MADE/run --grid 1000x1000", "argument --grid: expected at most 10,000 places, got "),
    ("seed", "MADE/images --seed -1", "argument --seed: expected a whole number of at least 0, got '-1'"),
    ("no images", "MADE/images --images 0", "argument --images: expected a whole number of at least 1, got '0'"),
    ("too many images", "MADE/images --images 10001 --out many", "that would be 10,001 images, and 10,000 at a time is the most; ask for fewer"),
    ("images in a grid", "MADE/images --images 3 --grid 1x3", "--grid and --images exclude each other: single images lie in no grid; leave one out"),
    ("images and a walk", "MADE/images --images 3 --interpolate", "argument --interpolate: not allowed with argument --images"),
    (
        "images into a file",
        "MADE/images --images 3 --out MADE/text.txt",
        "MADE/text.txt is a file, and --images needs a folder; choose another --out",
    ),
    (
        "images under a file",
        "MADE/images --images 3 --out MADE/text.txt/a",
        "the folder MADE/text.txt/a cannot be made (Not a directory); choose another --out",
    ),
    ("images into too long a name", f"MADE/images --images 3 --out {LONG}", "cannot be made (File name too long); choose another --out"),
    ("way without a walk", "MADE/images --path linear", "--path is of a walk; add --interpolate, or leave it out"),
    ("frames without a walk", "MADE/images --frames 3", "--frames is of a walk; add --interpolate, or leave it out"),
    ("unknown way", "MADE/images --interpolate --path round", "argument --path: invalid choice: 'round'"),
    (
        "frames of a PNG",
        "MADE/images --interpolate --frames 3 --out walk.png",
        "--frames is of a GIF, and walk.png is none; its columns are the frames of a walk",
    ),
    ("no frames", "MADE/images --interpolate --frames 0", "argument --frames: expected a whole number of at least 1, got '0'"),
    ("too many frames", "MADE/images --interpolate --frames 500", "images, and 10,000 at a time is the most; ask for fewer"),
    (
        "walk of one image",
        "MADE/images --interpolate --grid 3x1 --out walk.png",
        "a walk of 1 image goes nowhere; ask for 2 columns or more with --grid",
    ),
    ("points that walk", "MADE/run --interpolate", "MADE/run generates points, not images; leave --interpolate out"),
    ("points as images", "MADE/run --images 3", "MADE/run generates points, not images; leave --images out"),
    ("unknown ending", "MADE/images --out new/samples.xyz", "new/samples.xyz: its ending names no kind of picture; choose a name that ends in .png"),
    (
        "walk of unknown ending",
        "MADE/images --interpolate --out new/walk.mp4",
        "new/walk.mp4: its ending names no kind of picture; choose a name that ends in",
    ),
    (
        "points of unknown ending",
        "MADE/run --out new/points.gif",
        "new/points.gif: its ending names no kind of picture; choose a name that ends in .png",
    ),
    ("no ending", "MADE/images --out new/samples", "new/samples: its ending names no kind of picture; choose a name that ends in .png"),
    ("out under a file", "MADE/images --out MADE/text.txt/a.png", "the folder MADE/text.txt cannot be made (File exists); choose another --out"),
    ("out cannot be written", "MADE/images --out /proc/nope.png", "cannot write /proc/nope.png: No such file or directory; choose another name"),
    (
        "out under a folder that cannot be made",
        "MADE/images --out /proc/nope/a.png",
        "the folder /proc/nope cannot be made (No such file or directory); ",
    ),
    ("out too long", f"MADE/images --out {LONG}.png", "xxx.png: File name too long; choose another name"),
]
EVALUATE = [
    ("nothing", "", "nothing to score is named; name a run's folder, a checkpoint.npz, or an .npz of images"),
    ("empty path", [""], "RUN_OR_CHECKPOINT is empty (an unset variable?); name something"),
    *(
        (f"empty {option}", ["MADE/run", f"--{option}", ""], f"--{option} is empty (an unset variable?)")
        for option in ("data", "data-dir", "out", "lenet")
    ),
    ("unknown option", "--sampels 3", "unknown option '--sampels'; did you mean --samples?"),
    ("path not there", "MADE/nothing", "there is no run or file MADE/nothing; check its name, or train first"),
    ("path too long", LONG, "xxx cannot be read (File name too long); check its name"),
    ("path of no user", "~nosuchuser/run", "there is no run or file ~nosuchuser/run; check its name"),
    ("folder without a run", "MADE/pictures", "MADE/pictures holds no checkpoint.npz and no generator.npz; name the folder of a run"),
    ("one good path of two", "MADE/run MADE/nothing", "there is no run or file MADE/nothing; check its name, or train first"),
    ("critic", "MADE/images/critic.npz", "MADE/images/critic.npz holds no generator; name a run's folder, or its checkpoint.npz"),
    ("cut generator", "MADE/cut.npz", "MADE/cut.npz is damaged, or no checkpoint of nanogan"),
    ("any zip", "MADE/zip/checkpoint.npz", "MADE/zip/checkpoint.npz is damaged, or no checkpoint of nanogan"),
    (
        "arrays without images",
        "MADE/foreign/checkpoint.npz",
        "MADE/foreign/checkpoint.npz holds 'weight', which is neither networks of nanogan nor images; images ",
    ),
    ("array without a name", "MADE/array.npy", "MADE/array.npy is one array without a name; images must be called `images`, uint8 (N, H, W)"),
    (
        "images of floats",
        "MADE/floats.npz",
        "MADE/floats.npz: its images are float64 (12, 28, 28); they must be uint8, 0...255: (x * 255).astype('uint8')",
    ),
    ("few images", "MADE/few.npz", "MADE/few.npz: its images are uint8 (9, 28, 28, 1); they must be (N, H, W) or (N, H, W, C), ten or more"),
    ("generator of no numbers", "MADE/run MADE/nan.npz", "MADE/nan.npz: gaussian2d: the generator makes values that are not finite"),
    ("pickled images", "MADE/objects.npz", "MADE/objects.npz cannot be read (ValueError: Object arrays cannot be loaded"),
    ("images without their data", "MADE/made.npz", "mnist: no file "),
    ("images like nothing known", "MADE/small.npz", "nobody knows what MADE/small.npz is to be like; name its data with --data"),
    (
        "other data",
        "MADE/run MADE/images",
        "what is given is to be like different data (MADE/run: gaussian2d, MADE/images: MADE/digits); name one with",
    ),
    ("other shapes", "MADE/run MADE/images --data glyphs", "what is given is of different shapes (MADE/run: (2,), MADE/images: (28, 28, 1)); "),
    (
        "points as images",
        "MADE/run --data glyphs --samples 10",
        "samples of (2,) cannot be held against glyphs, which holds (28, 28, 1); --data names",
    ),
    ("unknown data", "MADE/run --data glyhps", "no data set and no file or folder is called 'glyhps'; did you mean 'glyphs'?"),
    ("two in one file", "MADE/run MADE/run --out scores", "two of what is given would be told of in one file, "),
    ("no samples", "MADE/run --samples 0", "argument --samples: expected a whole number of at least 1, got '0'"),
    ("few samples", "MADE/run --samples 9", "--samples 9 are too few to say anything; ask for 10 or more, 10,000 to compare"),
    ("many samples", f"MADE/run --samples {10**400}", "--samples asks for more than anybody compares; ask for 1,000,000 or fewer"),
    ("seed", "MADE/run --seed -1", "argument --seed: expected a whole number of at least 0, got '-1'"),
    ("unknown backend", "MADE/run --backend tpu", "argument --backend: invalid choice: 'tpu'"),
    (
        "network of points",
        "MADE/run --samples 10 --lenet MADE/lenet.npz",
        "--lenet MADE/lenet.npz: gaussian2d holds points, which no network is asked about",
    ),
    ("no network", "MADE/images --samples 10 --lenet MADE/made.npz", "MADE/made.npz holds no LeNet, for it has no array 'out.bias'; "),
    ("no archive", "MADE/images --samples 10 --lenet MADE/text.txt", "MADE/text.txt holds no LeNet, for it is no .npz file; python -m nanogan.eval"),
    (
        "no network there",
        "MADE/images --samples 10 --lenet MADE/nothing",
        "MADE/nothing cannot be read (No such file or directory); python -m nanogan.eval",
    ),
    ("out is a file", "MADE/run --samples 10 --out MADE/text.txt", "the folder MADE/text.txt cannot be made (File exists); choose another --out"),
    (
        "out under a file",
        "MADE/run --samples 10 --out MADE/text.txt/a",
        "the folder MADE/text.txt/a cannot be made (Not a directory); choose another",
    ),
    ("out too long", f"MADE/run --samples 10 --out {LONG}", "xxx cannot be made (File name too long); choose another --out"),
    ("out cannot be written", "MADE/run --samples 10 --out /proc", "nothing can be written to /proc ("),
    ("nothing to fetch", "MADE/run --samples 10 --download", "gaussian2d: there is nothing to download; only mnist and fashion-mnist are fetched"),
    ("paths to calibrate", "MADE/run --calibrate", "--calibrate scores nothing but real images, and 'MADE/run"),
    ("points to calibrate", "--calibrate --data ring2d", "--calibrate is of images, and ring2d holds points; choose another --data"),
    ("nothing to calibrate", "--calibrate --data-dir MADE/empty", "mnist: no file "),
    ("calibration cannot be written", "--calibrate --out /proc", "nothing can be written to /proc ("),
    ("two at once", "--calibrate --train-lenet", "argument --train-lenet: not allowed with argument --calibrate"),
    ("paths to train on", "MADE/run --train-lenet", "--train-lenet scores nothing but real images, and 'MADE/run"),
    ("images too few", "--train-lenet --data MADE/pictures", "MADE/pictures: half of the 3 images would be held out, and 4 is the least"),
    ("points to train on", "--train-lenet --data ring2d", "LeNet learns the labels of images of (28, 28, 1), and ring2d holds (2,) with labels"),
    (
        "images without labels",
        "--train-lenet --data MADE/wide.idx",
        "LeNet learns the labels of images of (28, 28, 1), and wide.idx holds (32, 32, 1) without lab",
    ),
    ("a network as JSON", "--train-lenet --json", "--train-lenet makes a network and scores nothing; leave --json out"),
    ("a network of a network", "--train-lenet --lenet MADE/lenet.npz", "--train-lenet makes a network and scores nothing; leave --lenet out"),
    ("network cannot be written", "--train-lenet --data MADE/digits --out /proc/lenet.npz", "nothing can be written to /proc ("),
]
DIAGNOSE = [
    ("no path", "", "the following arguments are required: RUN "),
    ("empty path", [""], "RUN is empty (an unset variable?); name the folder of a run"),
    ("two paths", "MADE/run MADE/images", "unexpected argument "),
    ("unknown option", "MADE/run --jsn", "unknown option '--jsn'; did you mean --json?"),
    ("path not there", "MADE/nothing", "MADE/nothing is no folder; name that of a run, such as runs/quickstart-1"),
    ("path too long", LONG, "xxx is no folder; name that of a run"),
    ("path of no user", "~nosuchuser/run", "~nosuchuser/run is no folder; name that of a run"),
    ("file", "MADE/run/checkpoint.npz", "MADE/run/checkpoint.npz is no folder; name that of a run"),
    ("folder without a run", "MADE/pictures", "MADE/pictures holds no run (there is no config.json in it); name the folder of one, such as runs/qui"),
    ("config that is no JSON", "MADE/noconfig", "MADE/noconfig/config.json is no JSON ("),
    ("config of an unknown recipe", "MADE/norecipe", "no recipe 'dcgan-minst'; did you mean dcgan-mnist?"),
    ("cut checkpoint", "MADE/cutrun", "MADE/cutrun/checkpoint.npz is damaged, or no checkpoint of nanogan"),
    (
        "checkpoint of another recipe",
        "MADE/otherrun",
        "otherrun/checkpoint.npz is of the recipe quickstart, and config.json says gaussian2d; put back",
    ),
    ("generator as checkpoint", "MADE/halfrun", "MADE/halfrun/checkpoint.npz does not fit the recipe gaussian2d of this version ("),
    ("no samples", "MADE/run --samples 0", "argument --samples: expected a whole number of at least 1, got '0'"),
    ("few samples", "MADE/run --samples 31", "--samples: fewer than 32 say nothing, and more than 2,000 no more; choose a number between"),
    ("many samples", f"MADE/run --samples {10**400}", "--samples: fewer than 32 say nothing, and more than 2,000 no more; choose"),
    ("unknown backend", "MADE/run --backend tpu", "argument --backend: invalid choice: 'tpu'"),
]
if gpu_problem() is not None:
    for rows in (SAMPLE, EVALUATE, DIAGNOSE):
        rows.append(("cupy without a GPU", "MADE/images --backend cupy", "the backend cupy cannot be used: "))

TABLES = {"train": TRAIN, "sample": SAMPLE, "evaluate": EVALUATE, "diagnose": DIAGNOSE}
ROWS = {f"{command}: {row[0]}": (command, *row[1:]) for command, rows in TABLES.items() for row in rows}
GAUSSIAN = {"recipe": "gaussian2d"}
CONFIGS = {
    "list": [GAUSSIAN], "norecipe": {"seed": 1}, "unknown": {"recipe": "dcgan-minst"}, "key": GAUSSIAN | {"sed": 1}, "type": GAUSSIAN | {"steps": "many"},
    "seed": GAUSSIAN | {"seed": -1}, "option": GAUSSIAN | {"options": {"widht": 1}}, "value": GAUSSIAN | {"options": {"batch_size": [8]}},
    "backend": GAUSSIAN | {"backend": "tpu"}, "nan": GAUSSIAN | {"steps": float("nan")},
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with two runs, good and bad data, and whatever a checkpoint or a config.json should not be."""
    made = tmp_path_factory.mktemp("made")
    assert call(train, "--recipe", "gaussian2d", "--steps", 9, "--out", made / "run") == 0
    images = write_digits(made / "digits")
    assert call(train, "--data", made / "digits", "--set", "grid=1x2", "--batch-size", 4, "--steps", 1, "--out", made / "images") == 0
    make_data(made, images)
    make_checkpoints(made)
    make_images(made)
    make_sick_runs(made)
    for name, config in CONFIGS.items():
        (made / f"{name}.json").write_text(json.dumps(config))
    (made / "deep.json").write_text("[" * 100_000)
    return made


def make_data(made, images):
    (made / "empty").mkdir()
    (made / "text.txt").write_text("mine\n")
    whole = idx(images)
    (made / "wide.idx").write_bytes(idx(np.zeros((40, 32, 32), np.uint8)))
    (made / "labels.idx").write_bytes(idx(np.zeros(40, np.uint8)))
    (made / "empty.idx").write_bytes(b"")
    (made / "cut.idx").write_bytes(whole[:-10])
    (made / "cut.gz").write_bytes(gzip.compress(whole)[:-40])
    for folder in ("pictures", "broken"):
        (made / folder).mkdir()
    for name in "abc":
        Image.new("RGB", (20, 30), "teal").save(made / "pictures" / f"{name}.png")
    for name in "ab":
        (made / "broken" / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (made / "images.idx").write_bytes(whole)
    assert call(train, "--data", made / "images.idx", "--set", "grid=1x2", "--batch-size", 4, "--steps", 1, "--out", made / "changed") == 0
    (made / "images.idx").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


def make_checkpoints(made):
    def folder(name, content):
        (made / name).mkdir()
        (made / name / "checkpoint.npz").write_bytes(content)

    def arrays(name, header, **more):
        (made / name).mkdir(exist_ok=True)
        with np.load(made / "run" / "checkpoint.npz") as archive:
            kept = {key: archive[key] for key in archive.files if key != "header.json"}
            said = json.loads(archive["header.json"].tobytes()) | {"arrays": list(kept | more)} | header
        np.savez(made / name / "checkpoint.npz", **{"header.json": np.frombuffer(json.dumps(said).encode(), np.uint8)}, **(kept | more))

    whole = (made / "run" / "checkpoint.npz").read_bytes()
    place = whole.index(b"\x93NUMPY", len(whole) // 4) + 129  # the second byte of an array, after the 128 that describe it
    folder("cut", whole[: len(whole) // 2])
    folder("flipped", whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    folder("void", b"")
    folder("text", b"weights\n")
    folder("pickle", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94.")
    folder("networks", (made / "run" / "generator.npz").read_bytes())
    for name in ("zip", "foreign", "pickled"):
        (made / name).mkdir()
    with zipfile.ZipFile(made / "zip" / "checkpoint.npz", "w") as archive:
        archive.writestr("header.json", "{}")
    np.savez(made / "foreign" / "checkpoint.npz", weight=np.zeros(3))
    np.savez(made / "pickled" / "checkpoint.npz", **{"header.json": np.array([{}], dtype=object)})
    arrays("later", {"format": "nanogan 9"})
    arrays("swapped", {}, **{"generator/dense_1.weight": np.zeros((3, 3), np.float32), "generator/0.weight": np.zeros((3, 3), np.float32)})
    arrays("unknown", {"recipe": "dcgan-9"})
    arrays("nan", {}, **{"generator/dense_1.weight": np.full((2, 2), np.nan, np.float32)})
    (made / "nan" / "checkpoint.npz").rename(made / "nan.npz")
    (made / "unknown" / "checkpoint.npz").rename(made / "unknown.npz")
    (made / "cut.npz").write_bytes((made / "images" / "generator.npz").read_bytes()[:-100])


def make_images(made):
    images = np.zeros((12, 28, 28), np.uint8)
    for name, some in {
        "made": images,
        "floats": images.astype(float),
        "few": images[:9],
        "small": images[:, :9, :9],
        "objects": np.array([None]),
    }.items():
        np.savez(made / f"{name}.npz", images=some)
    np.save(made / "array.npy", images)


def make_sick_runs(made):
    run = made / "run"
    texts = {name: (run / "config.json").read_bytes() for name in ("cutrun", "halfrun", "otherrun")}
    for name, text in (texts | {"noconfig": b"{", "norecipe": b'{"recipe": "dcgan-minst"}'}).items():
        (made / name).mkdir()
        (made / name / "config.json").write_bytes(text)
    (made / "cutrun" / "checkpoint.npz").write_bytes((run / "checkpoint.npz").read_bytes()[:-100])
    (made / "otherrun" / "checkpoint.npz").write_bytes((made / "images" / "checkpoint.npz").read_bytes())
    (made / "halfrun" / "checkpoint.npz").write_bytes((run / "generator.npz").read_bytes())


FORKS = """
import json, os, sys, tempfile
from nanogan import diagnose, evaluate, sample, train
from nanogan.gan import command

for line in sys.stdin:
    name, argv, folder = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.chdir(folder)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(command.run(vars()[name].main, argv))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    print(json.dumps([status, *texts]), flush=True)
"""  # a Python that has imported all there is to import by then, and becomes one command after another


@pytest.fixture(scope="module")
def outcomes(made, tmp_path_factory):
    """name of a row -> (the finished process, what its folder holds now).  None -> what ``made`` held before."""
    before, variables = tree(made), environment(NANOGAN_DATA="../no-data")
    rows = {name: (command, *line_of(argv, made, tmp_path_factory)) for name, (command, argv, _) in ROWS.items()}
    if hasattr(os, "fork"):
        text = "".join(json.dumps([command, argv, str(here)]) + "\n" for command, argv, here in rows.values())
        done = subprocess.run([sys.executable, "-c", FORKS], input=text, capture_output=True, text=True, env=variables, timeout=300)
        said = [
            types.SimpleNamespace(**dict(zip(("returncode", "stdout", "stderr"), json.loads(line), strict=True))) for line in done.stdout.splitlines()
        ]
        assert done.returncode == 0, done.stderr
    else:
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            said = pool.map(lambda row: process(row[0], *row[1], cwd=row[2], env=variables), rows.values())
    return {name: (done, tree(here)) for (name, (*_, here)), done in zip(rows.items(), said, strict=True)} | {None: before}


def line_of(argv, made, tmp_path_factory):
    """(the words of a command's line, a folder for it)."""
    return [word.replace("MADE", str(made)) for word in (argv.split() if isinstance(argv, str) else argv)], tmp_path_factory.mktemp("here")


@pytest.mark.parametrize("command", TABLES)
def test_a_command_in_a_python_of_its_own(command, here):
    done = process(command, "--stpes", cwd=here)
    assert (done.returncode, done.stdout, tree(here)) == (2, "", {})
    assert done.stderr.startswith("nanogan: error: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ROWS)
def test_a_mistake_is_one_line_and_leaves_nothing(name, outcomes, made):
    done, left = outcomes[name]
    line, said = done.stderr, ROWS[name][2].replace("MADE", str(made))
    assert (done.returncode, done.stdout, left) == (2, "", {}), line
    assert line.startswith("nanogan: error: ") and line.endswith("\n") and line.count("\n") == 1 and "Traceback" not in line, line
    assert said in line
    assert any(mark in line for mark in ("; ", "? ", "expected ", "-h lists what it takes")), "it says what is wrong, and not what to do"
    assert len(line) - len(LONG) * line.count(LONG) - len(str(made)) * line.count(str(made)) < 500, "that is a long line"


def test_nothing_that_was_there_has_changed(outcomes, made):
    after = tree(made)
    assert [name for name in outcomes[None] | after if outcomes[None].get(name, "") != after.get(name, "")] == []


def test_the_table_is_long_and_knows_every_option():
    assert len(ROWS) >= 120
    words = " ".join(argv if isinstance(argv, str) else " ".join(argv) for _, argv, _ in ROWS.values())
    actions = [action for module in (train, evaluate) for action in module.parser()._actions]
    takes_a_value = [action for action in actions if action.option_strings and action.nargs != 0]
    assert [action.option_strings[0] for action in takes_a_value if not any(option in words for option in action.option_strings)] == []
    kinds = {type(value) for name in recipes.names() for value in recipes.get(name).options().values()}
    assert kinds == {int, float, bool, str, tuple}  # each has its rows above
