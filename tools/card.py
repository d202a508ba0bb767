"""The picture that a link to the site shows elsewhere: nbs/site/card.png, 1200 × 630, set in the site's own fonts by Chromium

    python tools/card.py            needs what make test-browser installs
"""
import math, random, shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

site = Path(__file__).resolve().parent.parent/'nbs/site'
COLORS = '#1F86C8', '#D55E00', '#009E73', '#CC79A7'


def picture(r=205, n=90):
    "Codes and the sphere that clips them: what lies outside is brought back to it, along the radius"
    rand = random.Random(5)
    parts = [f'<circle r="{r}" fill="none" stroke="#009E73" stroke-width="2.5"/>', '<circle r="3.5" fill="#63666b"/>']
    for i in range(n):
        angle, length = (i % 4)*math.pi/2 + rand.gauss(.6, .28), r*rand.gauss(.86, .24)
        x, y = math.cos(angle), math.sin(angle)
        if length > r:
            parts.append(f'<path d="M{x*length:.1f} {y*length:.1f}L{x*r:.1f} {y*r:.1f}" stroke="#bbb8b0" stroke-width="1.2"/>')
            parts.append(f'<circle cx="{x*length:.1f}" cy="{y*length:.1f}" r="4.5" fill="none" stroke="#bbb8b0" stroke-width="1.2"/>')
        length = min(length, r)
        parts.append(f'<circle cx="{x*length:.1f}" cy="{y*length:.1f}" r="6" fill="{COLORS[i % 4]}"/>')
    return f'<svg viewBox="-300 -315 600 630" width="600" height="630">{"".join(parts)}</svg>'


HTML = f"""<!doctype html><meta charset="utf-8"><base href="{site.as_uri()}/"><link rel="stylesheet" href="style.css">
<style>
  body {{ width: 1200px; height: 630px; display: flex; flex-direction: row; background: #fffefc; color: #1f2124; overflow: hidden }}
  div {{ width: 650px; padding: 150px 0 0 84px; flex: none }} svg {{ flex: none; margin-left: -112px }}
  h1 {{ font: 640 92px/1 var(--serif); letter-spacing: -.025em; margin: 0 0 30px }}
  p {{ font: italic 34px/1.35 var(--serif); color: #4b4e53; margin: 0 }}
  small {{ display: block; font: 23px/1.4 var(--sans); color: #63666b; margin-top: 40px }}
</style>
<div><h1>muvae</h1><p>Why a VAE’s posterior collapses,<br>and what the μ-VAE does about it</p>
<small>The paper’s objective and latent clipping,<br>derived, tested and measured</small></div>{picture()}"""

with sync_playwright() as p:
    path = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))))
    browser = p.chromium.launch(executable_path=path, args=['--no-sandbox', '--allow-file-access-from-files'])
    page = browser.new_page(viewport={'width': 1200, 'height': 630})
    draft = site/'card.html'
    draft.write_text(HTML)
    page.goto(draft.as_uri())
    page.evaluate('document.fonts.ready')
    page.wait_for_timeout(500)
    page.screenshot(path=site/'card.png')
    draft.unlink()
    browser.close()
