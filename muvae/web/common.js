// What every widget here uses. The text of these files goes inside one function in the page, so nothing leaks out of it.

// An element: h('button', {class: 'x', onclick: f}, 'text', child, …)
function h(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (v !== null && v !== undefined) e.setAttribute(k, v);
  }
  e.append(...children);
  return e;
}

const signed = (x, digits = 2, plus = '+') => { const t = Math.abs(x).toFixed(digits); return (+t === 0 ? '' : x < 0 ? '−' : plus) + t; };
const plain = (x, digits = 2) => signed(x, digits, '');
const clamp = (x, lo, hi) => Math.min(hi, Math.max(lo, x));
const subscript = n => String(n).replace(/\d/g, d => '₀₁₂₃₄₅₆₇₈₉'[d]);

// However often it is asked for, `draw` runs once in each frame of the screen; while it returns true, again in the next.
function eachFrame(draw) {
  let asked = false;
  const ask = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; if (draw()) ask(); });
  };
  return ask;
}

function bytes(base64) {
  const text = atob(base64), out = new Uint8Array(text.length);
  for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i);
  return out.buffer;
}

const POWERS = Array.from({length: 32}, (_, e) => 2 ** (e - 15));
function half(u) {  // IEEE float16 from its bits
  const e = u >> 10 & 31, f = u & 1023, sign = u & 0x8000 ? -1 : 1;
  return sign * (e === 0 ? f * 2 ** -24 : e === 31 ? (f ? NaN : Infinity) : (1 + f / 1024) * POWERS[e]);
}

function numbers(base64, kind) {
  if (kind === 'float32') return Float64Array.from(new Float32Array(bytes(base64)));
  if (kind === 'float16') return Float64Array.from(new Uint16Array(bytes(base64)), half);
  return Float64Array.from(new Int16Array(bytes(base64)));
}

// A labelled slider. `show(value)` is the text beside it and what a screen reader says; a double click goes back to the start.
function slider({label, name, min, max, step, value, show, input, extra}) {
  const range = h('input', {type: 'range', min, max, step, value, 'aria-label': name});
  const out = h('output', {'aria-hidden': 'true'});
  const place = () => {
    const text = show(range.valueAsNumber);
    out.textContent = text;
    range.setAttribute('aria-valuetext', text);
    range.style.setProperty('--at', (range.valueAsNumber - min) / (max - min));
  };
  const set = x => { range.value = x; place(); };
  range.addEventListener('input', () => { place(); input(range.valueAsNumber); });
  range.addEventListener('dblclick', () => { set(value); input(value); });
  set(value);
  return {element: h('label', {class: 'mv-slider'}, h('span', {class: 'mv-name'}, label), range, out, ...(extra ? [extra] : [])), range, set, place};
}

// Call `again` when the page changes between light and dark: themes set attributes on html or body, or swap style sheets.
function onTheme(root, again) {
  let last = '';
  const look = () => { const c = getComputedStyle(root).color; if (c !== last) { last = c; again(); } };
  const later = () => { look(); setTimeout(look, 80); setTimeout(look, 400); };
  const observer = new MutationObserver(later);
  for (const e of [document.documentElement, document.body]) observer.observe(e, {attributes: true});
  if (window.matchMedia) matchMedia('(prefers-color-scheme: dark)').addEventListener('change', later);
  window.addEventListener('load', later);
  look();
}

// A canvas as sharp as the screen; `paint(context, width, height)` works in CSS pixels. Drawn anew when its size changes.
function sharpCanvas(canvas, paint) {
  const draw = () => {
    const {width, height} = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    if (!width || !height) return;
    const w = Math.round(width * ratio), hh = Math.round(height * ratio);
    if (canvas.width !== w || canvas.height !== hh) { canvas.width = w; canvas.height = hh; }
    const g = canvas.getContext('2d');
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    paint(g, width, height);
  };
  const ask = eachFrame(draw);
  if (window.ResizeObserver) new ResizeObserver(ask).observe(canvas);
  return ask;
}

// Grey or colour values in [0, 1], channel by channel, onto a canvas of their own size.
function paintImage(canvas, values, [channels, height, width]) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height), n = width * height;
  for (let p = 0; p < n; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = 255 * values[(channels === 3 ? c : 0) * n + p] + .5;
    image.data[4 * p + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

// Each element of this widget in the page that is not alive yet. A page may hold the same widget twice.
function roots(id) { return [...document.querySelectorAll(`[data-muvae="${id}"]:not([data-alive])`)]; }

function start(spec, build) {
  for (const root of roots(spec.id)) {
    root.setAttribute('data-alive', '');
    root.textContent = '';
    build(root, spec);
    // else JupyterLab takes the arrow keys for itself
    for (const e of root.querySelectorAll('input, select, button, [tabindex]')) e.setAttribute('data-lm-suppress-shortcuts', 'true');
  }
}
