// The decoder in the page: layers as PyTorch has them, sliders for the code, one image for each model.

// Each maker takes its weights from `take` in the order in which Python wrote them and returns a function of a flat array.
const LAYERS = {
  linear(l, take) {
    const [n] = l.in, [m] = l.out, weight = take(n * m), bias = take(m);
    return x => {
      const y = Float64Array.from(bias);
      for (let o = 0, k = 0; o < m; o++) { let sum = 0; for (let i = 0; i < n; i++) sum += weight[k++] * x[i]; y[o] += sum; }
      return y;
    };
  },
  // Transposed: an input pixel (r, c) adds to the output pixels (r·s − p + a, c·s − p + b). Weights are (in, out, a, b).
  deconv(l, take) {
    const [ci, h, w] = l.in, [co, H, W] = l.out, [kh, kw] = l.kernel, [sy, sx] = l.stride, [py, px] = l.padding;
    const weight = take(ci * co * kh * kw), bias = take(co);
    return x => {
      const y = new Float64Array(co * H * W);
      for (let o = 0; o < co; o++) y.fill(bias[o], o * H * W, (o + 1) * H * W);
      let n = 0;
      for (let i = 0; i < ci; i++) for (let o = 0; o < co; o++) for (let a = 0; a < kh; a++) for (let b = 0; b < kw; b++) {
        const k = weight[n++], first = Math.max(0, Math.ceil((px - b) / sx)), last = Math.min(w, Math.floor((W - 1 + px - b) / sx) + 1);
        for (let r = 0; r < h; r++) {
          const R = r * sy - py + a;
          if (R < 0 || R >= H) continue;
          let p = (i * h + r) * w + first, q = (o * H + R) * W + first * sx - px + b;
          for (let c = first; c < last; c++, p++, q += sx) y[q] += k * x[p];
        }
      }
      return y;
    };
  },
  // An output pixel (R, C) reads the input pixels (R·s − p + a, C·s − p + b). Weights are (out, in, a, b).
  conv(l, take) {
    const [ci, h, w] = l.in, [co, H, W] = l.out, [kh, kw] = l.kernel, [sy, sx] = l.stride, [py, px] = l.padding;
    const weight = take(ci * co * kh * kw), bias = take(co);
    return x => {
      const y = new Float64Array(co * H * W);
      for (let o = 0; o < co; o++) y.fill(bias[o], o * H * W, (o + 1) * H * W);
      let n = 0;
      for (let o = 0; o < co; o++) for (let i = 0; i < ci; i++) for (let a = 0; a < kh; a++) for (let b = 0; b < kw; b++) {
        const k = weight[n++], first = Math.max(0, Math.ceil((px - b) / sx)), last = Math.min(W, Math.floor((w - 1 + px - b) / sx) + 1);
        for (let R = 0; R < H; R++) {
          const r = R * sy - py + a;
          if (r < 0 || r >= h) continue;
          let q = (o * H + R) * W + first, p = (i * h + r) * w + first * sx - px + b;
          for (let C = first; C < last; C++, q++, p += sx) y[q] += k * x[p];
        }
      }
      return y;
    };
  },
  relu: l => x => x.map(v => v > 0 ? v : v * l.slope),
  tanh: () => x => x.map(Math.tanh),
  sigmoid: () => x => x.map(v => 1 / (1 + Math.exp(-v))),
};

function decoder(layers, weights) {
  let at = 0;
  const steps = layers.map(l => LAYERS[l.kind](l, n => weights.subarray(at, at += n)));
  return z => steps.reduce((x, f) => f(x), Float64Array.from(z));
}

// The weights stand in the model itself or in a script beside the page, which puts them into window.muvaeWeights.
function fetchWeights(model, done, failed) {
  const have = () => model.weights || (window.muvaeWeights || {})[model.key];
  if (have()) return done(have());
  const script = document.createElement('script');
  script.src = model.script;
  script.onload = () => have() ? done(have()) : failed(`${model.script} holds other weights`);
  script.onerror = () => failed(`${model.script} is not there`);
  document.head.append(script);
}

const list = (units, word = 'and') => units.length < 2 ? units.join('') : `${units.slice(0, -1).join(', ')} ${word} ${units[units.length - 1]}`;

function gauss() { return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()); }

