// Builds the report from its results:
//
//   node bench/page/report.mjs FOLDER UPLOT
//
// Reads FOLDER/results.json (results.mjs), and writes report.md and index.html, which needs nothing
// else, beside it. UPLOT is the folder of uPlot's package.
import { readFileSync, writeFileSync } from 'node:fs';
import { markdown } from './markdown.mjs';
import { charts, labels, machineLine, notes, tables } from './rows.mjs';

const beside = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

// With every `{{name}}` of the page's template replaced.
function page(report, uplot) {
  const data = {
    machine: machineLine(report.machine),
    notes: notes(report),
    peers: Object.entries(report.peers).map(([who, about]) => [labels[who], about]),
    tables: tables(report),
    charts: charts(report),
  };
  const parts = {
    uplot_css: readFileSync(`${uplot}/dist/uPlot.min.css`, 'utf8'),
    uplot_js: readFileSync(`${uplot}/dist/uPlot.iife.min.js`, 'utf8'),
    page_css: beside('page.css'),
    page_js: beside('page.js'),
    data: JSON.stringify(data).replaceAll('<', '\\u003c'),
  };
  return beside('page.html').replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
}

const [folder, uplot] = process.argv.slice(2);
const report = JSON.parse(readFileSync(`${folder}/results.json`, 'utf8'));
writeFileSync(`${folder}/report.md`, markdown(report));
writeFileSync(`${folder}/index.html`, page(report, uplot));
