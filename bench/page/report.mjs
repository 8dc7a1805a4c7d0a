// Makes the report from what peer_bench measured:
//
//   node bench/page/report.mjs RUN.json UPLOT FOLDER [--quick]
//
// RUN.json is Google Benchmark's, UPLOT the folder of uPlot's package. Writes results.json, report.md
// and index.html, which needs nothing else, to FOLDER.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { markdown } from './markdown.mjs';
import { charts, labels, machineLine, notes, readRun, tables } from './rows.mjs';

const beside = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

function revision() {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined; // not a clone
  }
}

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

const [run, uplot, folder, quick] = process.argv.slice(2);
const machine = {
  cpu: os.cpus()[0].model.trim(),
  cores: os.cpus().length,
  memory_gib: os.totalmem() / 2 ** 30,
  kernel: `${os.type()} ${os.release()}`,
  revision: revision(),
};
const report = { quick: quick === '--quick', ...readRun(JSON.parse(readFileSync(run, 'utf8')), machine) };
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/results.json`, `${JSON.stringify(report, null, 1)}\n`);
writeFileSync(`${folder}/report.md`, markdown(report));
writeFileSync(`${folder}/index.html`, page(report, uplot));
