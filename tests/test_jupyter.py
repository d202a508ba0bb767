"The widgets notebook in JupyterLab in Chromium (playwright): run it, move a slider, see the picture change; `make test-browser` runs this"
import json, os, socket, subprocess, sys, time, urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = {'@jupyterlab/notebook-extension/tracker': dict(windowingMode='none'),  # every output in the page, seen or not
            '@jupyterlab/apputils-extension/notification': dict(fetchNews='false', checkForUpdates=False)}
FRAME = '() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))'


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "JupyterLab on 127.0.0.1 with a copy of the widgets notebook; its address"
    pytest.importorskip('jupyterlab')
    home = tmp_path_factory.mktemp('lab')
    (home/'work').mkdir()
    notebook = json.loads((ROOT/'nbs/17_widgets.ipynb').read_text())
    del notebook['cells'][-1]  # exports the module
    (home/'work/17_widgets.ipynb').write_text(json.dumps(notebook))
    for plugin, values in SETTINGS.items():
        path = home/'settings'/f'{plugin}.jupyterlab-settings'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    env = dict(os.environ, JUPYTERLAB_SETTINGS_DIR=str(home/'settings'), JUPYTERLAB_WORKSPACES_DIR=str(home/'workspaces'),
               JUPYTER_CONFIG_DIR=str(home/'config'), JUPYTER_RUNTIME_DIR=str(home/'runtime'), OMP_NUM_THREADS='1',
               PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]))
    log = (home/'log').open('w')
    server = subprocess.Popen([sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', '--ip=127.0.0.1', f'--port={port}',
        '--ServerApp.port_retries=0', '--IdentityProvider.token=', '--ServerApp.password=', f'--ServerApp.root_dir={home/"work"}'],
        cwd=home/'work', env=env, stdout=log, stderr=log)
    base = f'http://127.0.0.1:{port}'
    for _ in range(240):
        if server.poll() is not None: pytest.fail((home/'log').read_text())
        try: urllib.request.urlopen(f'{base}/api/status', timeout=5).read(); break
        except OSError: time.sleep(.5)
    yield base
    server.terminate()
    server.wait(30)


def test_sliders_in_jupyterlab(lab, chromium):
    page = chromium.new_page(viewport=dict(width=1300, height=1000))
    page.set_default_timeout(240_000)
    wrong = []
    page.on('pageerror', lambda e: wrong.append(str(e)))
    page.goto(f'{lab}/lab/tree/17_widgets.ipynb')
    page.wait_for_selector('.jp-Notebook .jp-Cell')
    page.wait_for_selector('.jp-StatusBar-TextItem:has-text("| Idle")')
    page.wait_for_timeout(2000)  # JupyterLab calls itself idle before it has told the notebook
    page.add_locator_handler(page.locator('.jp-Dialog .jp-mod-accept'), lambda button: button.click())  # and may ask for a kernel
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
    page.locator('.jp-Notebook').click(trial=True)  # whatever stands in the way is answered
    page.wait_for_function("() => document.querySelectorAll('.widget-vbox > .widget-image').length >= 4")  # no cell on the way has failed

    # in the page: the explorer, computed by the browser
    explorer = page.locator('.muvae[data-alive]').first
    explorer.scroll_into_view_if_needed()
    canvas, slider = explorer.locator('canvas').first, explorer.locator('input[type=range]').first
    before = canvas.evaluate('c => c.toDataURL()')
    slider.focus()
    for _ in range(5): page.keyboard.press('ArrowRight')
    page.evaluate(FRAME)
    assert canvas.evaluate('c => c.toDataURL()') != before
    assert page.locator('.muvae[data-alive]').count() >= 4

    # ipywidgets, computed by the kernel
    panel = page.locator('.widget-vbox:has(> .widget-image)').first
    panel.scroll_into_view_if_needed()
    image, handle = panel.locator('.widget-image').first, panel.locator('.noUi-handle').first
    before = image.get_attribute('src')
    handle.focus()
    for _ in range(5): page.keyboard.press('ArrowRight')
    page.wait_for_function('([image, before]) => image.src !== before', arg=[image.element_handle(), before])
    page.wait_for_selector('.jp-StatusBar-TextItem:has-text("| Idle")')
    assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
    assert wrong == []
    page.close()
