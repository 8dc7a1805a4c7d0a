import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { complaints } from './check.mjs';
import { markdown } from './markdown.mjs';
import { resultsText } from './results.mjs';
import { bytes, charts, count, duration, notes, readRun, readWear, short, tables } from './rows.mjs';

const machine = { cpu: 'a processor', cores: 2, memory_gib: 24, kernel: 'Linux 6' };

const row = (name, numbers) => ({ name: `${name}/iterations:1/manual_time`, iterations: 1, ...numbers });

function run(benchmarks, context = {}) {
  return {
    context: {
      date: '2026-01-02T03:04:05+00:00',
      host_name: 'secret',
      executable: '/secret/peer_bench',
      load_avg: [0.5, 1, 2],
      clock_ns: '18',
      absent: '',
      left_out: '',
      most_mib: '1250',
      'peer.cubby': 'cubbyd',
      'peer.lmdb': 'LMDB 0.9',
      ...context,
    },
    benchmarks,
  };
}

const sample = () =>
  readRun(
    run([
      row('get_hit/cubby/64/10000', { real_time: 100, low_ns: 90, high_ns: 120, vs_cubby: 1 }),
      row('get_hit/lmdb/64/10000', { real_time: 250, low_ns: 240, high_ns: 300, vs_cubby: 2.5 }),
      row('get_hit/cubby/64/1000000', { real_time: 300, low_ns: 290, high_ns: 320, vs_cubby: 1 }),
      row('get_hit/cubby/1024/10000', { real_time: 200, low_ns: 190, high_ns: 220, vs_cubby: 1 }),
      row('readers_1/cubby/64/10000', { real_time: 100, per_second: 1e7 }),
      row('readers_2/cubby/64/10000', { real_time: 50, per_second: 2e7 }),
      row('reader_alone/cubby/64/10000', { real_time: 100, per_second: 1e7 }),
      row('reader_writer/cubby/64/10000', { real_time: 125, per_second: 8e6, puts_per_second: 3e6 }),
      row('tail_writer/lmdb/64/10000', {
        real_time: 90, p50_ns: 90, p90_ns: 95, p99_ns: 100, p999_ns: 2000, p9999_ns: 3e4, max_ns: 4e6, gets: 1e6,
        puts_per_second: 3e5,
      }),
      row('attach/cubby_read_only/64/10000', { real_time: 15e3, low_ns: 14e3, high_ns: 19e3 }),
      row('fresh_get/cubby', { real_time: 1.5e6, low_ns: 1e6, high_ns: 2e6 }),
    ]),
    machine,
  );

test('wear is a table for each number of entries, and left out of reports without it', () => {
  const wear = readWear({
    benchmarks: [
      { name: 'BM_WornMiss/1000000', ns: 132, map_ns: 120, vs_map: 1.1 },
      { name: 'BM_WornHit/1000', ns: 31, map_ns: 30, vs_map: 1.03 },
    ],
  });
  const titles = (report) => tables(report).filter(({ title }) => title.startsWith('cubby after long use'));
  assert.deepEqual(titles(sample()), []);
  const [small, large] = titles({ ...sample(), wear });
  assert.equal(small.title, 'cubby after long use, 1 k entries of 64 B');
  assert.deepEqual(large.body, [['get of absent keys', '120 ns', '132 ns', '1.1 x']]);
  const [apart] = tables({ ...sample(), wear, wear_machine: { ...sample().machine, revision: 'abc123' } }).filter(
    ({ title }) => title.startsWith('cubby after long use'),
  );
  assert.match(apart.note, /apart from the rest: a processor, .*cubby at abc123/);
  assert.throws(() => readWear({ benchmarks: [{ name: 'BM_WornPut/9', error_occurred: true, error_message: 'no room' }] }), /no room/);
});

test('numbers have three digits that count, and the unit that fits', () => {
  assert.equal(short(0), '0');
  assert.equal(short(1.234), '1.23');
  assert.equal(short(12.34), '12.3');
  assert.equal(short(123456), '123,456');
  assert.equal(short(0.001234), '0.00123');
  assert.equal(duration(999), '999 ns');
  assert.equal(duration(999.9), '1 µs');
  assert.equal(duration(1234), '1.23 µs');
  assert.equal(duration(5.6e6), '5.6 ms');
  assert.equal(duration(2e9), '2 s');
  assert.equal(bytes(64), '64 B');
  assert.equal(bytes(65536), '64 KiB');
  assert.equal(count(10_000), '10 k');
  assert.equal(count(8_000_000), '8 M');
});

test('rows are told by their names, and keep their numbers', () => {
  const { rows } = sample();
  assert.deepEqual(rows[1], {
    work: 'get_hit', who: 'lmdb', value_bytes: 64, entries: 10_000, ns: 250, low_ns: 240, high_ns: 300, vs_cubby: 2.5,
  });
  assert.deepEqual(rows.at(-1), { work: 'fresh_get', who: 'cubby', ns: 1.5e6, low_ns: 1e6, high_ns: 2e6 });
});