function explorer(root, spec) {
  const {models, latent, reach} = spec, many = models.length > 1, body = h('div', {class: many ? 'mv-many' : 'mv-one'});
  root.append(body);
  const steps = new Array(latent).fill(0);  // in units of each model's own spread
  // Where the sliders' middle lies: an image's code, or the mean code, which may decode to a blob; first that of the first image
  const names = Object.keys(models[0].starts || {}), first = names[0] || '', place = (m, name) => (m.starts || {})[name] || m.mean;
  for (const m of models) m.from = m.base = place(m, first);
  let gone = 1;  // of the way from the old middle to the new
  const middle = (m, i) => gone < 1 ? m.from[i] + gone * (m.base[i] - m.from[i]) : m.base[i];
  const code = m => steps.map((s, i) => middle(m, i) + s * m.spread[i]);
  const waiting = new Set();

  const draw = eachFrame(() => {  // as many decodes as fit into 10 ms, the rest in the next frame; never the same twice
    const begin = performance.now();
    for (const m of waiting) {
      waiting.delete(m);
      paintImage(m.canvas, m.decode(code(m)), m.shape);
      if (performance.now() - begin > 10) break;
    }
    return waiting.size > 0;
  });
  const changed = () => { for (const m of models) if (m.decode && m.shown) waiting.add(m); draw(); };

  for (const m of models) {
    m.shown = true;
    m.canvas = h('canvas', {role: 'img', 'aria-label': `image decoded by ${m.label}`});
    m.note = h('span', {class: 'mv-note'}, 'loading');
    m.figure = h('figure', {style: `--hue: ${m.color}`}, m.canvas, h('figcaption', {}, h('b', {}, m.label), m.note));
    const off = m.active ? m.active.filter(a => !a).length : 0;
    m.about = m.active ? `${latent - off}/${latent} units active` : '';
    fetchWeights(m, w => {
      m.decode = decoder(m.layers, numbers(w, m.precision));
      m.note.textContent = m.about;
      changed();
    }, why => { m.note.textContent = why; m.note.setAttribute('role', 'alert'); });
  }

  // A bar for each model beneath a slider: how far the picture moves from one end of it to the other
  const most = Math.max(...models.flatMap(m => m.effect));
  const bars = i => h('span', {class: 'mv-bars', 'aria-hidden': 'true'}, ...models.map(m => {
    const bar = h('i', {style: `--hue: ${m.color}; --long: ${most ? m.effect[i] / most : 0}`});
    if (m.active && !m.active[i]) bar.className = 'mv-off';
    m.bars = [...(m.bars || []), bar];
    return bar;
  }));
  const off = i => models.filter(m => m.active && !m.active[i]).map(m => m.label);
  const sliders = steps.map((_, i) => slider({
    label: `z${subscript(i + 1)}`, name: `latent ${i + 1}` + (off(i).length ? `, collapsed in ${list(off(i))}` : ''),
    min: -reach, max: reach, step: reach / 60, value: 0, extra: bars(i),
    show: s => many ? signed(s, 1) : plain(middle(models[0], i) + s * models[0].spread[i], 1),
    input: s => { steps[i] = s; changed(); },
  }));
  // From one middle to another in half a second, so that one sees a shoe become a shirt; at once where motion is unwanted
  let begun = 0;
  const glide = eachFrame(() => {
    gone = clamp((performance.now() - begun) / 500, 0, 1);
    for (const s of sliders) s.place();
    changed();
    return gone < 1;
  });
  function startFrom(name) {
    for (const m of models) [m.from, m.base] = [steps.map((_, i) => middle(m, i) + steps[i] * m.spread[i]), place(m, name)];
    sliders.forEach((s, i) => { steps[i] = 0; s.set(0); });
    begun = window.matchMedia && matchMedia('(prefers-reduced-motion: reduce)').matches ? -1e9 : performance.now();
    gone = 0;
    glide();
  }

  const jump = f => { sliders.forEach((s, i) => { steps[i] = clamp(f(i), -reach, reach); s.set(steps[i]); }); changed(); };

  const buttons = h('div', {class: 'mv-buttons'},
    h('button', {type: 'button', onclick: () => { startFrom(select.value = ''); jump(gauss); }}, 'Random sample'),
    h('button', {type: 'button', onclick: () => startFrom(select.value = first)}, 'Reset'));
  const select = h('select', {'aria-label': 'start from', onchange: () => startFrom(select.value)}, h('option', {value: ''}, 'the mean code'),
    ...names.map(n => h('option', {value: n}, n)));
  select.value = first;
  if (names.length) buttons.prepend(h('label', {class: 'mv-select'}, 'Start from ', select));
  if (many) {
    const choose = h('div', {class: 'mv-buttons', role: 'group', 'aria-label': 'models shown'});
    for (const m of models) {
      const button = h('button', {type: 'button', class: 'mv-model', 'aria-pressed': 'true', style: `--hue: ${m.color}`, onclick() {
        if (m.shown && models.filter(o => o.shown).length === 1) return;  // one stays
        m.shown = !m.shown;
        this.setAttribute('aria-pressed', m.shown);
        m.figure.hidden = !m.shown;
        for (const bar of m.bars) bar.hidden = !m.shown;
        say();
        changed();
      }}, m.label);
      choose.append(button);
    }
    body.append(choose);
  }

  const words = h('p', {class: 'mv-words', role: 'status'});
  function say() {
    const parts = models.filter(m => m.shown && m.active && m.active.includes(false)).map(m => {
      const units = m.active.flatMap((a, i) => a ? [] : [`z${subscript(i + 1)}`]);
      return `In ${m.label} ${list(units)} ${units.length > 1 ? 'have' : 'has'} collapsed: move ${units.length > 1 ? 'them' : 'it'} and hardly anything happens.`;
    });
    const known = models.some(m => m.active);
    const reachText = many ? `All move together, in units of each model's own spread: a slider goes ${reach} standard deviations of its codes either way.`
      : `A slider goes ${reach} standard deviations of the model's codes either way.`;
    words.textContent = [...parts, ...(parts.length || !known ? [] : ['Every unit is active.']), reachText,
                         'The bar beneath it shows how far the picture moves on the way, about the mean code.'].join(' ');
  }
  say();

  body.append(h('div', {class: 'mv-pictures', style: `--n: ${models.length}`}, ...models.map(m => m.figure)), buttons,
              h('div', {class: 'mv-sliders'}, ...sliders.map(s => s.element)), words);
  root.muvae = {models, steps, code, startFrom, decode: (i, z) => Array.from(models[i].decode(z)), jump};
}
