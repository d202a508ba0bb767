"""Many models in one step: objectives, data sets and seeds stacked along a first dimension.

`Stack(configs, data)` trains what `muvae.training.train` trains one by one: a step of every VAE, then a step of every classifier on the
detached codes. Weights are stacked, so one Adam serves all; it works element by element, so it does to each model what its own would.
Order and noise of a model come from its own seed and the epoch, so they do not depend on who else is in the stack. On a GPU the whole
alternating step is one CUDA graph: it finds its images by a counter on the device, and nothing leaves the device until the epoch ends.
Objectives are the package's own: the models that share one go through it together, by `torch.func.vmap`.
"""
from contextlib import nullcontext
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from muvae.experiments import make_model, make_objective
from muvae.losses import recon_loss
from muvae.machine import pick_device, seed_all
from muvae.models import ConvVAE, LatentClassifier
from muvae.objectives import describe, knobs
from muvae.training import NonFiniteLoss, evaluate
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

NO_BOUND = 1e9  # instead of infinity, whose square would make NaN gradients in the branch not taken


class Parts(nn.Module):
    "A VAE that is handed its noise and its bound"
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, x, eps, bound):
        mu, logvar = self.vae.encode(x)
        sq = mu.square().sum(-1, keepdim=True)
        mu = torch.where(sq > bound**2, mu * bound / sq.clamp(min=bound**2).sqrt(), mu)  # eq. (5)
        z = mu + eps * torch.exp(logvar / 2)
        return self.vae.decode(z), mu, logvar, z


class Coded(NamedTuple):
    "What an objective sees of a model here: its error, told already, and its codes"
    nll: torch.Tensor
    mu: torch.Tensor
    logvar: torch.Tensor
    z: torch.Tensor


def objective_of(config):
    "The objective of `config`; a `ValueError` where a stack cannot hold it"
    if config.model != 'conv' or config.objective == 'ae': raise ValueError(f'a stack holds conv models with noise, got {config.name}')
    objective = make_objective(config)
    moving = [k for k, v in knobs(objective).items() if callable(v)]
    if moving: raise ValueError(f'a stack holds objectives that stay as they are, and {moving[0]} of {config.name} changes with the step')
    return objective


def groups_of(configs):
    "[(objective, [which of `configs` have it])]"
    groups = {}
    for i, c in enumerate(configs): groups.setdefault(describe(o := objective_of(c)), (o, []))[1].append(i)
    return list(groups.values())


def bound_of(config): return NO_BOUND if config.clip is None else config.clip * config.latent**.5


