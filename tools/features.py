"""The feature network of muvae.samples, trained anew: python tools/features.py

One classifier for the 20 classes of MNIST and Fashion-MNIST together, on their training sets; accuracies on their test sets. Weights go
into the package in float16, with a json that says how they were made. A few minutes on one core.
"""
import json, time
from pathlib import Path

import torch
from torch import nn

import muvae
from muvae.data import load
from muvae.machine import provenance, seed_all
from muvae.samples import FeatureNet
from muvae.storage import write_tensors, write_text_atomic

config = dict(sets=['mnist', 'fashion_mnist'], epochs=3, batch_size=128, optimizer='Adam', lr=.003, schedule='one cycle', seed=0)
target = Path(muvae.__file__).parent/'nets'


def both(split):
    "Images of both sets, and labels 0 … 19"
    (x, y), (fx, fy) = (load(name, split) for name in config['sets'])
    return torch.cat([x, fx]), torch.cat([y, fy + 10])


def train():
    "The network after all epochs"
    x, y = both('train')
    seed_all(config['seed'], 'features')
    net, per = FeatureNet(), -(-len(x) // config['batch_size'])
    opt = torch.optim.Adam(net.parameters(), config['lr'])
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, config['lr'], config['epochs']*per)
    for epoch in range(config['epochs']):
        for rows in torch.randperm(len(x)).split(config['batch_size']):
            loss = nn.functional.cross_entropy(net.classify(x[rows]), y[rows])
            opt.zero_grad(), loss.backward(), opt.step(), schedule.step()
        print(f'epoch {epoch + 1}, loss of the last batch {loss.item():.3f}', flush=True)
    return net.eval()


@torch.no_grad()
def even(net):
    "The same classifier, its features scaled to a variance of 1 over the training images: the bend lets a factor through"
    scale = torch.cat([net(b) for b in both('train')[0].split(1000)]).std(0)
    net.body[-1].weight /= scale[:, None]
    net.body[-1].bias /= scale
    net.head[1].weight *= scale
    return net


@torch.no_grad()
def accuracy(net):
    "Per cent of each test set, among all 20 classes"
    x, y = both('test')
    right = torch.cat([net.classify(b).argmax(1) for b in x.split(1000)]) == y
    return {name: round(100*half.float().mean().item(), 2) for name, half in zip(config['sets'], right.split(len(x)//2))}


if __name__ == '__main__':
    made, start = provenance(), time.time()
    net = even(train()).half().float()  # as they are kept
    about = dict(config, seconds=round(time.time() - start), test_accuracy=accuracy(net), **made)
    target.mkdir(exist_ok=True)
    write_tensors(target/'grey28.safetensors', {k: v.half() for k, v in net.state_dict().items()})
    write_text_atomic(target/'grey28.json', json.dumps(about, indent=1) + '\n')
    print(about)
