"`diagnose` on models whose answer is known: none is trained, each number has an oracle that shares no code with it"
import html as escape
import json, math, re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from muvae.diagnosis import KINDS, Thresholds, diagnose

torch.set_num_threads(1)
N, D, SIZE = 600, 4, 6


def images(n=N, seed=0, noise=.05):
    "Pictures that four numbers make, and these numbers"
    g = torch.Generator().manual_seed(seed)
    w = torch.linalg.qr(torch.randn(SIZE*SIZE, D, generator=g)).Q * 3
    s = torch.randn(n, D, generator=g)
    return (s @ w.T + noise*torch.randn(n, SIZE*SIZE, generator=g)).view(n, 1, SIZE, SIZE), s, w


X, S, W = images()


class Toy(nn.Module):
    "A linear model that knows the numbers: z = a·s + sigma·noise, decoded by z / a"
    def __init__(self, a=1., sigma=.1, shift=0., dead=(), deaf=False):
        super().__init__()
        self.w, self.a, self.sigma, self.shift, self.dead, self.deaf = nn.Parameter(W), a, sigma, shift, list(dead), deaf
        self.drop = nn.Dropout(.5)

    def encode(self, x):
        s = x.flatten(1) @ self.w / 9
        mu, sigma = self.a*s + self.shift, torch.full_like(s, self.sigma)
        mu[:, self.dead], sigma[:, self.dead] = 0., 1.
        return self.drop(mu), 2*sigma.log()

    def decode(self, z):
        s = (z - self.shift) / (self.a or 1)
        s = s.clone()
        s[:, self.dead] = 0.
        return (s*(not self.deaf) @ self.w.T).view(-1, 1, SIZE, SIZE)


class Same(Toy):
    "The same code for every image"
    def __init__(self, mu, sigma):
        super().__init__()
        self.at, self.sigma = mu, sigma
    def encode(self, x): return x.new_full((len(x), D), self.at), x.new_full((len(x), D), 2*math.log(self.sigma))


def seen(model, x=X, labels=None, **kw): return diagnose(model, x, labels, progress=False, samples=8, **kw)


def near(numbers, key, value, least=1e-3, sigmas=4):
    assert abs(numbers[key] - value) < sigmas*(numbers.get(f'{key}_err') or 0) + least, (key, numbers[key], value)


def test_a_healthy_model():
    r = seen(Toy(a=1., sigma=.3))
    d = r.dict()
    assert r.kind == 'no collapse', r
    assert all(u['state'] == 'on' for u in d['units'])
    mu = X.flatten(1) @ W / 9
    near(d['rate'], 'kl', sum(((.09 + mu[:, j].double()**2 - 1 - math.log(.09))/2).mean().item() for j in range(D)))
    near(d['exchange'], 'own', (X.flatten(1) - mu @ W.T).square().sum(1).mean().item() + 9*D*.09)
    near(d['exchange'], 'worth', 2*9*mu.var(0).sum().item() + 0, least=.5)
    for j, u in enumerate(d['units']):
        near(u, 'information', math.log(1 + mu[:, j].var().item()/.09)/2, least=.03)
        near(u, 'worth', 2*9*mu[:, j].var().item(), least=.05)
        assert u['variance'] == pytest.approx(np.var(mu[:, j].numpy(), ddof=1), rel=1e-4) and u['sigma'] == pytest.approx(.3, rel=1e-5)
    assert d['rate']['elbo'] == pytest.approx(-d['rate']['kl'] - d['distortion'])
    assert d['linear']['units'] == int((np.linalg.eigvalsh(np.cov(X.flatten(1).numpy().T)) > .5).sum()) == D
    assert d['information']['low'] <= d['information']['high'] <= d['rate']['kl'] + .1