test('nothing of the machine is kept but what is said', () => {
  assert.ok(!JSON.stringify(sample()).includes('secret'));
});

test('a row that failed fails the report', () => {
  const failed = run([row('put/tdb/8/1000', { error_occurred: true, error_message: 'tdb: gave a wrong answer' })]);
  assert.throws(() => readRun(failed, machine), /put\/tdb.*wrong answer/);
});

test('tables have who as rows and what was measured as columns', () => {
  const all = tables(sample());
  const find = (start) => all.find(({ title }) => title.startsWith(start));
  const ratios = find('In times of');
  assert.equal(ratios.body[1][0], 'LMDB');
  assert.equal(ratios.body[1][ratios.head.indexOf('get, keys known')], '2.5 x');
  assert.deepEqual(find('Gets per second of several').head, ['', '1 process', '2 processes']);
  assert.deepEqual(find('Gets per second of several').body, [['cubby', '10', '20']]);
  assert.deepEqual(find('Gets per second of one').body, [['cubby', '10,000,000', '8,000,000', '80 %', '3,000,000']]);
  const tail = find('Latency of a get of one key, a writer');
  assert.deepEqual(tail.body, [['LMDB', '90 ns', '95 ns', '100 ns', '2 µs', '30 µs', '4 ms', '1,000,000', '300,000']]);
  assert.deepEqual(find('ns per operation, 1 M entries of 64 B').body[0].filter(Boolean), ['cubby', '300']);
  assert.deepEqual(find('A get from the shell').body, [['cubby', '1.5 ms', '1 ms', '2 ms']]);
});

test('charts have a line for each who, with gaps where nothing was measured', () => {
  const all = charts(sample());
  const entries = all.find(({ id }) => id === 'entries');
  assert.deepEqual(entries.x.at, [10_000, 1_000_000]);
  assert.deepEqual(entries.x.labels, ['10 k', '1 M']);
  assert.deepEqual(entries.views.map(({ label }) => label), ['get, keys known']);
  assert.deepEqual(entries.views[0].lines.map(({ values }) => values), [[100, 300], [250, null]]);
  const values = all.find(({ id }) => id === 'values');
  assert.equal(values.subtitle, '10 k entries');
  assert.deepEqual(values.views[0].lines[0].values, [100, 200]);
  const tail = all.find(({ id }) => id === 'tail_writer');
  assert.deepEqual(tail.views[0].lines, [{ who: 'lmdb', label: 'LMDB', values: [90, 95, 100, 2000, 3e4, 4e6] }]);
});

test('what is absent or left out is named', () => {
  const report = readRun(run([], { absent: 'tdb (libtdb-dev)', left_out: '65536x1000000, 1024x8000000' }), machine);
  const said = notes(report).join('\n');
  assert.match(said, /Not on this machine.*tdb \(libtdb-dev\)/);
  assert.match(said, /1250 MiB.*1 M entries of 64 KiB, 8 M entries of 1 KiB/);
});

test('the text has every table, the machine and the settings', () => {
  const text = markdown(sample());
  assert.match(text, /^a processor, 2 cores, 24 GiB of memory, Linux 6; 2026-01-02; load 0\.5 when it began$/m);
  assert.match(text, /^- \*\*LMDB\*\*: LMDB 0\.9$/m);
  assert.equal(text.match(/^## /gm).length, tables(sample()).length);
  assert.match(text, /^\| cubby \| 10 \| 20 \|$/m);
});

test('results are read back as they were, a row on a line', () => {
  const results = JSON.parse(JSON.stringify(sample()));
  const text = resultsText(results);
  assert.deepEqual(JSON.parse(text), results);
  assert.equal(text.match(/^ {2}\{"work":.*\},?$/gm).length, results.rows.length);
});

test('the kept report is what its results give', () => {
  const kept = (name) => readFileSync(new URL(`../../docs/report/${name}`, import.meta.url), 'utf8');
  const results = JSON.parse(kept('results.json'));
  assert.equal(kept('results.json'), resultsText(results));
  assert.equal(kept('report.md'), markdown(results), 'tools/bench --page writes it anew');
});

test('a page without marks, or that is too wide or has failed, is complained of', () => {
  const good = {
    dark: false, width: 390, overflow: 0, tables: 3, errors: [],
    seen: [{ chart: 'readers', view: '', marks: [['cubby', 500]] }],
  };
  const look = { name: 'phone-light', width: 390, dark: false };
  assert.deepEqual(complaints(good, look), []);
  for (const bad of [
    { errors: ['no such thing'] },
    { overflow: 12 },
    { tables: 0 },
    { seen: [] },
    { dark: true },
    { seen: [{ chart: 'readers', view: '', marks: [['cubby', 3]] }] },
  ]) {
    assert.equal(complaints({ ...good, ...bad }, look).length, 1);
  }
});
