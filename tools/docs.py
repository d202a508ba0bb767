"""The documentation site without Quarto and without a network: notebooks as they are committed → _docs/

    python tools/docs.py            build
    python tools/docs.py --serve    build, and serve on 127.0.0.1

nbdev makes the pages' notebooks (`_proc/`), smalldocs renders them with the same `_quarto.yml` that Quarto reads, and the steps below
mend what smalldocs leaves to a web server or to other hosts, so that the site also opens from disk.
"""
import ast, base64, json, re, shutil, struct, sys, time
from pathlib import Path

root = Path(__file__).resolve().parent.parent
proc, docs = root/'_proc', root/'_docs'
sys.path.insert(0, str(root))  # this tree's package, for the workers too


# ---- before rendering

def notebooks():
    "Into `_proc/`: hidden cells taken out, `show_doc` run, names in backticks linked"
    from nbdev.quarto import refresh_quarto_yml
    from nbdev.serve import proc_nbs
    shutil.rmtree(proc, ignore_errors=True)
    refresh_quarto_yml()
    proc_nbs(n_workers=2, force=True)


def slug(name): return re.sub(r'^\d+_', '', name)


def rename():
    "01_losses.ipynb becomes losses.ipynb, and links follow; pages that do not exist leave the sidebar"
    import yaml
    pages = {p.name: slug(p.name) for p in proc.glob('*.ipynb')}
    site = json.loads((proc/'nbdev.yml').read_text().partition('site-url:')[2].partition('\n')[0])
    for name, new in pages.items():
        text = (proc/name).read_text()
        text = re.sub(r'\]\((\d\d_\w+\.ipynb)', lambda m: f']({pages.get(m[1], m[1])}', text)
        text = text.replace(f']({site}/', '](')  # nbdev links names by the address of the published site
        (proc/name).unlink()
        (proc/new).write_text(text)

    def listed(items):
        for o in items:
            page = o if isinstance(o, str) else o.get('href', '')
            if isinstance(o, dict) and 'contents' in o: yield {**o, 'contents': [*listed(o['contents'])]}
            elif page not in pages: print(f'no {page} yet: left out')
            elif isinstance(o, str): yield slug(o)
            else: yield {**o, 'href': slug(page)}

    config = yaml.safe_load((proc/'_quarto.yml').read_text())
    bar = config['website']['sidebar']
    bar['contents'] = [*listed(bar['contents'])]
    config['smalldocs'] = {'linkify': True}
    config['project']['output-dir'] = '_docs'
    (proc/'_quarto.yml').write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False))


def names():
    "`_symbols.json`: where smalldocs finds modules and constants, which nbdev does not link; the cells that define them get an anchor"
    found = {}
    for path in sorted(root.glob('nbs/*.ipynb')):
        nb = json.loads(path.read_text())
        sources = [''.join(c['source']) for c in nb['cells'] if c['cell_type'] == 'code']
        module = next((m[1] for s in sources if (m := re.match(r'#\| default_exp (\w+)', s))), None)
        if module is None: continue
        page = slug(path.name)
        found[f'muvae.{module}'] = page
        shown = json.loads((proc/page).read_text())
        for cell in shown['cells']:
            source = ''.join(cell['source'])
            if cell['cell_type'] != 'code' or 'code-summary: "Exported source"' not in source: continue
            body = ast.parse(source).body
            defined = [t.id for o in body if isinstance(o, ast.Assign) for t in o.targets if isinstance(t, ast.Name) and t.id[0] != '_']
            if not defined: continue
            cell['source'] = f'#| label: {defined[0]}\n' + source
            for name in defined: found.setdefault(name, f'{page}#{defined[0]}')
        (proc/page).write_text(json.dumps(shown, ensure_ascii=False))
    (proc/'_symbols.json').write_text(json.dumps(found))


# ---- the live explorer on the front page: the site alone has it, not README.md and not the notebook

MODELS = 'vae', 'beta', 'mu3', 'mu6'
PLACE = '<div id="muvae-explorer"></div>'
WORDS = """## Drag a code

Ten numbers are all that a decoder is told of an image. Each slider moves one of them in four trained models
at once, and the four decoders answer in your browser, with no server behind them.
"""
BEGIN = """<script>
addEventListener('load', () => {  // with an image instead of the mean of all
  const start = document.querySelector('#muvae-explorer select');
  if (!start || start.options.length < 2) return;
  start.value = [...start.options].reduce((found, o) => /boot/i.test(o.text) ? o : found, start.options[1]).value;
  start.dispatchEvent(new Event('change'));
});
</script>"""


def make_room():
    "Its place, after the first words of the front page"
    nb = json.loads((proc/'index.ipynb').read_text())
    first = next(i for i, c in enumerate(nb['cells']) if ''.join(c['source']).startswith('## '))
    source = f'{WORDS}\n```{{=html}}\n{PLACE}\n```'
    nb['cells'].insert(first, dict(cell_type='markdown', id='muvae-explorer', metadata={}, source=source))
    (proc/'index.ipynb').write_text(json.dumps(nb, ensure_ascii=False))


def kept_runs():
    "Folders of the paper's four models on Fashion-MNIST; until they are committed, of the readings, which are shorter runs"
    for group in 'fashion_mnist', 'readings/fashion_mnist':
        folders = [root/'muvae/runs'/group/m/'seed0' for m in MODELS]
        if all((f/'spread.json').exists() for f in folders): return folders