def test_importance_weighted_likelihood_of_a_linear_gaussian_model():
    "x = W z + noise of variance ½: the marginal is a Gaussian; the exact posterior gives the likelihood with one sample"
    w = W[:, :2].double() / 3
    x = torch.randn(500, 2).double() @ w.T + .5**.5 * torch.randn(500, SIZE*SIZE).double()
    cov = np.eye(2) + 2*(w.T @ w).numpy()
    S = torch.tensor(np.linalg.inv(cov))
    r = diagnose(images=x.float(), encode=lambda x: (x.double() @ (2*w @ S), S.diagonal().log().expand(len(x), 2)),
                 decode=lambda z: z.double() @ w.T, progress=False)
    d, marginal = r.dict(), MultivariateNormal(torch.zeros(36).double(), w @ w.T + .5*torch.eye(36).double())
    exact = -marginal.log_prob(x).mean().item()
    near(d['rate'], 'nll', exact - d['likelihood']['constant'], least=.1, sigmas=3)
    assert -d['rate']['elbo'] == pytest.approx(exact - d['likelihood']['constant'], rel=.02)
    assert d['rate']['ess'] > .95*64 and d['likelihood']['constant'] == pytest.approx(18*math.log(math.pi))


SICK = {
        'KL of 0':                  (lambda: Same(0., 1.), 'collapsed', 0.),
        'a constant with its rate': (lambda: Same(2., 1.), 'codes are not used', D*2.),
        'codes at a distance':      (lambda: Toy(a=8., sigma=1., deaf=True), 'codes are not used', None),
        'noise above the codes':    (lambda: Toy(a=2., sigma=12.), 'codes are not used', None),
        'no noise':                 (lambda: Toy(a=1., sigma=1e-5), 'autoencoder', None),
        'far from the prior':       (lambda: Toy(a=6., sigma=1., shift=3.), 'prior mismatch', None),
        'two units off':            (lambda: Toy(a=1., sigma=.3, dead=(1, 3)), 'partly collapsed', None)}


@pytest.mark.parametrize('name', SICK)
def test_the_sick(name):
    make, kind, kl = SICK[name]
    r = seen(make())
    d = r.dict()
    assert r.kind == kind and r.kind in KINDS, r
    if kl is not None:
        near(d['rate'], 'kl', kl)
        assert abs(d['information']['low']) < 1e-3 and abs(d['exchange']['worth']) < .05*d['exchange']['own']
    if kind == 'codes are not used': assert d['rate']['kl'] > 1
    if name == 'two units off': assert [u['unit'] for u in d['units'] if u['state'] == 'off'] == ['z2', 'z4'] and 'z2, z4' in r.verdict
    if name == 'far from the prior': assert d['prior']['accuracy'] > 95 and d['rate']['kl'] > d['rate']['refitted'] + 10
    if name == 'no noise': assert all(u['noise'] == 'gone' for u in d['units'])


@pytest.mark.parametrize('sd, sigma, kind', [(.05, .018, 'prior mismatch'), (2., 12., 'codes are not used')])
def test_information_decides_and_not_the_variance(sd, sigma, kind):
    r = seen(Toy(a=sd, sigma=sigma))
    exact = math.log(1 + (sd/sigma)**2)/2  # nats a unit
    for u in r.dict()['units']: near(u, 'information', exact, least=.1*exact + .01)
    assert r.kind == kind, r


def test_a_decoder_that_ignores_a_full_code():
    r = seen(Toy(a=1., sigma=.1, deaf=True))
    assert r.kind == 'codes are not used' and r.dict()['exchange']['worth'] == 0 and r.dict()['information']['low'] > 4


def test_a_unit_that_nobody_reads():
    class M(Toy):
        def encode(self, x):
            mu, logvar = super().encode(x)
            return torch.cat([mu, x.flatten(1)[:, :1]], 1), torch.cat([logvar, logvar[:, :1]], 1)
        def decode(self, z): return super().decode(z[:, :D])
    r = seen(M(sigma=.3))
    assert r.kind == 'partly collapsed' and (r.dict()['units'][4]['why'], r.dict()['units'][4]['worth']) == ('not read', 0)


