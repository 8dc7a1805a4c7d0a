// The report as text.
import { labels, machineLine, notes, tables } from './rows.mjs';

const row = (cells) => `| ${cells.join(' | ')} |`;

function markdownTable({ title, note, head, body }) {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [`## ${title}`, '', note, '', row(head), row(rule), ...body.map(row)].join('\n');
}

export function markdown(report) {
  const peers = Object.entries(report.peers).map(([who, about]) => `- **${labels[who]}**: ${about}`);
  return `${[
    '# How fast is cubby, beside others?',
    machineLine(report.machine),
    notes(report).map((note) => `- ${note}`).join('\n'),
    peers.join('\n'),
    ...tables(report).map(markdownTable),
  ].join('\n\n')}\n`;
}
