// From what peer_bench prints to what the report shows: a machine, rows, tables and charts. Values
// only; markdown.mjs and page.js give them a form.

// Who takes part, in the order of the report.
export const labels = {
  cubby: 'cubby',
  cubby_32: 'cubby, by 32',
  cubby_read_only: 'cubby, read-only',
  map: 'absl::flat_hash_map',
  boost: 'Boost.Interprocess',
  lmdb: 'LMDB',
  tdb: 'TDB',
  memcached: 'memcached',
  memcached_32: 'memcached, by 32',
  redis: 'Redis',
  redis_32: 'Redis, by 32',
  floor_chase: 'floor: pointer chase',
  floor_read: 'floor: read a line',
  floor_copy: 'floor: copy a value',
  floor_process: 'floor: an empty program',
};

export const works = {
  get_chain: 'get, each key from the value before',
  get_hit: 'get, keys known',
  get_zipf: 'get, Zipf 0.99',
  get_miss: 'get of absent keys',
  put: 'put',
  delete_insert: 'delete + put',
  mix_95_5: '95 get, 5 put',
  mix_50_50: '50 get, 50 put',
  load: 'put of new keys, by 256',
};

const besides = { reader_alone: 'alone', reader_writer: 'beside a writer' };

const percentiles = {
  p50_ns: 'p50',
  p90_ns: 'p90',
  p99_ns: 'p99',
  p999_ns: 'p99.9',
  p9999_ns: 'p99.99',
  max_ns: 'max',
};

const latencies = {
  latency: 'Latency of a get, random keys',
  tail_alone: 'Latency of a get of one key, nothing else running',
  tail_writer: 'Latency of a get of one key, a writer putting it all the while',
};

// A number with three digits that count.
export function short(value) {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return Number(value.toFixed(digits)).toLocaleString('en-US', { maximumFractionDigits: digits });
}

export function duration(ns) {
  if (ns < 999.5) return `${short(ns)} ns`;
  if (ns < 999.5e3) return `${short(ns / 1e3)} µs`;
  return ns < 999.5e6 ? `${short(ns / 1e6)} ms` : `${short(ns / 1e9)} s`;
}

export function bytes(count) {
  return count < 1024 ? `${count} B` : `${count / 1024} KiB`;
}

export function count(entries) {
  if (entries < 1e3) return `${entries}`;
  return entries < 1e6 ? `${entries / 1e3} k` : `${entries / 1e6} M`;
}

// One of Google Benchmark's rows. Its name is WORK/WHO/VALUE_BYTES/ENTRIES/..., or WORK/WHO/....
function readRow(row) {
  const [work, who, valueBytes, entries] = row.name.split('/');
  const numbers = Object.entries(row).filter(([key]) => /^(.*_ns|vs_cubby|.*per_second|gets)$/.test(key));
  return {
    work,
    who,
    ...(/^\d+$/.test(valueBytes) && { value_bytes: Number(valueBytes), entries: Number(entries) }),
    ns: row.real_time,
    ...Object.fromEntries(numbers),
  };
}

const listed = (text) => (text ? text.split(', ') : []);

// What results.json holds of where and when a run was made. `machine` is what the caller knows of it.
export function whenAndWhere({ context }, machine) {
  return { ...machine, date: context.date, load: context.load_avg?.[0] };
}

// What results.json holds. `machine` is what the caller knows of it. An error tells of a row that
// could not be measured.
export function readRun(run, machine) {
  const { context } = run;
  const failed = run.benchmarks.find((row) => row.error_occurred);
  if (failed) throw new Error(`${failed.name}: ${failed.error_message}`);
  return {
    machine: whenAndWhere(run, machine),
    clock_ns: Number(context.clock_ns),
    peers: Object.fromEntries(
      Object.keys(labels)
        .filter((who) => context[`peer.${who}`])
        .map((who) => [who, context[`peer.${who}`]]),
    ),
    absent: listed(context.absent),
    left_out: listed(context.left_out).map((store) => {
      const [value_bytes, entries] = store.split('x').map(Number);
      return { value_bytes, entries };
    }),
    most_mib: Number(context.most_mib),
    rows: run.benchmarks.map(readRow),
  };
}