FORMS = dict(pair=lambda mu, lv: (mu, lv), normal=lambda mu, lv: Normal(mu, (lv/2).exp()), names=lambda mu, lv: dict(mu=mu, log_var=lv),
             independent=lambda mu, lv: Independent(Normal(mu, (lv/2).exp()), 1), with_sample=lambda mu, lv: (Normal(mu, (lv/2).exp()), mu))


@pytest.mark.parametrize('form', FORMS)
def test_whatever_an_encoder_says(form):
    toy = Toy(sigma=.3).eval()
    r = diagnose(images=X, encode=lambda x: FORMS[form](*toy.encode(x)), decode=toy.decode, progress=False, samples=8)
    assert r.dict()['information']['low'] == pytest.approx(seen(toy).dict()['information']['low'], abs=1e-3)


@pytest.mark.parametrize('second, f', [('std', lambda lv: (lv/2).exp()), ('var', torch.exp)])
def test_sigma_for_its_logarithm(second, f):
    toy = Toy(sigma=.3).eval()
    theirs = lambda x: (toy.encode(x)[0], f(toy.encode(x)[1]))
    r = diagnose(images=X, encode=theirs, decode=toy.decode, second=second, progress=False, samples=8)
    assert r.dict()['rate']['kl'] == pytest.approx(seen(toy).dict()['rate']['kl'], rel=1e-4)
    sigmas = lambda x: (toy.encode(x)[0], .3 + .1*x.flatten(1)[:, :4].abs())
    wild = diagnose(images=X, encode=sigmas, decode=toy.decode, progress=False, samples=8)
    assert any('Does `encode` give σ?' in n for n in wild.dict()['notes'])


def test_spatial_codes_are_flattened_and_it_is_said():
    class Dist:
        def __init__(self, mean, logvar): self.mean, self.logvar = mean, logvar
    class Said:
        def __init__(self, d): self.latent_dist = d
    class Pixels:
        def __init__(self, t): self.sample = t
    class KL(Toy):
        def encode(self, x): return Said(Dist(*(t.view(-1, 1, 2, 2) for t in super().encode(x))))
        def decode(self, z):
            assert z.shape[1:] == (1, 2, 2)
            return Pixels(super().decode(z.flatten(1)))
    r, plain = seen(KL(sigma=.3)), seen(Toy(sigma=.3))
    assert r.kind == 'no collapse' and r.dict()['exchange'] == plain.dict()['exchange']
    assert any('(1, 2, 2); it was flattened' in n for n in r.dict()['notes'])


def test_a_deterministic_model():
    toy = Toy().eval()
    one = diagnose(images=X, encode=lambda x: toy.encode(x)[0], decode=toy.decode, progress=False)
    assert one.kind == 'autoencoder' and one.dict()['rate'] is None and one.dict()['information']['high'] is None
    same = diagnose(images=X, encode=lambda x: torch.zeros(len(x), D), decode=toy.decode, progress=False)
    assert same.kind == 'collapsed', same
    toy.deterministic = True
    assert seen(toy).kind == 'autoencoder'


def test_codes_of_whole_numbers():
    "Signs of four numbers: 16 codes, of 4 × 2 places; and vectors of a codebook as a quantiser gives them"
    book = torch.tensor([[-1., 0.], [1., 0.]])
    index = lambda x: (x.flatten(1) @ W > 0).long()
    numbers = diagnose(images=X, encode=index, decode=lambda i: ((2.*i - 1) @ W.T).view(-1, 1, SIZE, SIZE), progress=False)
    vectors = diagnose(images=X, encode=lambda x: (book[index(x)], index(x), torch.zeros(())), progress=False,
                       decode=lambda q: (q[..., 0] @ W.T).view(-1, 1, SIZE, SIZE))
    rows = np.unique(index(X).numpy(), axis=0, return_counts=True)[1] / N
    for r in numbers, vectors:
        d = r.dict()
        assert r.kind == 'no collapse' and d['rate'] is None and d['prior'] is None and len(d['units']) == 4, r
        assert d['information']['low'] == pytest.approx(-(rows*np.log(rows)).sum())
        assert d['codebook']['perplexity'] == pytest.approx(2, abs=.02)
        assert d['exchange']['worth'] == pytest.approx(numbers.dict()['exchange']['worth'])
    one = diagnose(images=X, encode=lambda x: 0*index(x), decode=lambda i: torch.zeros(len(i), 1, SIZE, SIZE), progress=False)
    assert one.kind == 'collapsed' and one.dict()['codebook']['perplexity'] == 1
    dead = diagnose(images=X, encode=lambda x: 9*index(x), decode=lambda i: ((2.*i/9 - 1) @ W.T).view(-1, 1, SIZE, SIZE), progress=False)
    assert dead.kind == 'partly collapsed' and '8 of 10 entries' in dead.verdict