class Stack:
    def __init__(self,
        configs,               # of conv models with one size of code; data set, objective, clip and seed may differ
        data,                  # {data set: (images, labels)}, all of one length
        device='cpu',
        precision='float32',   # or bfloat16 (autocast)
        way='vmap',            # grouped convolutions by torch.func.vmap; or "streams": one model after another, side by side on a GPU
        batch=64,              # images a step of each model
        classifier=True,       # train the classifiers in turns
        lr=1e-4,
        graph=None,            # capture the step in a CUDA graph; None: on a GPU
    ):
        self.configs, self.device, self.way, self.batch = configs, pick_device(device), way, batch
        device, sets = self.device, sorted({c.dataset for c in configs})
        self.images, self.labels = (torch.stack([data[d][i] for d in sets]).to(device) for i in (0, 1))
        self.which = torch.tensor([sets.index(c.dataset) for c in configs], device=device)[:, None]
        self.groups = [(o, torch.tensor(rows, device=device)) for o, rows in groups_of(configs)]
        self.bound = torch.tensor([bound_of(c) for c in configs], device=device)
        self.nets = dict(model=self._stack([Parts(self._model(c)) for c in configs]))
        if classifier: self.nets['classifier'] = self._stack([self._classifier(c) for c in configs])
        cuda, cast = self.device.type == 'cuda', partial(torch.autocast, self.device.type, torch.bfloat16, cache_enabled=False)
        self.opts = {k: torch.optim.Adam(p.values(), lr, fused=True, capturable=cuda) for k, (_, p) in self.nets.items()}
        self.autocast = cast if precision == 'bfloat16' else nullcontext
        self.streams = [torch.cuda.Stream() for _ in configs] if way == 'streams' and cuda else None
        S, self.steps, D = len(configs), self.images.shape[1] // batch, configs[0].latent
        self.order = torch.zeros(S, self.steps, batch, dtype=torch.int64, device=device)
        self.eps = torch.zeros(S, self.steps, batch, D, device=device)
        self.k, self.total = torch.zeros(1, dtype=torch.int64, device=device), torch.zeros(3, S, device=device)
        self.epochs, self.graph = 0, None
        if cuda if graph is None else graph: self._capture()

    def _model(self, config):
        m = make_model(config)
        m.clip = None  # the bound is an input here
        return m.to(memory_format=torch.contiguous_format)

    def _classifier(self, config):
        with torch.random.fork_rng([]):
            seed_all(config.seed, 'classifier')
            return LatentClassifier(config.latent)

    def _stack(self, nets):
        params, _ = stack_module_state([n.to(self.device) for n in nets])
        return nets[0].to('meta'), {k: v.detach().requires_grad_() for k, v in params.items()}

    # a step

    def _call(self, name, *inputs):
        "Every net of `name` on its row of `inputs`"
        net, params = self.nets[name]
        if self.way == 'vmap': return vmap(partial(functional_call, net))(params, inputs)
        rows, outs, main = {k: v.unbind() for k, v in params.items()}, [], torch.cuda.current_stream() if self.streams else None
        for i in range(len(self.configs)):
            if self.streams: self.streams[i].wait_stream(main)
            with torch.cuda.stream(self.streams[i]) if self.streams else nullcontext():
                outs.append(functional_call(net, {k: v[i] for k, v in rows.items()}, tuple(o[i] for o in inputs)))
        for s in self.streams or (): main.wait_stream(s)
        if isinstance(outs[0], tuple): return tuple(torch.stack(o) for o in zip(*outs))
        return torch.stack(outs)

    def _loss(self, recon, x, mu, logvar, z):
        "Reconstruction error and objective of each model, (models,) both"
        error = vmap(recon_loss)(recon, x)
        coded, total = (error, mu, logvar, z.float()), torch.empty_like(error)
        for objective, rows in self.groups:
            def whole(*o): return sum(objective(Coded(*o), None, 0).values())
            mine = coded if len(self.groups) == 1 else [o[rows] for o in coded]
            total = total.index_copy(0, rows, vmap(whole)(*mine))
        return error, total

    def _minimise(self, name, loss):
        self.opts[name].zero_grad()
        loss.sum().backward()  # the models share nothing, so each gets the gradient of its own loss
        self.opts[name].step()

    def step(self):
        take = lambda o: o.index_select(1, self.k).squeeze(1)
        idx = take(self.order)
        x = self.images[self.which, idx]
        with self.autocast(): recon, mu, logvar, z = self._call('model', x, take(self.eps), self.bound)
        error, total = self._loss(recon, x, mu, logvar, z)
        self._minimise('model', total)
        self.total[0] += error.detach()
        self.total[1] += total.detach()
        if 'classifier' in self.nets:
            with self.autocast(): logits = self._call('classifier', z.detach())
            y = self.labels[self.which, idx]
            nll = F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), reduction='none').view_as(y).mean(1)
            self._minimise('classifier', nll)
            self.total[2] += nll.detach()
        self.k += 1

    def _capture(self):
        "One step as a CUDA graph; the steps that warm it up leave no trace"
        params = [p for _, ps in self.nets.values() for p in ps.values()]
        before, side = [p.detach().clone() for p in params], torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(min(3, self.steps)): self.step()
        torch.cuda.current_stream().wait_stream(side)
        self.k.zero_()
        for o in self.opts.values(): o.zero_grad()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph): self.step()
        with torch.no_grad():
            for p, b in zip(params, before): p.copy_(b)
            for o in self.opts.values():
                for state in o.state.values():
                    for t in state.values(): t.zero_()

    # an epoch

    def _draw(self):
        "Order and noise of the next epoch, each model's from its own seed"
        n = self.steps * self.batch
        for i, c in enumerate(self.configs):
            with torch.random.fork_rng([self.device] if self.device.type == 'cuda' else []):
                seed_all(c.seed, 'train', self.epochs + 1, device=self.device)
                self.order[i] = torch.randperm(self.images.shape[1], device=self.device)[:n].view(self.steps, self.batch)
                self.eps[i].normal_()
        self.k.zero_()
        self.total.zero_()

    def epoch(self, steps=None):
        "One pass of every model over its images; gives {recon, loss, classifier}: (models,) means"
        self._draw()
        steps = min(steps or self.steps, self.steps)
        for _ in range(steps): self.graph.replay() if self.graph else self.step()
        self.epochs += 1
        means = (self.total / steps).cpu()
        bad = ~means.isfinite().all(0)
        names = [f'{c.name} seed {c.seed}' for c, b in zip(self.configs, bad) if b]
        if names: raise NonFiniteLoss(f'a loss became NaN or infinite in epoch {self.epochs}: {", ".join(names)}')
        return dict(zip(('recon', 'loss', 'classifier'), means))

    # out of the stack, and back

    def unstacked(self, i):
        "Model and classifier (or None) number `i` as modules of their own"
        c, rows = self.configs[i], {k: {n: v[i].detach().clone() for n, v in p.items()} for k, (_, p) in self.nets.items()}
        model = ConvVAE(c.latent, c.clip).to(self.device)
        model.load_state_dict({k.removeprefix('vae.'): v for k, v in rows['model'].items()})
        if 'classifier' not in rows: return model, None
        classifier = LatentClassifier(c.latent).to(self.device)
        classifier.load_state_dict(rows['classifier'])
        return model, classifier

    def evaluate(self, i, images, labels):
        "What `muvae.training.evaluate` says of model `i`"
        model, classifier = self.unstacked(i)
        with torch.random.fork_rng([self.device] if self.device.type == 'cuda' else []):
            seed_all(self.configs[i].seed, 'test', 'evaluate', self.epochs, device=self.device)
            return evaluate(model, images.to(self.device), labels.to(self.device), classifier)

    def state(self):
        "Everything that the next epoch depends on, as flat tensors"
        out = {f'{k}/{n}': v.detach() for k, (_, p) in self.nets.items() for n, v in p.items()}
        for k, o in self.opts.items():
            out |= {f'{k}_opt/{i}/{n}': v for i, s in o.state_dict()['state'].items() for n, v in s.items()}
        return {k: v.clone() for k, v in out.items()} | dict(epochs=torch.tensor(self.epochs))

    @torch.no_grad()
    def load(self, state):
        "Go on from what `state` gave"
        self.epochs = int(state['epochs'])
        for k, (_, params) in self.nets.items():
            for n, p in params.items(): p.copy_(state[f'{k}/{n}'])
            for i, p in enumerate(params.values()):
                saved = {n: state[f'{k}_opt/{i}/{n}'] for n in ('step', 'exp_avg', 'exp_avg_sq') if f'{k}_opt/{i}/{n}' in state}
                for n, v in saved.items():
                    if n in self.opts[k].state[p]: self.opts[k].state[p][n].copy_(v)  # in place: a graph knows the address
                    else: self.opts[k].state[p][n] = v.clone()
