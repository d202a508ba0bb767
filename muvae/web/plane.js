// A latent plane: the test set's codes, the clipping circle, and the image at the point. The decoder is too large for a page, so its
// images on a grid travel as a mean, a few pictures and their amounts at each knot; between the knots the amounts are interpolated.

function plane(root, spec) {
  const {extent: R, radius, knots, rank, shape, hues} = spec, pixels = shape[0] * shape[1] * shape[2];
  const amounts = numbers(spec.amounts, 'int16'), pictures = numbers(spec.pictures, 'int16');
  const xy = numbers(spec.codes, 'int16').map(v => v * spec.unit), n = xy.length / 2, digits = spec.labels;
  const none = 6.1;  // the right end of the factor's slider: no clipping
  let z = [...spec.start], factor = spec.factor || none;

  function decode([x, y]) {
    const u = clamp((x + R) / (2 * R) * (knots - 1), 0, knots - 1), v = clamp((y + R) / (2 * R) * (knots - 1), 0, knots - 1);
    const i = Math.min(knots - 2, Math.floor(u)), j = Math.min(knots - 2, Math.floor(v)), a = u - i, b = v - j;
    const at = (j * knots + i) * rank, down = at + knots * rank, out = new Float64Array(pixels);
    for (let p = 0; p < pixels; p++) out[p] = pictures[p] * spec.scales[0];  // the mean
    for (let k = 0; k < rank; k++) {
      const amount = (1 - b) * ((1 - a) * amounts[at + k] + a * amounts[at + rank + k]) + b * ((1 - a) * amounts[down + k] + a * amounts[down + rank + k]);
      const c = amount * spec.amountScales[k] * spec.scales[k + 1], from = (k + 1) * pixels;
      for (let p = 0; p < pixels; p++) out[p] += c * pictures[from + p];
    }
    return out.map(v => clamp(v, 0, 1));
  }

  const image = h('canvas', {role: 'img', 'aria-label': 'image decoded at the point'});
  const where = h('output', {'aria-live': 'polite'}), words = h('p', {class: 'mv-words'});
  const map = h('canvas', {class: 'mv-plane', tabindex: 0, role: 'application', 'aria-label': 'latent plane with the codes of the test set; the arrow keys move the point, Home takes it to the origin'});

  // The codes are drawn once for each size, theme and factor; a moving point copies them.
  let drawn = null, key = '';
  function scatter(g, side, ratio) {
    const ink = getComputedStyle(root).color, now = [side, ratio, factor, ink].join();
    if (now !== key) {
      key = now;
      drawn = document.createElement('canvas');
      drawn.width = drawn.height = Math.round(side * ratio);
      const d = drawn.getContext('2d'), bound = factor < none ? factor * Math.SQRT2 : Infinity;
      d.scale(drawn.width / side, drawn.height / side);
      const px = x => (x + R) / (2 * R) * side, py = y => (R - y) / (2 * R) * side;
      d.strokeStyle = ink;
      d.globalAlpha = .3;
      d.beginPath(); d.moveTo(px(0), 0); d.lineTo(px(0), side); d.moveTo(0, py(0)); d.lineTo(side, py(0)); d.stroke();
      d.globalAlpha = .9;
      d.textAlign = 'center';
      d.textBaseline = 'middle';
      d.font = `600 ${side > 300 ? 9 : 8}px system-ui, sans-serif`;
      for (let i = 0; i < n; i++) {
        const norm = Math.hypot(xy[2 * i], xy[2 * i + 1]), s = norm > bound ? bound / norm : 1, x = px(s * xy[2 * i]), y = py(s * xy[2 * i + 1]);
        if (digits) { d.fillStyle = hues[digits[i] % hues.length]; d.fillText(digits[i], x, y); }
        else { d.fillStyle = spec.color; d.beginPath(); d.arc(x, y, 1.6, 0, 7); d.fill(); }
      }
      d.globalAlpha = 1;
      d.fillStyle = ink;
      d.font = '11px system-ui, sans-serif';
      for (const t of spec.ticks) {
        d.globalAlpha = .75;
        d.fillText(plain(t, 0), px(t), side - 8);
        if (py(t) < side - 18) d.fillText(plain(t, 0), 10, py(t));  // lower down it would lie on the numbers of the other axis
      }
      if (bound < Infinity) {
        d.globalAlpha = 1;
        d.lineWidth = 1.5;
        d.setLineDash([6, 4]);
        d.beginPath(); d.arc(px(0), py(0), bound / (2 * R) * side, 0, 7); d.stroke();
      }
    }
    g.drawImage(drawn, 0, 0, side, side);
  }

  const draw = sharpCanvas(map, (g, side) => {
    scatter(g, side, window.devicePixelRatio || 1);
    const x = (z[0] + R) / (2 * R) * side, y = (R - z[1]) / (2 * R) * side;
    for (const [color, width] of [['#fff', 5], ['#111', 2.5]]) {  // seen on every ground
      g.strokeStyle = color;
      g.lineWidth = width;
      g.beginPath(); g.arc(x, y, 8, 0, 7); g.stroke();
    }
    paintImage(image, decode(z), shape);
    const norm = Math.hypot(...z);
    where.textContent = `z = (${plain(z[0])}, ${plain(z[1])}),  ‖z‖ = ${norm.toFixed(2)}`;
    words.textContent = factor < none ? `Codes beyond the dashed circle, factor·√2 = ${(factor * Math.SQRT2).toFixed(2)}, are scaled onto it.` : 'No clipping: the codes lie where the encoder puts them.';
    if (radius && norm > radius * 1.001) words.textContent += ` The point is outside ${radius.toFixed(2)}, the bound of the training.`;
  });

  const move = (x, y) => { z = [clamp(x, -R, R), clamp(y, -R, R)]; draw(); };
  const follow = e => {
    const box = map.getBoundingClientRect();
    move(((e.clientX - box.left) / box.width * 2 - 1) * R, (1 - (e.clientY - box.top) / box.height * 2) * R);
  };
  // A finger that moves up or down scrolls the page: the browser takes it away, and the point goes back to where it was
  let before = z;
  map.addEventListener('pointermove', e => { if (e.pointerType === 'mouse' || e.buttons) follow(e); });
  map.addEventListener('pointerdown', e => { before = z; map.setPointerCapture(e.pointerId); follow(e); });
  map.addEventListener('pointercancel', () => move(...before));
  map.addEventListener('keydown', e => {
    const step = (e.shiftKey ? 5 : 1) * R / 50, way = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[e.key];
    if (way) move(z[0] + step * way[0], z[1] + step * way[1]);
    else if (e.key === 'Home') move(0, 0);
    else return;
    e.preventDefault();
    e.stopPropagation();  // in a notebook the arrow keys would leave the cell
  });
  const clip = slider({label: 'factor', name: 'clipping factor', min: .5, max: none, step: .1, value: factor,
    show: f => f < none - .05 ? f.toFixed(1) : 'none', input: f => { factor = f < none - .05 ? f : none; draw(); }});

  root.append(h('div', {class: 'mv-two'}, h('div', {}, map),
    h('div', {class: 'mv-side', style: `--hue: ${spec.color}`}, h('figure', {}, image, h('figcaption', {}, h('b', {}, spec.label), where)), h('div', {}, clip.element, words))));
  onTheme(root, draw);
  root.muvae = {decode: p => Array.from(decode(p)), move, at: () => z, image};
}