class Words(nn.Module):
    "Whole numbers 0 … 7, twelve of them, all the same: the code is the word"
    def __init__(self, deaf=False): super().__init__(); self.deaf, self.table = deaf, nn.Parameter(torch.eye(8)*4)
    def encode(self, x): return self.table[x[:, 0]], torch.full((len(x), 8), -2.)
    def nll(self, z, x): return -(z*(not self.deaf)).log_softmax(1).gather(1, x).sum(1)


def test_words_with_an_error_of_their_own():
    x = torch.randint(8, (N, 1), generator=torch.Generator().manual_seed(0)).expand(N, 12).contiguous()
    r, deaf = seen(Words(), x), seen(Words(deaf=True), x)
    assert r.kind == 'prior mismatch' and deaf.kind == 'codes are not used'
    near(r.dict()['information'], 'low', math.log(8), least=.05)
    assert deaf.dict()['exchange']['own'] == pytest.approx(12*math.log(8), rel=1e-5)
    with pytest.raises(ValueError, match=r'give the model a method nll\(z, x\)'):
        diagnose(images=x, encode=Words().encode, decode=lambda z: torch.zeros(len(z), 12), progress=False)


def test_other_likelihoods():
    toy, x = Toy(sigma=.3).eval(), X.sigmoid()
    p = lambda z: toy.decode(z).sigmoid()
    r = diagnose(images=x, encode=lambda x: toy.encode(torch.logit(x)), decode=p, likelihood='bernoulli', progress=False, samples=8)
    own = diagnose(images=X, encode=toy.encode, decode=lambda z: Normal(toy.decode(z), .5**.5), progress=False, samples=8).dict()
    plain = seen(toy).dict()
    assert r.kind == 'no collapse' and own['likelihood']['name'] == 'Normal of the decoder'
    assert own['exchange']['own'] == pytest.approx(plain['exchange']['own'] + plain['likelihood']['constant'], rel=1e-5)
    double = diagnose(toy, X, likelihood=lambda r, x: 2*(r - x).square().flatten(1).sum(1), progress=False, samples=8).dict()
    assert double['exchange']['worth'] == pytest.approx(2*plain['exchange']['worth'], rel=1e-5) and double['linear'] is None
    for bad, word in ((X, '`images` should lie in'), (x, 'should end in a sigmoid')):
        with pytest.raises(ValueError, match=word):
            diagnose(images=bad, encode=toy.encode, decode=toy.decode, likelihood='bernoulli', progress=False)
    with pytest.raises(ValueError, match=r'`likelihood` should give \(600,\) nats'):
        diagnose(toy, X, likelihood=lambda r, x: (r - x).square().sum(), progress=False)


class Items(Dataset):
    def __len__(self): return N
    def __getitem__(self, i): return X[i], int(S[i, 0] > 0)


class Stream(IterableDataset):
    def __iter__(self): return iter(X)


def test_where_the_images_come_from():
    toy, y = Toy(sigma=.3), (S[:, 0] > 0).long()
    plain = seen(toy).dict()
    bare = X.numpy(), DataLoader(TensorDataset(X), 100), DataLoader(Stream(), 50)
    for data in *bare, DataLoader(Items(), 64), Items(), TensorDataset(X, y), (X, y):
        d = seen(toy, data).dict()
        assert d['images'] == N and abs(d['information']['low'] - plain['information']['low']) < .3, data
        assert (d['labels'] is None) == any(data is b for b in bare), data


