"""The pictures of the front page in nbs/images: traversal.webp, one frame of it for who wants no motion, and reconstructions.png, Figure 5

    python tools/hero.py            from the runs that come with the package; seconds, no training

One test image, encoded by the four models of Fashion-MNIST. A cell is a unit of a code, and in it that unit alone walks from two spreads
below its mean to two above and back, while the other nine stay as the image has them. The spread is the standard deviation of z over the
test set, so a unit that says nothing is asked to walk as far as any other. Units are in the order of their KL, the most telling first.
"""
import io, sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from muvae.data import load
from muvae.experiments import load_run
from muvae.figures import fig_05
from muvae.paper import PAPER_MODELS
from muvae.plots import COLORS, INK, NAMES, style
from muvae.widgets import code_spread

START, REACH, FRAMES, PERIOD = 'T-shirt/top', 2., 40, 4.  # class of the image, spreads, frames of a loop, its seconds
CELL, GAP, PAD, BETWEEN, HEAD, TRACK, FOOT, COLS = 84, 4, 9, 24, 58, 30, 34, 2  # pixels; units in a row
LIMIT, DARK, SAME = 400_000, (17, 18, 21), .004         # bytes; ground of the panels; a change of one grey level is none
ROWS = 10//COLS
PANEL = COLS*CELL + (COLS - 1)*GAP + 2*PAD
WIDTH, BOTTOM = 4*PANEL + 3*BETWEEN, HEAD + ROWS*(CELL + GAP) - GAP + 2*PAD + TRACK
HEIGHT = BOTTOM + FOOT


def spreads(frame): return REACH*np.sin(2*np.pi*frame/FRAMES)


@torch.no_grad()
def walks(run):
    "(frames, units, 28, 28): in each unit's column that unit walks"
    spread, kl, model = code_spread(run), torch.tensor(run.results['kl_per_dim']), run.model()
    start, mean, std = (torch.tensor(o) for o in (spread['starts'][START], spread['mean'], spread['std']))
    order, frames = kl.argsort(descending=True).tolist(), []
    for frame in range(FRAMES):
        z = start.repeat(len(order), 1)
        for row, unit in enumerate(order): z[row, unit] = mean[unit] + spreads(frame)*std[unit]
        frames.append(model.decode(z)[:, 0])
    return torch.stack(frames).numpy()


def rgb(color): return tuple(int(color[i:i+2], 16) for i in (1, 3, 5))


def tinted(image, color):
    "A grey image as RGB: near-black to white, with a breath of the model's colour between"
    full = np.stack([np.interp(image, (0, .6, 1), stops) for stops in zip(DARK, rgb(color), (255, 255, 255))], -1)
    grey = DARK + (255 - np.array(DARK))*image[..., None]
    return Image.fromarray((.25*full + .75*grey).round().clip(0, 255).astype('uint8'))


def left(panel): return panel*(PANEL + BETWEEN)


def smooth(size, draw, scale=4):
    "A picture that `draw` makes four times as large"
    big = Image.new('RGBA', tuple(scale*v for v in size), (*DARK, 0))
    draw(ImageDraw.Draw(big), lambda *box: [round(scale*v) for v in box])
    return big.resize(size, Image.Resampling.LANCZOS)


def still(runs):
    "What does not move: names, how many units are active, the panels, the line below"
    def panels(pen, at):
        for i in range(4): pen.rounded_rectangle(at(left(i), HEAD, left(i) + PANEL, BOTTOM), at(12)[0], fill=(*DARK, 255))
    with style():
        fig = Figure(figsize=(WIDTH/100, HEIGHT/100), dpi=100)
        def say(x, y, text, size, **kw): fig.text(x/WIDTH, 1 - y/HEIGHT, text, size=size*.72, va='baseline', **kw)
        for i, (m, r) in enumerate(zip(PAPER_MODELS, runs)):
            say(left(i) + 2, 20, NAMES[m].replace(' (β = 4)', ', β = 4'), 19, color=COLORS[m], weight='bold')
            say(left(i) + 2, 45, f"{sum(v > .01 for v in r.results['unit_variance'])} of {r.config.latent} units active", 15.5)
        line = f'each picture walks one unit of the code, ±{REACH:g} of that unit’s standard deviations'
        say(WIDTH/2, HEIGHT - 7, line, 15.5, ha='center')
        words = io.BytesIO()
        fig.savefig(words, dpi=100, transparent=True)
    out = smooth((WIDTH, HEIGHT), panels)
    out.alpha_composite(Image.open(words).convert('RGBA'))
    return out