const wears = {
  Hit: 'get, keys known',
  Miss: 'get of absent keys',
  MultiGet32: 'get, by 32',
  MultiMiss32: 'get of absent keys, by 32',
  Put: 'put',
  DeleteInsert: 'delete + put of a new key',
};

// What results.json holds of wear_bench's rows, whose names are BM_Worn<what>/<entries>.
export function readWear({ benchmarks }) {
  const failed = benchmarks.find((row) => row.error_occurred);
  if (failed) throw new Error(`${failed.name}: ${failed.error_message}`);
  return benchmarks.map(({ name, ns, map_ns, vs_map }) => {
    const [, what, entries] = /^BM_Worn(\w+)\/(\d+)/.exec(name);
    return { what, entries: Number(entries), worn_ns: ns, fresh_ns: map_ns, ratio: vs_map };
  });
}

// The different values of `key` in `rows`, in order.
function distinct(rows, key) {
  return [...new Set(rows.map((row) => row[key]).filter((value) => value !== undefined))].sort((a, b) => a - b);
}

const whoIn = (rows) => Object.keys(labels).filter((who) => rows.some((row) => row.who === who));

// The store that several processes shared.
function sharedStore(report) {
  const row = report.rows.find(({ work }) => work === 'readers_1');
  return row && { value_bytes: row.value_bytes, entries: row.entries };
}

const storeName = ({ value_bytes, entries }) => `${count(entries)} entries of ${bytes(value_bytes)}`;

// A table whose rows are those who take part: cell(who, column) is a text.
function table(title, note, rows, columns, cell) {
  return {
    title,
    note,
    head: ['', ...columns.map(({ label }) => label)],
    body: whoIn(rows).map((who) => [labels[who], ...columns.map((column) => cell(who, column) ?? '')]),
  };
}

const keysAndLabels = (object) => Object.entries(object).map(([key, label]) => ({ key, label }));