def test_images_of_other_shapes():
    toy = Toy(sigma=.3).eval()
    flat = diagnose(images=X.flatten(1), encode=toy.encode, decode=lambda z: toy.decode(z).flatten(1), progress=False, samples=8)
    colour = diagnose(images=X.repeat(1, 3, 1, 1), encode=lambda x: toy.encode(x[:, :1]), decode=lambda z: toy.decode(z).repeat(1, 3, 1, 1),
                      progress=False)
    assert flat.kind == colour.kind == 'no collapse'
    assert colour.dict()['exchange']['worth'] == pytest.approx(3*flat.dict()['exchange']['worth'], rel=.1)
    assert 'strips' in colour._pictures and 'strips' not in flat._pictures


def test_the_model_is_left_as_it_was():
    toy = Toy(sigma=.3).train()
    toy.drop.eval()
    state, weights = torch.get_rng_state(), toy.w.detach().clone()
    r = seen(toy)
    assert toy.training and not toy.drop.training and toy.w.requires_grad and torch.equal(weights, toy.w)
    assert torch.equal(state, torch.get_rng_state()) and r.dict() == seen(toy).dict()
    toy.drop.train()
    assert r.dict() == seen(toy).dict()  # dropout would be noise
    assert seen(toy, seed=1).dict()['exchange'] != r.dict()['exchange']


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype):
    r, plain = seen(Toy(sigma=.3).to(dtype)).dict(), seen(Toy(sigma=.3)).dict()
    assert r['kind'] == 'no collapse' and r['exchange']['worth'] == pytest.approx(plain['exchange']['worth'], rel=.02)


def test_labels():
    y = (S[:, 0] > 0).long()
    d = seen(Toy(sigma=.3), labels=y).dict()
    assert all(v['value'] > 90 for v in d['labels']['mu'].values()) and set(d['labels']) == {'mu', 'z'}
    assert d['labels']['z']['logistic regression']['value'] < d['labels']['mu']['logistic regression']['value'] + 2
    best = max(d['units'], key=lambda u: u['label_information'])
    assert best['unit'] == 'z1' and .3 < best['label_information'] < math.log(2) + .05
    for bad in y[:5], y.float(), torch.zeros(N).long(), y[:, None]:
        with pytest.raises(ValueError, match='`labels` should'): seen(Toy(), labels=bad)


def test_what_cannot_be_measured_is_said():
    toy = Toy().eval()
    for bad, word in ((X[:1], '2 or more'), (X[:0], 'not be empty'), (None, '`images` should be'), (X*math.nan, 'should be finite'),
                      ((X*255).to(torch.uint8), 'divide by 255'), (torch.zeros(5), r'\(N, …\)')):
        with pytest.raises(ValueError, match=word): seen(toy, bad)
    for encode, word in ((lambda x: toy.encode(x) + (x,), '3 things'),
                         (lambda x: x.new_full((len(x), 4), math.nan), 'for image 0 .batch 0., unit z1'),
                         (lambda x: (toy.encode(x)[0], toy.encode(x)[1][:, :2]), 'should give `logvar`'),
                         (lambda x: None, '`encode` should give'),
                         (lambda x: torch.zeros(3, 4), r'as \(600, latent\)'),
                         (lambda x: (toy.encode(x)[0], torch.full((len(x), 4), math.inf)), 'logvar = inf')):
        with pytest.raises(ValueError, match=word): diagnose(images=X, encode=encode, decode=toy.decode, progress=False)
    with pytest.raises(ValueError, match=r'`decode` should give \(600, 1, 6, 6\)'):
        diagnose(images=X, encode=toy.encode, decode=lambda z: z, progress=False)
    for kw in dict(), dict(encode=toy.encode), dict(model=nn.Linear(2, 2)):
        with pytest.raises(ValueError, match='should have encode'): diagnose(images=X, **kw)
    with pytest.raises(TypeError, match='nothin'): seen(toy, nothin=.1)
    with pytest.raises(ValueError, match='`nothing` should be a finite number'): seen(toy, nothing=-1)
    for n in 2, 20, 99:
        few = seen(toy, X[:n])
        assert few.kind == 'undecided' and '100' in few.verdict
    many = seen(toy, X[:20], fewest=10)
    assert many.kind != 'undecided'


