"The widgets as a reader meets them: in Chromium (playwright), from a file on disk; `make test-browser` runs these"
import json, re
from pathlib import Path

import pytest
import torch
from torch import nn

from muvae.experiments import load_run
from muvae.losses import LOGVAR_TERMS
from muvae.models import ConvVAE, ToyVAE
from muvae.paper import PAPER_GRID
from muvae.widgets import _model, _source, explorer, loss_explorer, plane_explorer, regularizer_surface, write_explorer_scripts

HEAD = '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>widget</title>'
PICTURE = "() => document.querySelector('.muvae canvas').toDataURL()"
FRAMES = '() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))'
AT = "() => document.querySelector('.muvae').muvae.at()"
WIDE = '() => document.documentElement.scrollWidth > innerWidth'


@pytest.fixture
def visit(chromium, tmp_path):
    "Open a fragment from a file; afterwards nothing may have gone wrong and no request left the folder"
    pages = []
    def visit(fragment, width=820, style='', alive=True, wrong=False):
        (tmp_path/'page.html').write_text(f'{HEAD}<style>{style}</style>{fragment}', encoding='utf-8')
        page = chromium.new_page(viewport=dict(width=width, height=900), has_touch=width < 500)
        page.set_default_timeout(60_000)
        page.may_go_wrong, page.requested, page.wrong = wrong, [], []
        page.on('request', lambda r: page.requested.append(r.url))
        page.on('console', lambda m: page.wrong.append(m.text) if m.type in ('error', 'warning') else None)
        page.on('pageerror', lambda e: page.wrong.append(str(e)))
        page.goto((tmp_path/'page.html').as_uri())
        if alive: page.wait_for_selector('.muvae[data-alive]')
        page.evaluate(FRAMES)
        pages.append(page)
        return page
    yield visit
    for page in pages:
        assert page.may_go_wrong or page.wrong == []
        assert all(url.startswith(tmp_path.as_uri()) for url in page.requested), page.requested
        page.close()


def picture(page):
    page.evaluate(FRAMES)
    return page.evaluate(PICTURE)


class Mixed(nn.Module):
    "Every kind of layer, kernels and strides that are not square, a bias that is missing"
    def __init__(self):
        super().__init__()
        self.latent_dim = 4
        self.decoder = nn.Sequential(
            nn.Linear(4, 60), nn.Tanh(), nn.Dropout(), nn.Unflatten(1, (4, 5, 3)),
            nn.Sequential(nn.ConvTranspose2d(4, 6, (2, 3), stride=(2, 1), padding=(1, 0), bias=False), nn.LeakyReLU(.1)),
            nn.Conv2d(6, 5, (3, 2), stride=(1, 2), padding=(2, 1)), nn.ReLU(), nn.Conv2d(5, 5, 3, padding='same'), nn.Flatten(),
            nn.Linear(5*10*3, 48), nn.Unflatten(1, (3, 4, 4)), nn.Sigmoid())


def models():
    "Untrained models, and each of the paper's runs that came with the package"
    yield pytest.param(lambda: ConvVAE(latent_dim=7), id='conv')
    yield pytest.param(lambda: ToyVAE('tanh'), id='toy')
    yield pytest.param(Mixed, id='mixed')
    for name in PAPER_GRID:
        for place in (name, f'readings/{name}'):
            try: load_run(place)
            except ValueError: continue
            yield pytest.param(lambda place=place: load_run(place), id=place.replace('/', '-'))
            break


def test_notebooks_show_the_present_widgets():
    "A committed page carries the style and the scripts that the package has now"
    kinds = set()
    for file in sorted((Path(__file__).resolve().parent.parent/'nbs').glob('*.ipynb')):
        outputs = [o for c in json.loads(file.read_text(encoding='utf-8'))['cells'] for o in c.get('outputs', [])]
        for page in (''.join(o.get('data', {}).get('text/html', '')) for o in outputs):
            for kind in re.findall('data-muvae="muvae-([a-z]+)-', page):
                kinds.add(kind)
                for source in 'widgets.css', 'common.js', f'{kind}.js': assert _source(source) in page, f'{file.name}: execute it again'
    assert kinds == {'explorer', 'loss', 'plane'}


