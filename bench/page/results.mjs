// Keeps what peer_bench and wear_bench measured, with what is known of the machine:
//
//   node bench/page/results.mjs RUN.json WEAR.json RESULTS.json [--quick]
//   node bench/page/results.mjs --wear WEAR.json RESULTS.json     replaces what RESULTS.json holds of wear
//
// RUN.json and WEAR.json are Google Benchmark's. All else, the text and the page, is built from RESULTS.json alone
// (report.mjs).
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { pathToFileURL } from 'node:url';
import { readRun, readWear, whenAndWhere } from './rows.mjs';

function revision() {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined; // not a clone
  }
}

// Returns the file's text: the rows one on a line.
export function resultsText({ rows, ...report }) {
  const head = JSON.stringify(report, null, 1).replace(/\n}$/, '');
  return `${head},\n "rows": [\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(',\n')}\n ]\n}\n`;
}

function main([run, wear, results, quick]) {
  const machine = {
    cpu: os.cpus()[0].model.trim(),
    cores: os.cpus().length,
    memory_gib: os.totalmem() / 2 ** 30,
    kernel: `${os.type()} ${os.release()}`,
    revision: revision(),
  };
  const read = (file) => JSON.parse(readFileSync(file, 'utf8'));
  if (run === '--wear') {
    const worn = read(wear);
    const report = { ...read(results), wear_machine: whenAndWhere(worn, machine), wear: readWear(worn) };
    writeFileSync(results, resultsText(report));
    return;
  }
  const report = { quick: quick === '--quick', ...readRun(read(run), machine), wear: readWear(read(wear)) };
  writeFileSync(results, resultsText(report));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main(process.argv.slice(2));