def test_undecided_says_how_many():
    "Information right at its limit: ½ ln(1 + (a/σ)²) = .1/4 for each of four units"
    r = seen(Toy(a=math.sqrt(math.exp(.05) - 1), sigma=1.))
    assert r.kind == 'undecided' and re.search(r'about [\d,]+ images are needed', r.verdict), r


def test_thresholds_are_arguments_and_in_the_report():
    strict = seen(Toy(sigma=.3), accuracy=40., active=.5)
    assert strict.kind == 'prior mismatch' and strict.dict()['thresholds']['accuracy'] == 40.
    assert set(strict.dict()['thresholds']) == set(Thresholds._fields) and 'unit nothing' in strict.html()


def test_effective_beta():
    d = seen(Toy(sigma=.3), beta=.5, recon='mean', kl='mean').dict()
    assert d['rate']['effective_beta'] == pytest.approx(.5*36/4) and d['linear']['beta'] == pytest.approx(4.5)
    eig = np.linalg.eigvalsh(np.cov(X.flatten(1).numpy().T))
    assert d['linear']['units'] == (eig > 2.25).sum()


def test_the_report(tmp_path):
    r = seen(Toy(sigma=.3, dead=(1,)), name='<script>alert(1)</script>')
    d = r.dict()
    assert json.loads(json.dumps(d, allow_nan=False)) == d and r.kind == d['kind'] and r.verdict == d['verdict']
    assert repr(r) == str(r) and r.verdict in str(r) and max(map(len, str(r).split('\n')[3:])) < 140
    page = r.html(tmp_path/'r.html')
    assert (tmp_path/'r.html').read_text(encoding='utf-8') == page
    assert '<script' not in page and '&lt;script&gt;' in page and 'prefers-color-scheme:dark' in page and 'name="viewport"' in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page) and page.index('partly collapsed') < page.index('<svg')
    assert escape.escape(r.verdict[1:]) in r._repr_html_() and '<body' not in r._repr_html_()

    class Balanced(HTMLParser):
        stack = []
        def handle_starttag(self, tag, attrs):
            if tag not in ('meta', 'img', 'rect', 'circle', 'path'): self.stack.append(tag)
        def handle_endtag(self, tag):
            if tag in ('rect', 'circle', 'path'): return
            assert self.stack.pop() == tag
    (b := Balanced()).feed(page)
    assert not b.stack


def test_more_units_than_can_be_tried_one_by_one():
    class Wide(Toy):
        def encode(self, x):
            mu, logvar = super().encode(x)
            return torch.cat([mu, torch.zeros(len(x), 300)], 1), torch.cat([logvar, torch.zeros(len(x), 300)], 1)
        def decode(self, z): return super().decode(z[:, :D])
    r = seen(Wide(sigma=.3), X[:200])
    d = r.dict()
    assert r.kind == 'partly collapsed' and sum(u['state'] == 'on' for u in d['units']) == 4
    assert sum(u['worth'] is not None for u in d['units']) == 256
    assert any('exchanged one at a time' in n for n in d['notes'])


def test_the_images_kept_are_a_random_part():
    order = torch.arange(N).float()[:, None].repeat(1, 3)
    kept = []
    class M:
        def encode(self, x): return x, torch.full_like(x, -4.)
        def decode(self, z): return z
        def __call__(self): pass
    def score(recon, x):
        kept.append(x[:, 0])
        return (recon - x).square().sum(1)
    diagnose(M(), order, likelihood=score, most=50, samples=2, progress=False)
    assert len(kept[1]) == 50 and 150 < kept[1].mean() < 450 and kept[1].max() > 400


