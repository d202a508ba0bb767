// The regularisers as surfaces over one code's μ and log σ², and where each pulls it. The same formulas as muvae.losses.

// What a code at (m, v) adds, v = log σ²: value, and its derivatives by m and v. S and T are Σμ and Σ log σ² over the rest of the batch.
const sign = x => Math.abs(x) < 1e-9 ? 0 : Math.sign(x), expm1 = Math.expm1;
const VARIANCE = {
  abs: v => [Math.abs(v), sign(v)],
  literal: v => [v, 1],
  expm1: v => [expm1(v), Math.exp(v)],
  kl: v => [(expm1(v) - v) / 2, expm1(v) / 2],
  abs_sum: (v, T) => [Math.abs(T + v), sign(T + v)],
  neg: v => [-v, -1],
};
const kl = (m, v, {beta}) => [beta * (m * m + expm1(v) - v) / 2, beta * m, beta * expm1(v) / 2];
function mu(reading) {
  return (m, v, {factor, S, T}) => {
    const held = Math.abs(m) > factor, c = clamp(m, -factor, factor), [value, slope] = VARIANCE[reading](v, T);
    return [Math.abs(S + c) + value, held ? 0 : sign(S + c), slope];
  };
}

const FORMULA = {abs: '|log σ²|', literal: 'log σ²', expm1: 'σ² − 1', kl: '½(σ² − log σ² − 1)', abs_sum: '|Σ log σ²|', neg: '−log σ²'};
const READINGS = ['abs', 'literal', 'expm1', 'kl', 'abs_sum', 'neg'];