export function tables(report) {
  const { rows } = report;
  const shared = sharedStore(report);
  const result = [];
  const inShared = (row) => row.value_bytes === shared.value_bytes && row.entries === shared.entries;
  const turns = rows.filter((row) => row.work in works);

  const compared = turns.filter((row) => shared && inShared(row));
  if (compared.length > 0) {
    result.push(
      table(
        `In times of cubby's, ${storeName(shared)}`,
        'Lower is faster than cubby: the median of the ratios to the turn of cubby next to it.',
        compared,
        keysAndLabels(works),
        (who, { key }) => {
          const row = compared.find((one) => one.who === who && one.work === key);
          return row && `${short(row.vs_cubby)} x`;
        },
      ),
    );
  }

  const readers = rows.filter(({ work }) => work.startsWith('readers_'));
  if (readers.length > 0) {
    const columns = [...new Set(readers.map(({ work }) => work))].map((work) => ({
      key: work,
      label: `${work.slice('readers_'.length)} process${work.endsWith('_1') ? '' : 'es'}`,
    }));
    result.push(
      table(
        `Gets per second of several processes together, in millions, ${storeName(shared)}`,
        'Higher is better. Random keys.',
        readers,
        columns,
        (who, { key }) => {
          const row = readers.find((one) => one.who === who && one.work === key);
          return row && short(row.per_second / 1e6);
        },
      ),
    );
  }

  const beside = rows.filter(({ work }) => work in besides);
  if (beside.length > 0) {
    result.push(
      table(
        `Gets per second of one process, and what is left beside a writer, ${storeName(shared)}`,
        'Higher is better. Gets of random keys, puts of others, as fast as they go.',
        beside,
        [...keysAndLabels(besides), { key: 'left', label: 'left' }, { key: 'puts', label: 'puts/s beside' }],
        (who, { key }) => {
          const [alone, writer] = Object.keys(besides).map((work) =>
            beside.find((row) => row.who === who && row.work === work),
          );
          if (key === 'left') return alone && writer && `${short((writer.per_second / alone.per_second) * 100)} %`;
          if (key === 'puts') return writer && short(writer.puts_per_second);
          const row = { reader_alone: alone, reader_writer: writer }[key];
          return row && short(row.per_second);
        },
      ),
    );
  }

  for (const [work, title] of Object.entries(latencies)) {
    const of = rows.filter((row) => row.work === work);
    if (of.length === 0) continue;
    const columns = keysAndLabels({ ...percentiles, gets: 'gets', puts_per_second: 'puts/s beside' });
    result.push(
      table(
        `${title}, ${storeName(shared)}`,
        `Lower is better. Each get is timed by itself; reading the clock takes ${duration(report.clock_ns)} of it.`,
        of,
        columns.filter(({ key }) => of.some((row) => key in row)),
        (who, { key }) => {
          const row = of.find((one) => one.who === who);
          return key in percentiles ? duration(row[key]) : short(row[key]);
        },
      ),
    );
  }

  for (const [work, title, note] of [
    [
      'attach',
      `Opening a store, a get, and closing it${shared ? `, ${storeName(shared)}` : ''}`,
      'Lower is better. In a process that has done so before.',
    ],
    [
      'fresh_get',
      'A get from the shell: cubby get, redis-cli get',
      'Lower is better. From the start of the process to its end.',
    ],
  ]) {
    const of = rows.filter((row) => row.work === work);
    if (of.length === 0) continue;
    result.push(
      table(
        title,
        `${note} The median, and between what a tenth was faster and slower.`,
        of,
        keysAndLabels({ ns: 'median', low_ns: 'p10', high_ns: 'p90' }),
        (who, { key }) => duration(of.find((one) => one.who === who)[key]),
      ),
    );
  }

  for (const entries of distinct(report.wear ?? [], 'entries')) {
    result.push({
      title: `cubby after long use, ${storeName({ value_bytes: 64, entries })}`,
      note:
        'Two full stores in turns: one in which 50 random entries were deleted, and as many new keys put, for each ' +
        'that it has; and a new one. The ratio is the median of those of turns next to each other.' +
        (report.wear_machine ? ` Measured apart from the rest: ${machineLine(report.wear_machine)}.` : ''),
      head: ['', 'new', 'after long use', 'ratio'],
      body: report.wear
        .filter((row) => row.entries === entries)
        .map((row) => [wears[row.what], duration(row.fresh_ns), duration(row.worn_ns), `${short(row.ratio)} x`]),
    });
  }

  for (const value_bytes of distinct(turns, 'value_bytes')) {
    for (const entries of distinct(turns, 'entries')) {
      const cell = turns.filter((row) => row.value_bytes === value_bytes && row.entries === entries);
      if (cell.length === 0) continue;
      result.push(
        table(
          `ns per operation, ${storeName({ value_bytes, entries })}`,
          'Lower is better. One process; the median of its turns.',
          cell,
          keysAndLabels(works),
          (who, { key }) => {
            const row = cell.find((one) => one.who === who && one.work === key);
            return row && short(row.ns);
          },
        ),
      );
    }
  }
  return result;
}

// Lines over `x`, one for each of those who take part: y(who, x) is a number, or undefined.
function lines(rows, x, y) {
  return whoIn(rows)
    .map((who) => ({ who, label: labels[who], values: x.map((at) => y(who, at) ?? null) }))
    .filter(({ values }) => values.some((value) => value !== null));
}