def track(frame, color):
    "Where the walk is, from one end to the other"
    half, w = PANEL/2, PANEL/2 - PAD - 14
    x = half + w*spreads(frame)/REACH
    def draw(pen, at):
        pen.rectangle(at(0, 0, PANEL, TRACK), fill=(*DARK, 255))
        pen.rectangle(at(half - w, TRACK/2 - .75, half + w, TRACK/2 + .75), fill=(*rgb(INK), 255))
        for k in -1, 0, 1: pen.rectangle(at(half + k*w - .75, TRACK/2 - 4, half + k*w + .75, TRACK/2 + 4), fill=(*rgb(INK), 255))
        pen.ellipse(at(x - 6, TRACK/2 - 6, x + 6, TRACK/2 + 6), fill=(*rgb(color), 255))
    return smooth((PANEL, TRACK), draw).convert('RGB')


def picture(frame, ground, moves, shown=None):
    "`ground` with the cells of `frame`; where `shown` has what each cell shows now, only those that look different by now, and noted there"
    out = ground.copy()
    for i, (m, walk) in enumerate(zip(PAPER_MODELS, moves)):
        for unit, image in enumerate(walk[frame]):
            if shown is not None and np.abs(image - shown[i, unit]).mean() < SAME: continue
            if shown is not None: shown[i, unit] = image
            cell = tinted(image, COLORS[m]).resize((CELL, CELL), Image.Resampling.BICUBIC)
            out.paste(cell, (left(i) + PAD + unit % COLS*(CELL + GAP), HEAD + PAD + unit//COLS*(CELL + GAP)))
        out.paste(track(frame, COLORS[m]), (left(i), BOTTOM - PAD - TRACK))
    return out


def chunk(tag, data): return tag + len(data).to_bytes(4, 'little') + data + b'\0'*(len(data) % 2)


def encoded(image, quality):
    "The chunks of `image` as a WebP that say what it looks like: ALPH and VP8"
    out, found, at = io.BytesIO(), [], 12
    image.save(out, 'webp', quality=quality, method=4)
    data = out.getvalue()
    while at < len(data):
        tag, size = data[at:at+4], int.from_bytes(data[at+4:at+8], 'little')
        if tag in (b'ALPH', b'VP8 ', b'VP8L'): found.append(chunk(tag, data[at+8:at+8+size]))
        at += 8 + size + size % 2
    return b''.join(found)


def animation(frames, quality):
    """An animated WebP of `frames`: the first whole, the others laid over it, panels alone.

    Pillow's own encoder decides by the pixel what has changed, which leaves blocks in dark cloth; here it is whole cells."""
    def le(value, size=3): return int(value).to_bytes(size, 'little')
    def anmf(image, y=0):
        place = le(0) + le(y//2) + le(image.width - 1) + le(image.height - 1)
        return chunk(b'ANMF', place + le(round(1000*PERIOD/FRAMES)) + b'\0' + encoded(image, quality))
    flags = 0x12  # it moves, and it is transparent
    parts = [chunk(b'VP8X', le(flags, 4) + le(WIDTH - 1) + le(HEIGHT - 1)), chunk(b'ANIM', bytes(6)), anmf(frames[0])]
    parts += [anmf(f.crop((0, HEAD, WIDTH, BOTTOM)), HEAD) for f in frames[1:]]
    return chunk(b'RIFF', b'WEBP' + b''.join(parts))


def main(out):
    torch.set_num_threads(1)
    runs = [load_run(f'fashion_mnist/{m}') for m in PAPER_MODELS]
    moves, ground = np.stack([walks(r) for r in runs]), still(runs)
    shown = np.full_like(moves[:, 0], np.inf)
    empty = Image.new('RGBA', ground.size, (*DARK, 0))
    frames = [picture(k, empty if k else ground, moves, shown) for k in range(FRAMES)]
    for quality in range(68, 20, -6):
        data = animation(frames, quality)
        if len(data) <= LIMIT: break
    else: sys.exit(f'{len(data):,} bytes, more than {LIMIT:,}')
    (out/'traversal.webp').write_bytes(data)
    picture(FRAMES//4, ground, moves).save(out/'traversal-still.webp', quality=90, method=6)
    print(f'traversal.webp: {WIDTH} × {HEIGHT}, {FRAMES} frames, quality {quality}, {len(data):,} bytes')
    with style(): fig_05(runs, load('fashion_mnist', 'test')[0]).savefig(out/'reconstructions.png', dpi=100)
    print(f"traversal-still.webp: {(out/'traversal-still.webp').stat().st_size:,} bytes")


if __name__ == '__main__': main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent/'nbs/images')