# images lie in [0, 1]: 2e-3 is half a grey level; 5e-6 is where float32 itself rounds, in torch as in the page
@pytest.mark.parametrize('precision, close', [('float16', 2e-3), ('float32', 5e-6)])
@pytest.mark.parametrize('make', list(models()))
def test_the_page_decodes_as_torch_does(visit, make, precision, close):
    torch.manual_seed(0)
    given = make()
    model = _model(given).eval()
    page = visit(explorer(given, precision=precision))
    low, spread = page.evaluate("() => { const m = document.querySelector('.muvae').muvae.models[0]; return [m.mean, m.spread]; }")
    z = torch.tensor(low) + torch.randn(4, len(low)) * torch.tensor(spread)
    here = torch.tensor([page.evaluate("z => document.querySelector('.muvae').muvae.decode(0, z)", row.tolist()) for row in z])
    with torch.no_grad(): there = model.decoder(z).flatten(1)
    assert here.shape == there.shape
    assert (here - there).abs().max() < close


def test_a_slider_moves_the_picture(visit):
    torch.manual_seed(0)
    page = visit(explorer(ConvVAE(latent_dim=3)))
    start, first = picture(page), page.locator('.muvae input[type=range]').first
    seen = {start}
    first.focus()
    for key in 'ArrowRight', 'ArrowRight', 'PageUp', 'End', 'Home':  # by the keyboard
        page.keyboard.press(key)
        seen.add(picture(page))
    box = first.bounding_box()
    page.mouse.move(box['x'] + box['width']/2, box['y'] + box['height']/2)  # by the mouse
    page.mouse.down()
    page.mouse.move(box['x'] + box['width']*.7, box['y'] + box['height']/2)
    page.mouse.up()
    seen.add(picture(page))
    assert len(seen) == 7
    assert first.get_attribute('aria-valuetext') == page.locator('.muvae .mv-slider output').first.text_content() != '0.0'
    page.get_by_role('button', name='Reset').click()
    page.wait_for_function(f'() => ({PICTURE})() === {start!r}')
    page.get_by_role('button', name='Random sample').click()
    page.wait_for_function(f'() => ({PICTURE})() !== {start!r}')


def test_it_starts_at_an_image(visit):
    "Where images have names the sliders begin, and are reset to, the code of the first: the mean code may decode to a blob"
    torch.manual_seed(0)
    page = visit(explorer(ConvVAE(latent_dim=3), images=torch.rand(40, 1, 28, 28), classes=['left', 'right']*20))
    at = "() => { const {code, models} = document.querySelector('.muvae').muvae; return [code(models[0]), models[0].starts.left]; }"
    code, left = page.evaluate(at)
    assert code == left and page.locator('.muvae select').input_value() == 'left'
    start = picture(page)
    page.get_by_role('button', name='Random sample').click()
    page.wait_for_function(f'() => ({PICTURE})() !== {start!r}')
    page.get_by_role('button', name='Reset').click()
    page.wait_for_function(f'() => ({PICTURE})() === {start!r}')
    page.locator('.muvae select').select_option('')
    page.wait_for_function(f'() => ({PICTURE})() !== {start!r}')


def test_a_touch_moves_the_slider(visit):
    page = visit(explorer(ConvVAE(latent_dim=3)), width=390)
    before, box = picture(page), page.locator('.muvae input[type=range]').nth(1).bounding_box()
    page.touchscreen.tap(box['x'] + box['width']*.8, box['y'] + box['height']/2)
    assert picture(page) != before


def test_several_models_say_which_units_collapsed(visit):
    torch.manual_seed(0)
    whole, half = ConvVAE(), ConvVAE()
    for i in (2, 6): nn.init.zeros_(half.mu.weight[i].data)
    x = torch.rand(40, 1, 28, 28)
    page = visit(explorer(whole, half, images=x, classes=['left', 'right']*20, labels=['whole', 'half']))
    words = page.locator('.muvae .mv-words').text_content()
    assert 'In half z₃ and z₇ have collapsed' in words and 'In whole' not in words
    assert 'collapsed in half' in page.locator('.muvae input[type=range]').nth(2).get_attribute('aria-label')
    page.get_by_role('button', name='half').click()
    assert page.locator('.muvae figure:visible').count() == 1
    assert 'half' not in page.locator('.muvae .mv-words').text_content()
    before = picture(page)
    page.locator('.muvae select').select_option('right')
    page.wait_for_function("() => document.querySelector('.muvae').muvae.code(document.querySelector('.muvae').muvae.models[0])"
                           ".every((z, i) => z === document.querySelector('.muvae').muvae.models[0].starts.right[i])")
    assert picture(page) != before


