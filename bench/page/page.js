'use strict';

// Draws the report's data. Everything that is said is in there; this gives it a form.
const { machine, notes, peers, tables, charts } = JSON.parse(document.getElementById('data').textContent);
const dark = matchMedia('(prefers-color-scheme: dark)');

function element(tag, text = '', children = []) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.append(...children);
  return made;
}

// In light and in dark. Floors are grey: what they are is told by their dashes.
const colors = {
  cubby: ['#c2410c', '#ff8a4c'],
  cubby_32: ['#c2410c', '#ff8a4c'],
  map: ['#57606a', '#aab4be'],
  boost: ['#1d6fd1', '#67aaff'],
  lmdb: ['#17803d', '#4fc878'],
  tdb: ['#8250df', '#b794ff'],
  memcached: ['#0e7c86', '#3fc5d0'],
  memcached_32: ['#0e7c86', '#3fc5d0'],
  redis: ['#bf1f6a', '#ff79b4'],
  redis_32: ['#bf1f6a', '#ff79b4'],
  floor_chase: ['#8c959f', '#7d8894'],
  floor_read: ['#8c959f', '#7d8894'],
  floor_copy: ['#8c959f', '#7d8894'],
};

function shortNumber(value) {
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 6 });
}

function withUnit(value, unit) {
  if (value === null || value === undefined) return '';
  if (unit !== 'ns') return `${shortNumber(value)} ${unit}`;
  const [factor, name] = value < 1e3 ? [1, 'ns'] : value < 1e6 ? [1e3, 'µs'] : value < 1e9 ? [1e6, 'ms'] : [1e9, 's'];
  return `${shortNumber(value / factor)} ${name}`;
}

function series({ who, label }, unit) {
  const together = who.endsWith('_32');
  const floor = who.startsWith('floor_');
  const color = colors[who][dark.matches ? 1 : 0];
  return {
    label,
    stroke: color,
    width: who === 'cubby' ? 3 : 1.5,
    dash: floor ? [2, 4] : together ? [8, 4] : undefined,
    points: { show: true, size: who === 'cubby' ? 8 : 6, fill: color },
    spanGaps: true,
    value: (_, value) => withUnit(value, unit),
  };
}

function options(chart, view, width) {
  const ink = getComputedStyle(document.body).getPropertyValue('color');
  const line = getComputedStyle(document.documentElement).getPropertyValue('--line').trim();
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const { at, labels, log } = chart.x;
  const label = (x) => labels[at.indexOf(x)] ?? '';
  const room = log ? [at[0] / 1.3, at[at.length - 1] * 1.3] : [at[0] - 0.2, at[at.length - 1] + 0.2];
  return {
    width,
    height: Math.min(440, Math.max(320, width * 0.6)),
    scales: {
      x: { time: false, distr: log ? 3 : 1, range: () => room },
      y: { distr: chart.y.log ? 3 : 1 },
    },
    axes: [
      { ...axis, label: chart.x.label, splits: () => at, filter: (_, splits) => splits, values: (_, xs) => xs.map(label) },
      { ...axis, label: chart.y.label, size: 64, values: (_, ys) => ys.map((y) => withUnit(y, chart.y.unit)) },
    ],
    series: [{ label: chart.x.label, value: (_, x) => label(x) }, ...view.lines.map((one) => series(one, chart.y.unit))],
  };
}

function draw(chart) {
  const figure = element('figure', '', [
    element('h2', chart.title),
    element('p', `${chart.subtitle}: ${chart.better}`),
  ]);
  figure.id = chart.id;
  figure.lastChild.className = 'note';
  const choice = element('select', '', chart.views.map((view) => element('option', view.label)));
  choice.ariaLabel = 'kind of work';
  if (chart.views.length > 1) figure.append(choice);
  const place = element('div');
  figure.append(place);
  document.getElementById('charts').append(figure);

  let plot = null;
  const redraw = () => {
    plot?.destroy();
    const view = chart.views[choice.selectedIndex] ?? chart.views[0];
    plot = new uPlot(options(chart, view, place.clientWidth), [chart.x.at, ...view.lines.map(({ values }) => values)], place);
  };
  redraw();
  addEventListener('resize', () => {
    if (place.clientWidth !== plot.width) redraw();
  });
  choice.addEventListener('change', redraw);
  dark.addEventListener('change', redraw);
}

function tableOf({ title, note, head, body }) {
  const cells = (tag, texts) => element('tr', '', texts.map((text) => element(tag, text)));
  const scroll = element('div', '', [
    element('table', '', [
      element('thead', '', [cells('th', head)]),
      element('tbody', '', body.map((texts) => cells('td', texts))),
    ]),
  ]);
  scroll.className = 'scroll';
  scroll.tabIndex = 0;
  const said = element('p', note);
  said.className = 'note';
  return [element('h3', title), said, scroll];
}

document.getElementById('machine').textContent = machine;
document.getElementById('notes').append(...notes.map((note) => element('li', note)));
document.getElementById('peers').append(...peers.flatMap(([name, about]) => [element('dt', name), element('dd', about)]));
charts.forEach(draw);
document.getElementById('tables').append(...tables.flatMap(tableOf));
