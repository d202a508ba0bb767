"""Finished runs to package data: python tools/keep.py [runs]

Of every run config, metrics and results. Of the paper's eight with seed 0 also weights, predictions and the test set's codes, μ and log σ²
in float16; of the readings with seed 0 weights in float16; of the toys the codes in float16, and of two of them the decoder. `load_run`
finds all of them in the installed package.
Beside weights stands spread.json, where the sliders of `muvae.widgets` find the range of each latent without the data, and beside those of
the paper's eight tsne.safetensors for Figure 3: half a minute each on an idle core, when the weights are new.
"""
import json, shutil, sys
from pathlib import Path

import torch

import muvae
from muvae.experiments import Run
from muvae.figures import run_tsne
from muvae.paper import PAPER_GRID
from muvae.storage import write_tensors, write_text_atomic
from muvae.widgets import code_spread

target, decoders = Path(muvae.__file__).parent/'runs', ('toy-vae', 'toy-mu3')


def half(tensors): return {k: v.clamp(-65504, 65504).half() for k, v in tensors.items()}


def keep(folder, out):
    "Copy what is to be kept of the run in `folder` to `out`"
    run = Run(folder)
    name, reading = run.config.name, 'readings' in out.relative_to(target).parts
    out.mkdir(parents=True, exist_ok=True)
    for file in 'config.json', 'metrics.csv': shutil.copy(folder/file, out)
    if run.config.model == 'toy':
        write_tensors(out/'codes.safetensors', half(run.codes()))
        if name.split('/')[1] in decoders: write_tensors(out/'decoder.safetensors', half(run.model().decoder.state_dict()))
    elif reading and run.config.seed == 0: write_tensors(out/'model.safetensors', half(run.model().state_dict()))
    elif not reading and run.config.seed == 0 and name in PAPER_GRID:
        for file in 'model.safetensors', 'predictions.safetensors': shutil.copy(folder/file, out)
        write_tensors(out/'codes.safetensors', half({k: v for k, v in run.codes().items() if k != 'z'}))
    shutil.copy(folder/'results.json', out)  # last: it says that the rest is there


if __name__ == '__main__':
    torch.set_num_threads(1)
    runs = Path(sys.argv[1] if len(sys.argv) > 1 else 'runs')
    for results in sorted(runs.rglob('results.json')):
        out = target/results.parent.relative_to(runs)
        if (out/'results.json').exists() and (out/'results.json').read_bytes() == results.read_bytes(): continue
        (out/'spread.json').unlink(missing_ok=True)
        keep(results.parent, out)
        print(out.relative_to(target))
    for weights in sorted(target.rglob('*.safetensors')):
        out = weights.parent/'spread.json'
        if weights.name not in ('model.safetensors', 'decoder.safetensors') or out.exists(): continue
        write_text_atomic(out, json.dumps(code_spread(Run(weights.parent))) + '\n')
    for name in PAPER_GRID:
        if (target/name/'seed0/model.safetensors').exists(): run_tsne(Run(target/name/'seed0'))
    size = sum(f.stat().st_size for f in target.rglob('*') if f.is_file())
    print(f'{size/1e6:.1f} MB of runs in the package')
    sys.exit(size > 25e6)