function loss(root, spec) {
  const MU = 6, LOW = -6, HIGH = 3;  // the box of the maps; equal units on both axes
  const s = {...spec.start}, state = {reading: 'abs'};
  const maps = [['KL', '#1F86C8', () => kl, false], ['μ-VAE', '#009E73', () => mu(state.reading), true]].map(([name, color, surface, bounded]) => {
    const canvas = h('canvas', {class: 'mv-surface', role: 'img'}), value = h('span', {}), words = h('p', {class: 'mv-words', role: 'status'}), title = h('b', {});
    const map = {name, color, surface, bounded, canvas, words, title, value, key: '', ground: document.createElement('canvas')};
    map.draw = sharpCanvas(canvas, (g, w, hh) => paint(map, g, w, hh));
    const follow = e => {
      const box = canvas.getBoundingClientRect();
      put('mu', ((e.clientX - box.left) / box.width * 2 - 1) * MU);
      put('logvar', HIGH - (e.clientY - box.top) / box.height * (HIGH - LOW));
    };
    canvas.addEventListener('pointerdown', e => { canvas.setPointerCapture(e.pointerId); follow(e); });
    canvas.addEventListener('pointermove', e => { if (e.buttons) follow(e); });
    map.figure = h('figure', {style: `--hue: ${color}`}, h('figcaption', {}, title), canvas, words);
    return map;
  });

  function ground(map, w, hh) {  // bands of equal asinh(value): the hue where it is above zero, orange below, lines between them
    const ratio = Math.min(2, window.devicePixelRatio || 1), W = Math.round(w * ratio), H = Math.round(hh * ratio);
    const key = [W, H, s.beta, s.factor, s.S, s.T, state.reading, getComputedStyle(root).color].join();
    if (key === map.key) return;
    map.key = key;
    map.ground.width = W;
    map.ground.height = H;
    const g = map.ground.getContext('2d'), image = g.createImageData(W, H), f = map.surface();
    const rgb = c => [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16)), above = rgb(map.color), below = rgb('#D55E00');
    let before = new Int16Array(W);
    for (let y = 0; y < H; y++) {
      const v = HIGH - (y + .5) / H * (HIGH - LOW), bands = new Int16Array(W);
      for (let x = 0; x < W; x++) {
        const a = Math.asinh(f(((x + .5) / W * 2 - 1) * MU, v, s)[0]), band = bands[x] = Math.floor(a * 3), p = 4 * (y * W + x);
        const line = (y && band !== before[x]) || (x && band !== bands[x - 1]), hue = band < 0 ? below : above;
        for (let i = 0; i < 3; i++) image.data[p + i] = hue[i];
        image.data[p + 3] = Math.min(235, 14 + 12 * Math.abs(band + (band < 0 ? 1 : 0)) + (line ? 60 : 0));
      }
      before = bands;
    }
    g.putImageData(image, 0, 0);
  }

  function paint(map, g, w, hh) {
    ground(map, w, hh);
    g.drawImage(map.ground, 0, 0, w, hh);
    const px = m => (m / MU + 1) / 2 * w, py = v => (HIGH - v) / (HIGH - LOW) * hh, unit = w / (2 * MU), ink = getComputedStyle(root).color;
    g.strokeStyle = g.fillStyle = ink;
    g.globalAlpha = .45;
    g.beginPath(); g.moveTo(px(0), 0); g.lineTo(px(0), hh); g.moveTo(0, py(0)); g.lineTo(w, py(0)); g.stroke();
    g.globalAlpha = .9;
    g.font = '11px system-ui, sans-serif';
    g.textAlign = 'right'; g.fillText('μ', w - 5, py(0) - 5);
    g.textAlign = 'left'; g.fillText('log σ²', px(0) + 5, 12);
    g.textAlign = 'center';
    for (const t of [-4, -2, 2, 4]) g.fillText(plain(t, 0), px(t), py(0) + 13);
    if (map.bounded && s.factor < MU) {  // what the clip leaves out
      g.globalAlpha = 1;
      g.setLineDash([6, 4]);
      g.lineWidth = 1.5;
      g.beginPath();
      for (const m of [-s.factor, s.factor]) { g.moveTo(px(m), 0); g.lineTo(px(m), hh); }
      g.stroke();
      g.setLineDash([]);
    }
    const [value, dm, dv] = map.surface()(s.mu, s.logvar, s), x = px(s.mu), y = py(s.logvar), size = Math.hypot(dm, dv);
    g.globalAlpha = 1;
    if (size > 1e-3) {  // downhill, as long as the force, at most 90 pixels
      const length = Math.min(90, size * unit * 1.2 + 10), ux = -dm / size, uy = dv / size, X = x + ux * length, Y = y + uy * length;
      for (const [color, width] of [['#fff', 5], ['#111', 2.5]]) {
        g.strokeStyle = color; g.lineWidth = width; g.lineCap = 'round';
        g.beginPath(); g.moveTo(x, y); g.lineTo(X, Y);
        g.moveTo(X - 9 * ux - 5 * uy, Y - 9 * uy + 5 * ux); g.lineTo(X, Y); g.lineTo(X - 9 * ux + 5 * uy, Y - 9 * uy - 5 * ux);
        g.stroke();
      }
    }
    for (const [color, r] of [['#fff', 6.5], ['#111', 4.5]]) { g.fillStyle = color; g.beginPath(); g.arc(x, y, r, 0, 7); g.fill(); }
    map.title.textContent = `${map.bounded ? `|Σμ| + ${FORMULA[state.reading]}`.replace('+ −', '− ') : s.beta === 1 ? 'KL' : `${s.beta.toFixed(1)} · KL`} = ${plain(value)}`;
    map.words.textContent = map.bounded ? sayMu(dm, dv) : sayKL(dm, dv);
    map.canvas.setAttribute('aria-label', `${map.title.textContent}. ${map.words.textContent}`);
  }

  const force = d => `with force ${Math.abs(d).toFixed(2)}`, near = d => Math.abs(d) < .005;
  function sayKL(dm, dv) {
    const m = near(dm) ? 'μ is at the origin and feels nothing' : `μ is pulled to the origin ${force(dm)}, the harder the farther it is`;
    return `${m}; ${near(dv) ? 'σ² is 1 and stays' : `σ² is ${dv > 0 ? 'pushed down' : 'pulled up'} to 1 ${force(dv)}`}.`;
  }
  function sayMu(dm, dv) {
    const sum = s.S + clamp(s.mu, -s.factor, s.factor);
    const m = Math.abs(s.mu) > s.factor ? 'μ is beyond the bound: it counts as if it lay on it, and feels nothing'
      : Math.abs(sum) < .005 ? 'the batch sums to zero: μ feels nothing, wherever it is'
      : `the batch sums to ${signed(sum, 1)}: every μ in it is pushed ${dm > 0 ? 'down' : 'up'} ${force(dm)}, wherever it is, until the sum is zero`;
    const to = {abs: 'to 1', kl: 'to 1', abs_sum: `until Σ log σ² is zero`, literal: 'without end', neg: 'without end', expm1: 'without end, ever more weakly'}[state.reading];
    const v = near(dv) ? ({expm1: 'σ² is almost zero and hardly feels anything'}[state.reading] || 'σ² feels nothing') : `σ² is ${dv > 0 ? 'pushed down' : 'pulled up'} ${to} ${force(dv)}`;
    return `${m[0] === 'μ' ? 'μ' : m[0].toUpperCase()}${m.slice(1)}; ${v}.`;  // the capital of μ looks like an M
  }

  const draw = () => maps.forEach(m => m.draw());
  const knob = (name, label, says, min, max, step, digits = 1) => slider({label, name: says, min, max, step, value: s[name],
    show: x => plain(x, digits), input: x => { s[name] = x; draw(); }});
  const knobs = {
    mu: knob('mu', 'μ', 'mean of the code', -MU, MU, .1), logvar: knob('logvar', 'log σ²', 'log-variance of the code', LOW, HIGH, .1),
    beta: knob('beta', 'β', 'weight of the KL', 0, 10, .1), factor: knob('factor', 'factor', 'clipping factor', .5, 6, .1),
    S: knob('S', 'rest Σμ', 'sum of the other means of the batch', -6, 6, .1), T: knob('T', 'rest Σ log σ²', 'sum of the other log-variances of the batch', -6, 6, .1),
  };
  function put(name, x) {
    const input = knobs[name].range;
    knobs[name].set(clamp(x, +input.min, +input.max));
    s[name] = input.valueAsNumber;
    draw();
  }
  const choose = h('div', {class: 'mv-buttons', role: 'group', 'aria-label': 'reading of the log-variance term'}, ...READINGS.map(r =>
    h('button', {type: 'button', 'data-reading': r, 'aria-pressed': r === state.reading, style: '--hue: #009E73', onclick() {
      state.reading = r;
      for (const b of choose.children) b.setAttribute('aria-pressed', b === this);
      draw();
    }}, FORMULA[r])));
  root.append(h('div', {class: 'mv-pair'}, ...maps.map(m => m.figure)), h('div', {class: 'mv-buttons mv-caption'}, 'μ-VAE’s log-variance term'), choose,
              h('div', {class: 'mv-sliders'}, ...Object.values(knobs).map(k => k.element)));
  onTheme(root, draw);
  root.muvae = {put, kl: (m, v, o) => kl(m, v, o), mu: (r, m, v, o) => mu(r)(m, v, o), state: s};
}