def explorer(folders):
    "Its HTML, and beside the page a script file with each decoder's weights, which also works from disk"
    from muvae.experiments import load_run
    from muvae.widgets import explorer, write_explorer_scripts
    runs = [load_run(f) for f in folders]
    write_explorer_scripts(docs/'explorer', runs)
    return explorer(*runs, scripts='explorer') + BEGIN


# ---- after rendering

def replace_once(text, old, new):
    if text.count(old) != 1: raise SystemExit(f'smalldocs has changed: {old!r} stands {text.count(old)} times')
    return text.replace(old, new)


def no_other_host():
    "Fonts and KaTeX come from the site; the search index is a script, since a page on disk may not fetch"
    for css in docs.glob('site_libs/themes/*.css'):
        css.write_text(re.sub(r'@import url\(https?://.*?\);', '', css.read_text()))
    js = docs/'site_libs/smalldocs.js'
    js.write_text(replace_once(js.read_text(), 'const r = await fetch(offset + "search.json");\n      index = await r.json();',
        'await new Promise((done) => {\n'
        '        const s = document.createElement("script");\n'
        '        s.src = offset + "search.js"; s.onload = s.onerror = done;\n'
        '        document.head.append(s);\n'
        '      });\n'
        '      index = window.searchIndex || [];'))
    index = docs/'search.json'
    (docs/'search.js').write_text(f'window.searchIndex = {index.read_text()};\n')
    index.unlink()


def pictures(page, html):
    "Pictures in files of their own, with their size, loaded when the reader gets there"
    folder = docs/'figures'
    def file(m):
        data = base64.b64decode(m[2])
        n = len([*folder.glob(f'{page.stem}-*.png')])
        folder.mkdir(exist_ok=True)
        name = f'{page.stem}-{n + 1}.png'
        (folder/name).write_bytes(data)
        width, height = struct.unpack('>II', data[16:24])
        alt = m[1] if 'alt=' in m[1] else ' alt="what the cell above draws"'
        size = f'width="{width}" height="{height}" style="--width: {width}px"'  # the style is for phones
        return f'<img{alt} src="figures/{name}" {size} loading="lazy" decoding="async"'
    return re.sub(r'<img([^>]*?) src="data:image/png;base64,([^"]+)"', file, html)


UNBROKEN = r'[μβ]-VAEs?|‖x − x′‖²|[\d.,]*\d %|[σβ] = √?[\d.]+'


def unbroken(html):
    "No line ends within β-VAE, 3 % or σ = 3"
    before, tag, rest = html.partition('<main')
    parts = re.split(r'(<(pre|script|style)\b.*?</\2>|<[^>]+>)', rest, flags=re.S)  # text, markup, its name, text, …
    texts = [re.sub(UNBROKEN, r'<span class="unbroken">\g<0></span>', t) for t in parts[::3]]
    return before + tag + ''.join(t + (m or '') for t, m in zip(texts, [*parts[1::3], '']))


def mend(page, explorer):
    "One page's HTML"
    html = page.read_text()
    html = re.sub(r'https://cdn\.jsdelivr\.net/npm/katex@[\d.]+/dist/(?:contrib/)?', 'site/katex/', html)
    html = unbroken(pictures(page, html))
    html = re.sub('(?<!<pre>)<code>([^<]{1,30})</code>', r'<code class="unbroken">\1</code>', html)
    options = lambda m: '<code>' + re.sub(r'--[\w-]+', r'<span class="unbroken">\g<0></span>', m[1]) + '</code>'
    html = re.sub('(?<!<pre>)<code>([^<]{31,})</code>', options, html)
    html = re.sub('<pre>(<code>[^\n]*\n?</code></pre>)', r'<pre class="one-line">\1', html)
    html = re.sub(r'\\\)</span>([.,;:])', r'\\text{\1}\\)</span>', html)  # no line begins with a full stop
    html = re.sub(r'<p><em>((?:(?!</?em>|</p>).)*)</em></p>', r'<p class="caption">\1</p>', html, flags=re.S)
    page.write_text(html.replace(PLACE, f'<div id="muvae-explorer">\n{explorer}\n</div>'))


def build():
    start = time.perf_counter()
    notebooks()
    rename()
    names()
    runs = kept_runs()
    if runs: make_room()
    else: print('no committed runs of the four models: no explorer on the front page')
    from smalldocs.site import build
    warnings = [w for w in build(proc, quiet=True).warnings if not re.search('output-file|commonmark|html-math-method', w)]
    shutil.rmtree(docs, ignore_errors=True)
    shutil.move(proc/'_docs', docs)
    no_other_host()
    live = explorer(runs) if runs else ''
    for page in sorted(docs.glob('*.html')): mend(page, live)
    for w in warnings: print(w)
    files = [f for f in docs.rglob('*') if f.is_file()]
    size = sum(f.stat().st_size for f in files)/1e6
    print(f'_docs: {len([*docs.glob("*.html")])} pages, {size:.1f} MB, {time.perf_counter()-start:.0f} s. Open _docs/index.html')


def serve(port=8000):
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    server = ThreadingHTTPServer(('127.0.0.1', port), partial(SimpleHTTPRequestHandler, directory=str(docs)))
    print(f'http://127.0.0.1:{port}/  (Ctrl-C to stop)', flush=True)
    try: server.serve_forever()
    except KeyboardInterrupt: pass


if __name__ == '__main__':
    build()
    if '--serve' in sys.argv: serve()
