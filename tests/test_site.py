"The built site as a reader meets it, in Chromium (playwright), and what its files say: `make test-browser` builds it and runs these"
import os, re, threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

DOCS = Path(__file__).resolve().parent.parent/'_docs'
PAGES = sorted(p.name for p in DOCS.glob('*.html'))


@pytest.fixture(autouse=True)
def site():
    if not os.environ.get('MUVAE_BROWSER'): pytest.skip('the tests of the site run by make test-browser, which builds it')
    if not PAGES: pytest.fail('no site in _docs: make docs builds it')


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): pass


@pytest.fixture(scope='session')
def base():
    "The site's address on this machine"
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(DOCS)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/'
    server.shutdown()


@pytest.fixture
def visit(chromium):
    "Open an address; the page remembers its requests and what went wrong"
    contexts = []
    def visit(url, width=1280, scheme='light'):
        context = chromium.new_context(viewport={'width': width, 'height': 844}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.requested, page.wrong = [], []
        page.on('request', lambda r: page.requested.append(r.url))
        page.on('requestfailed', lambda r: page.wrong.append(f'failed: {r.url}'))
        page.on('response', lambda r: page.wrong.append(f'{r.status}: {r.url}') if r.status >= 400 else None)
        page.on('console', lambda m: page.wrong.append(m.text) if m.type in ('error', 'warning') else None)
        page.on('pageerror', lambda e: page.wrong.append(str(e)))
        page.goto(url, wait_until='load')
        return page
    yield visit
    for c in contexts: c.close()


def brightness(page, what):
    "0 (black) to 1 (white): the body's `what`"
    r, g, b = page.evaluate(f'getComputedStyle(document.body).{what}.match(/[\\d.]+/g).slice(0, 3).map(Number)')
    return (.2126*(r/255)**2.2 + .7152*(g/255)**2.2 + .0722*(b/255)**2.2)


TEXT = """() => {  // what a reader reads: no code, no mathematics that has been set
  const copy = document.querySelector('main').cloneNode(true);
  copy.querySelectorAll('pre, code, script, style, .katex').forEach(e => e.remove());
  return copy.textContent;
}"""
WIDE = """() => [...document.querySelectorAll('body *')].filter(e => {
  const r = e.getBoundingClientRect();
  return r.width && r.right > innerWidth + 1 && getComputedStyle(e).position !== 'fixed';
}).slice(0, 5).map(e => e.outerHTML.slice(0, 120))"""
NUMBERS = """() => [...document.querySelectorAll('.katex-tag')].map(  // equation number, and whether it lies on its equation
  t => t.getBoundingClientRect().left < t.previousElementSibling.getBoundingClientRect().right - 1)"""
PICTURES = """async () => {
  const pictures = [...document.images];
  pictures.forEach(i => i.loading = 'eager');
  await Promise.all(pictures.map(i => i.decode().catch(() => 0)));
  return pictures.filter(i => !i.naturalWidth).map(i => i.src);
}"""


@pytest.mark.parametrize('scheme, widths', [('light', (1280, 390)), ('dark', (390, 1280))])
@pytest.mark.parametrize('name', PAGES)
def test_page(visit, base, name, scheme, widths):
    page = visit(base + name, widths[0], scheme)
    assert page.evaluate(PICTURES) == []
    assert page.locator('main img:not([alt])').count() == 0
    assert page.locator('.katex-error').count() == 0
    assert re.findall(r'.{,30}(?:\[@|@fig-|@eq-|@tbl-|:::|\\[(\[]|#\||\$\$|\{\{<|\{\.|\{=).{,30}', page.evaluate(TEXT)) == [], 'raw markup'
    paper, ink = brightness(page, 'backgroundColor'), brightness(page, 'color')
    assert (paper > .9 and ink < .1) if scheme == 'light' else (paper < .05 and ink > .5)
    for width in widths:
        page.set_viewport_size(dict(width=width, height=844))
        page.wait_for_timeout(200)
        room = page.evaluate('[document.documentElement.scrollWidth, document.body.scrollWidth]')
        assert max(room) <= width, f'{room} in {width}: {page.evaluate(WIDE)}'
        assert page.evaluate(NUMBERS) == [False] * (DOCS/name).read_text().count('\\tag{'), 'an equation number is missing or in the way'
    assert [u for u in page.requested if not u.startswith((base, 'data:', 'blob:'))] == [], 'a request to another host'
    assert page.wrong == []


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.sources = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if attrs.get('id'): self.ids.add(attrs['id'])
        if tag == 'a' and attrs.get('href'): self.links.append(attrs['href'])
        self.sources += [attrs[k] for k in ('src', 'href') if attrs.get(k) and tag in ('img', 'script', 'link', 'source')]


def test_links_and_anchors():
    pages = {name: Links((DOCS/name).read_text()) for name in PAGES}
    dead = []
    for name, page in pages.items():
        for link in page.links + page.sources:
            to = urlsplit(link)
            if to.scheme in ('https', 'mailto', 'data'): continue
            path, anchor = unquote(to.path) or name, unquote(to.fragment)
            if to.scheme or not (DOCS/path).is_file(): dead.append(f'{name}: {link}')
            elif anchor and path in pages and anchor not in pages[path].ids: dead.append(f'{name}: {link} has no such anchor')
    assert not dead, '\n'.join(sorted({*dead}))


def test_every_page_leads_on():
    for name in PAGES:
        text = (DOCS/name).read_text()
        assert 'pagination-link' in text and len(re.findall(r'<main.*</main>', text, re.S)) == 1, name


@pytest.mark.parametrize('where', ['http', 'disk'])
def test_search(visit, base, where):
    page = visit((base if where == 'http' else DOCS.as_uri() + '/') + 'index.html')
    page.keyboard.press('/')
    page.keyboard.type('mu_loss')
    first = page.locator('.search-result').first
    first.wait_for()
    assert 'losses.html' in first.get_attribute('href')
    page.keyboard.press('Enter')
    page.wait_for_url('**/losses.html*')
    assert 'mu_loss' in page.locator('main').inner_text()
    assert page.wrong == []


@pytest.mark.parametrize('name', ['index.html', 'losses.html'])
def test_from_disk(visit, name):
    page = visit((DOCS/name).as_uri(), 390, 'dark')
    assert page.wrong == [] and page.locator('.katex').count() > 0 and page.locator('.katex-error').count() == 0
    assert all(u.startswith(('file:', 'data:', 'blob:')) for u in page.requested)


def test_light_and_dark_are_a_click_away(visit, base):
    page = visit(base + 'index.html')
    before = brightness(page, 'backgroundColor')
    page.locator('.quarto-color-scheme-toggle').click()
    page.wait_for_timeout(300)
    assert before > .9 and brightness(page, 'backgroundColor') < .05
    page.goto(base + 'losses.html')
    assert brightness(page, 'backgroundColor') < .05, 'the choice is forgotten on the next page'


def test_the_way_on_a_phone(visit, base):
    page = visit(base + 'index.html', 390)
    page.locator('.quarto-btn-toggle').first.click()
    page.locator('#quarto-sidebar a[href^="losses.html"]').first.click()
    page.wait_for_url('**/losses.html')
    page.locator('.sd-search-toggle').click()
    page.keyboard.type('clip')
    page.locator('.search-result').first.wait_for()
    box = page.locator('.smalldocs-search-results').bounding_box()
    assert box['x'] >= 0 and box['x'] + box['width'] <= 390
    assert page.evaluate('[scrollX, document.documentElement.scrollWidth]') == [0, 390]


def test_the_front_page_is_alive(visit, base):
    page = visit(base + 'index.html', 390)
    pictures = 'Array.from(document.querySelectorAll("#muvae-explorer canvas"), c => c.toDataURL())'
    page.wait_for_function("document.querySelectorAll('#muvae-explorer canvas').length === 4")
    page.wait_for_timeout(1500)
    before = page.evaluate(pictures)
    assert len({*before}) == 4
    slider = page.locator('#muvae-explorer input[type=range]').nth(1)
    slider.evaluate("e => { e.value = e.max; e.dispatchEvent(new Event('input', {bubbles: true})); }")
    page.wait_for_timeout(1000)
    assert all(a != b for a, b in zip(before, page.evaluate(pictures)))
    assert page.wrong == []


def test_size():
    files = [f for f in DOCS.rglob('*') if f.is_file()]
    assert sum(f.stat().st_size for f in files) < 25e6
    for css in (f for f in files if f.suffix == '.css'):
        text = css.read_text()
        assert not re.findall(r'(?:@import|url\()\s*["\']?(?:https?:)?//[^)"\';]+', text), f'{css} asks another host'
        for url in re.findall(r'url\(["\']?([^)"\']+\.woff2)', text): assert (css.parent/urlsplit(url).path).is_file(), f'{css} wants {url}'