// A chart: title, subtitle, which way is better, the axes, and views: one set of lines each, which
// the reader chooses between. An x axis has `at`, where its marks are, and their `labels`; `log`
// says whether distances are ratios.
export function charts(report) {
  const { rows } = report;
  const shared = sharedStore(report);
  const result = [];
  const turns = rows.filter((row) => row.work in works);
  const time = { label: 'time of an operation (log scale)', unit: 'ns', log: true };

  const percentilesOf = (work) => {
    const of = rows.filter((row) => row.work === work);
    if (of.length === 0) return;
    const keys = Object.keys(percentiles);
    result.push({
      id: work,
      title: latencies[work],
      subtitle: storeName(shared),
      better: 'lower is better',
      x: { label: 'share of the gets that take no longer', at: keys.map((_, i) => i), labels: Object.values(percentiles) },
      y: { ...time, label: 'time of a get (log scale)' },
      views: [{ label: '', lines: lines(of, keys, (who, key) => of.find((row) => row.who === who)?.[key]) }],
    });
  };
  percentilesOf('latency');

  const readers = rows.filter(({ work }) => work.startsWith('readers_'));
  if (readers.length > 0) {
    const at = [...new Set(readers.map(({ work }) => Number(work.slice('readers_'.length))))];
    const rate = (who, n) =>
      readers.find((row) => row.who === who && row.work === `readers_${n}`)?.per_second / 1e6 || undefined;
    result.push({
      id: 'readers',
      title: 'Throughput of several readers',
      subtitle: `${storeName(shared)}, random keys; ${report.machine.cores} cores`,
      better: 'higher is better',
      x: { label: 'processes that read', at, labels: at.map(String) },
      y: { label: 'million gets/s, together (log scale)', unit: 'M/s', log: true },
      views: [{ label: '', lines: lines(readers, at, rate) }],
    });
  }

  // A line per contestant and a view per work, along `key` where the other one is `fixed`.
  const along = (key, fixed, id, title, axis, text) => {
    const [name, value] = Object.entries(fixed)[0];
    const of = turns.filter((row) => row[name] === value);
    const at = distinct(of, key);
    const find = (work) => (who, x) => of.find((row) => row.who === who && row.work === work && row[key] === x)?.ns;
    result.push({
      id,
      title,
      subtitle: name === 'entries' ? `${count(value)} entries` : `values of ${bytes(value)}`,
      better: 'lower is better',
      x: { label: axis, at, labels: at.map(text), log: true },
      y: time,
      views: Object.entries(works)
        .map(([work, label]) => ({ label, lines: lines(of, at, find(work)) }))
        .filter((view) => view.lines.length > 0),
    });
  };
  if (turns.length > 0) {
    // Where most sizes were measured.
    const spread = (key, other) =>
      distinct(turns, key)
        .map((value) => [distinct(turns.filter((row) => row[key] === value), other).length, value])
        .sort(([a, x], [b, y]) => b - a || y - x)[0][1];
    const value_bytes = shared?.value_bytes ?? spread('value_bytes', 'entries');
    along('entries', { value_bytes }, 'entries', 'Time against the size of the table', 'entries (log scale)', count);
    along(
      'value_bytes',
      { entries: spread('entries', 'value_bytes') },
      'values',
      'Time against the size of values',
      'size of a value (log scale)',
      bytes,
    );
  }

  percentilesOf('tail_alone');
  percentilesOf('tail_writer');
  return result;
}

// What readers must know, a sentence each.
export function notes(report) {
  const result = [
    'Keys have 16 bytes. All stores get the same keys, and copy values into memory of the caller. Before it was ' +
      'measured, each was checked to give the right bytes, to see puts and deletes, and to miss absent keys.',
    'In one process, all take turns of about half a millisecond in one run, so that what disturbs the machine ' +
      'disturbs them alike; figures are medians. Where several processes work at once, stores take turns in the same way.',
    'Filling the stores, with new keys, is done once for each, one after the other: those figures are means.',
    'Floors read, or copy from, random places in as many bytes of shared memory as the store of cubby has: no table ' +
      'that is larger than the caches can be faster.',
    'Everything is in memory, nothing is made durable. Memory that libraries allocate is in huge pages ' +
      '(glibc.malloc.hugetlb=1), as the store of cubby is where the kernel has them; files of LMDB and TDB and the ' +
      'shared memory of Boost.Interprocess are as their libraries make them.',
  ];
  if (report.quick) {
    result.unshift('A quick run, with small stores and few turns: it shows that everything works, not how fast it is.');
  }
  if (report.absent.length > 0) {
    result.push(`Not on this machine, and so not in this report: ${report.absent.join(', ')}.`);
  }
  if (report.left_out.length > 0) {
    result.push(
      `Left out, because their keys and values alone are more than ${report.most_mib} MiB, and the stores of all are ` +
        `in memory at the same time: ${report.left_out.map(storeName).join(', ')}.`,
    );
  }
  return result;
}

export function machineLine({ cpu, cores, memory_gib, kernel, date, load, revision }) {
  const busy = load === undefined ? '' : `; load ${short(load)} when it began`;
  return (
    `${cpu}, ${cores} cores, ${short(memory_gib)} GiB of memory, ${kernel}; ${date.slice(0, 10)}` +
    `${revision ? `; cubby at ${revision}` : ''}${busy}`
  );
}