def test_weights_beside_the_page(visit, tmp_path):
    torch.manual_seed(0)
    nets = [ConvVAE(), ConvVAE()]
    paths = write_explorer_scripts(tmp_path/'live', nets)
    fragment = explorer(*nets, scripts='live')
    assert len(fragment) < 40_000 and all(p.name in fragment for p in paths)
    page = visit(fragment)
    page.wait_for_function("() => document.querySelector('.muvae').muvae.models.every(m => m.decode)")
    with torch.no_grad(): there = nets[1].decoder(torch.ones(1, 10)).flatten()
    here = torch.tensor(page.evaluate("() => document.querySelector('.muvae').muvae.decode(1, new Array(10).fill(1))"))
    assert (here - there).abs().max() < 2e-3
    paths[1].unlink()
    page = visit(fragment, wrong=True)
    page.wait_for_selector('.muvae [role=alert]')
    assert 'is not there' in page.locator('.muvae [role=alert]').text_content()
    paths[1].write_text('window.muvaeWeights = {};')
    page = visit(fragment)
    page.wait_for_selector('.muvae [role=alert]')


def test_the_plane(visit):
    torch.manual_seed(0)
    model = ToyVAE(clip=3.).eval()
    codes, labels = torch.randn(300, 2)*2, torch.arange(300) % 10
    fragment = plane_explorer(model, codes, labels)
    assert len(fragment) < 400_000
    page = visit(fragment)
    z = (torch.rand(6, 2)*2 - 1)*4
    here = torch.tensor([page.evaluate("z => document.querySelector('.muvae').muvae.decode(z)", row.tolist()) for row in z])
    with torch.no_grad(): error = (here - model.decoder(z).flatten(1)).abs()
    assert error.mean() < .01 and error.max() < .12  # untrained is the hardest: every pixel has a direction of its own
    seen = {picture(page)}
    page.locator('.mv-plane').focus()
    for key in 'ArrowRight', 'ArrowUp', 'Shift+ArrowLeft', 'ArrowDown', 'Home':
        page.keyboard.press(key)
        seen.add(picture(page))
    assert page.locator('.muvae output[aria-live]').text_content().startswith('z = (0.00, 0.00)')
    box = page.locator('.mv-plane').bounding_box()
    page.mouse.move(box['x'] + 30, box['y'] + 40)
    seen.add(picture(page))
    page.locator('.muvae input[type=range]').focus()
    page.keyboard.press('PageDown')
    seen.add(picture(page))
    assert len(seen) == 8


SPY = """<script>window.said = [];
const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) { said.push([text, x, y]); write.call(this, text, x, y); };
</script>"""


def test_the_plane_has_all_its_ticks(visit):
    page = visit(SPY + plane_explorer(ToyVAE(clip=3.), torch.randn(50, 2)))
    said, side = page.evaluate('() => said'), page.locator('.mv-plane').bounding_box()['width']
    for t in '−4', '−2', '0', '2', '4':
        assert any(text == t and y > side - 10 for text, _, y in said) and any(text == t and x < 12 for text, x, _ in said), t


def test_a_swipe_on_the_plane_scrolls_the_page(visit):
    page = visit('<p style="height: 400px">above</p>' + plane_explorer(ToyVAE(clip=3.), torch.randn(50, 2))
                 + '<p style="height: 2000px">below</p>', width=390)
    start, box, cdp = page.evaluate(AT), page.locator('.mv-plane').bounding_box(), page.context.new_cdp_session(page)
    def touch(kind, *points): cdp.send('Input.dispatchTouchEvent', dict(type=kind, touchPoints=points))
    def swipe(dx, dy):
        x, y = box['x'] + box['width']/2, box['y'] + 200
        touch('touchStart', dict(x=x, y=y))
        for i in range(1, 11):
            touch('touchMove', dict(x=x + dx*i/10, y=y + dy*i/10))
            page.wait_for_timeout(20)
        touch('touchEnd')
        page.wait_for_timeout(100)
    swipe(-80, 0)
    moved = page.evaluate(AT)
    assert page.evaluate('() => scrollY') == 0 and moved != start
    swipe(0, -150)
    assert page.evaluate('() => scrollY') > 100 and page.evaluate(AT) == moved