def test_samples_are_judged_when_asked():
    pytest.importorskip('torchmetrics', reason='torchmetrics is not installed: pip install "muvae[samples]"')
    g = torch.Generator().manual_seed(0)
    x, known = torch.rand(400, 1, 28, 28, generator=g), torch.rand(50, 1, 28, 28, generator=g)
    encode = lambda x: (x.flatten(1)[:, :3] - .5, torch.full((len(x), 3), -6.))
    decode = lambda z: known[(z[:, 0] > 0).long()]  # gives back two of the training images
    r = diagnose(images=x, encode=encode, decode=decode, quality=known, progress=False, samples=2)
    q = r.dict()['quality']
    assert q['n'] == 200 and (q['samples']['copies'], q['images']['copies']) == (1, 0) and q['samples']['distance'] == 0
    assert q['samples']['fid'] > 5*q['images']['fid'] and q['samples']['recall'] < .05 < .3 < q['images']['recall']
    assert 'copies' in str(r) and 'nearest training image' in r.html() and any('200 samples' in n for n in r.dict()['notes'])
    plain = diagnose(images=x, encode=encode, decode=decode, progress=False, samples=2).dict()
    assert plain['quality'] is None and plain['exchange'] == r.dict()['exchange'] and plain['kind'] == r.kind
    with pytest.raises(ValueError, match='28×28 grey images'): seen(Toy(), quality=True)


def test_pythae():
    pytest.importorskip('pythae', reason='pythae is not installed: pip install "muvae[bench]"')
    from pythae.models import AE, VAE, AEConfig, VAEConfig
    torch.manual_seed(0)
    x = X.sigmoid()
    for Model, Config in (VAE, VAEConfig), (AE, AEConfig):
        r = seen(Model(Config(input_dim=(1, SIZE, SIZE), latent_dim=3)), x)
        assert len(r.dict()['units']) == 3 and (r.dict()['rate'] is None) == (Model is AE), r
    vae = VAE(VAEConfig(input_dim=(1, SIZE, SIZE), latent_dim=3)).eval()
    out = vae.encoder(x)
    r = seen(vae, x).dict()
    kl = (out.embedding**2 + out.log_covariance.exp() - 1 - out.log_covariance).sum(1).mean().item()/2
    assert r['rate']['kl'] == pytest.approx(kl, rel=1e-3)


def test_diffusers():
    diffusers = pytest.importorskip('diffusers', reason='diffusers is not installed')
    torch.manual_seed(0)
    net = diffusers.AutoencoderKL(block_out_channels=(8,), norm_num_groups=2, latent_channels=2)
    r = seen(net, torch.rand(120, 3, 8, 8)*2 - 1)
    assert r.dict()['code'] == [2, 8, 8] and len(r.dict()['units']) == 128 and r.kind in KINDS


def test_scvi():
    module = pytest.importorskip('scvi.module', reason='scvi-tools is not installed')
    torch.manual_seed(0)
    net, x = module.VAE(n_input=20, n_latent=3).eval(), torch.poisson(torch.full((150, 20), 3.))
    library, batch = x.sum(1).log().mean(), lambda x: torch.zeros(len(x), 1)
    encode = lambda x: net.inference(x, batch(x))  # a dict of z, qz, ql and library
    decode = lambda z: net.generative(z, library.expand(len(z), 1), batch(z))['px']
    r = diagnose(images=x, encode=encode, decode=decode, progress=False, samples=4)
    d, qz = r.dict(), encode(x)['qz']
    assert len(d['units']) == 3 and r.kind == 'collapsed' and d['likelihood']['name'] == 'ZeroInflatedNegativeBinomial of the decoder'
    assert d['rate']['kl'] == pytest.approx(torch.distributions.kl_divergence(qz, Normal(0., 1.)).sum(1).mean().item(), rel=1e-3)
    near(d['exchange'], 'mean', -decode(qz.loc).log_prob(x).sum(1).mean().item())
    bare = diagnose(images=x, encode=lambda x: net.z_encoder(torch.log1p(x)), decode=decode, progress=False, samples=4)
    assert bare.dict() == d | dict(model=bare.dict()['model'])
