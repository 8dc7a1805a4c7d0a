'use strict';

// Runs in a copy of the page, behind the page's own script, for check.mjs: looks at every chart in
// every view and tells the window around it what it saw.
(async () => {
  const settle = () => new Promise((resolve) => setTimeout(resolve, 100));

  // How many of the canvas's pixels have that color, nearly.
  function pixelsOf(canvas, color) {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const near = Math.abs(data[i] - red) + Math.abs(data[i + 1] - green) + Math.abs(data[i + 2] - blue) < 24;
      if (near && data[i + 3] > 200) ++count;
    }
    return count;
  }

  // Draws the view with these of its lines.
  async function show(view, lines) {
    view.lines = lines;
    dark.dispatchEvent(new Event('change'));
    await settle();
  }

  const few = 10;
  const seen = [];
  await settle();
  for (const chart of charts) {
    const figure = document.getElementById(chart.id);
    const choice = figure.querySelector('select');
    for (const [i, view] of chart.views.entries()) {
      if (choice) {
        choice.selectedIndex = i;
        choice.dispatchEvent(new Event('change'));
        await settle();
      }
      const marks = [];
      const { lines } = view;
      for (const line of lines) {
        const count = () => pixelsOf(figure.querySelector('canvas'), colors[line.who][dark.matches ? 1 : 0]);
        let pixels = count();
        if (pixels < few) {
          // It may lie under another that took as long: alone, then.
          await show(view, [line]);
          pixels = count();
          await show(view, lines);
        }
        marks.push([line.label, pixels]);
      }
      seen.push({ chart: chart.id, view: view.label, marks });
    }
    if (choice) {
      choice.selectedIndex = 0;
      choice.dispatchEvent(new Event('change'));
    }
  }
  await settle();
  parent.postMessage({
    dark: dark.matches,
    width: innerWidth,
    overflow: document.documentElement.scrollWidth - innerWidth,
    tables: document.querySelectorAll('#tables table').length,
    errors: window.probeErrors,
    seen,
  }, '*');
})();