def test_the_losses_are_muvaes(visit):
    torch.manual_seed(0)
    page = visit(loss_explorer())
    assert page.locator('[data-reading]').evaluate_all('all => all.map(b => b.dataset.reading)') == list(LOGVAR_TERMS)
    for m, v, S, T in (torch.randn(25, 4)*2).tolist():
        options = dict(beta=2.5, factor=3., S=S, T=T)
        for name in ('vae', *LOGVAR_TERMS):
            call = 'kl(m, v, o)' if name == 'vae' else f'mu("{name}", m, v, o)'
            here = page.evaluate(f"([m, v, o]) => document.querySelector('.muvae').muvae.{call}", [m, v, options])
            at = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (m, v)]
            value = regularizer_surface(*at, name, 2.5, 3., S, T)
            there = [value.item(), *(g.item() for g in torch.autograd.grad(value, at))]
            assert here == pytest.approx(there, abs=1e-9), name
    before, words = picture(page), page.locator('.mv-pair .mv-words')
    page.get_by_role('slider', name='weight of the KL').focus()
    page.keyboard.press('End')
    assert picture(page) != before
    page.locator('[data-reading=literal]').click()
    page.evaluate(FRAMES)
    assert 'pushed down without end' in words.nth(1).text_content()
    page.locator('[data-reading=neg]').click()
    page.evaluate(FRAMES)
    assert 'pulled up without end' in words.nth(1).text_content()
    assert page.locator('.mv-pair b').nth(1).text_content().startswith('|Σμ| − log σ² = ')
    box = page.locator('.mv-surface').nth(0).bounding_box()
    page.mouse.click(box['x'] + box['width']/2, box['y'] + box['height']/3)  # the origin: μ = 0, log σ² = 0
    page.evaluate(FRAMES)
    assert re.match('μ is at the origin.*σ² is 1', words.nth(0).text_content())


def fragments():
    yield 'one', lambda: explorer(ConvVAE())
    yield 'four', lambda: explorer(*(ConvVAE() for _ in range(4)), labels=['VAE', 'β-VAE (β = 4)', 'μ-VAE, factor 3', 'μ-VAE, factor 6'])
    yield 'plane', lambda: plane_explorer(ToyVAE(clip=3.), torch.randn(50, 2))
    yield 'loss', loss_explorer


@pytest.mark.parametrize('make', [pytest.param(m, id=i) for i, m in fragments()])
def test_a_phone_and_the_dark(visit, make):
    page = visit(make(), width=390, style='body { margin: 16px; background: #111; color: #eee }')
    assert not page.evaluate(WIDE)
    assert page.locator('.muvae').evaluate('e => getComputedStyle(e).color') == 'rgb(238, 238, 238)'
    names = page.locator('.muvae input').evaluate_all("all => all.map(i => i.getAttribute('aria-label'))")
    assert all(names) and len(set(names)) == len(names)
    assert page.locator('.muvae canvas:not([aria-label])').count() == 0
    canvas = page.locator('.mv-surface, .mv-plane')
    if canvas.count():  # the ink on a canvas follows the page
        before = canvas.first.evaluate('c => c.toDataURL()')
        page.evaluate("() => { document.body.style.color = '#222'; }")
        page.wait_for_timeout(600)
        assert canvas.first.evaluate('c => c.toDataURL()') != before


def test_the_same_widget_twice(visit):
    fragment = loss_explorer()
    page = visit(fragment + fragment)
    assert page.locator('.muvae[data-alive]').count() == 2


def test_a_fragment_asks_for_nothing():
    for make in (m for _, m in fragments()):
        text = make()
        assert not re.search(r'https?:|fetch\(|XMLHttpRequest|import |type="module"', text)
