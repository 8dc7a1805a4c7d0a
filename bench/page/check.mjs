// Looks at the report's page as people do, in headless Chromium: on a desk and on a phone, light and
// dark. Every line of every chart must have left marks, nothing may stick out of the window, and no
// script may have failed.
//
//   node bench/page/check.mjs INDEX.html FOLDER     screenshots go to FOLDER
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

// A dot alone has more.
const leastPixels = 10;

const looks = [
  { name: 'desk-light', width: 1200, dark: false },
  { name: 'desk-dark', width: 1200, dark: true },
  { name: 'phone-light', width: 390, dark: false },
  { name: 'phone-dark', width: 390, dark: true },
];
// So that all charts are in the picture.
const height = 5000;

const errorListener = `<script>
window.probeErrors = [];
addEventListener('error', (event) => window.probeErrors.push(event.message));
addEventListener('unhandledrejection', (event) => window.probeErrors.push(String(event.reason)));
console.error = (...words) => window.probeErrors.push(words.join(' '));
</script>`;

// The page with the probe in it.
function probed(html) {
  const probe = readFileSync(new URL('probe.js', import.meta.url), 'utf8');
  return html
    .replace('<head>', () => `<head>${errorListener}`)
    .replace('</body>', () => `<script>${probe}</script></body>`);
}

// The page in a frame, for a phone is narrower than Chromium's windows can be. What the probe tells
// is put where --dump-dom shows it.
function framed(html, { width }) {
  const quoted = html.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  return `<!DOCTYPE html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><body style="margin:0">
<script>
addEventListener('message', ({ data }) => {
  const told = document.createElement('script');
  told.type = 'application/json';
  told.id = 'probe';
  told.textContent = JSON.stringify(data).replaceAll('<', '\\u003c');
  document.body.replaceChildren(told);
});
</script>
<iframe srcdoc="${quoted}" style="border:0;width:${width}px;height:${height}px"></iframe>`;
}

function chromium(profile, look, page, action) {
  return execFileSync(
    'chromium',
    [
      '--headless',
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--hide-scrollbars',
      `--blink-settings=preferredColorScheme=${look.dark ? 0 : 1}`,
      `--user-data-dir=${profile}`,
      `--window-size=${look.width},${height}`,
      '--virtual-time-budget=20000',
      action,
      pathToFileURL(page).href,
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26, timeout: 120_000 },
  );
}

// What is wrong with what the probe saw, a line each.
export function complaints(probe, look) {
  const wrong = probe.errors.map((error) => `a script failed: ${error}`);
  if (probe.dark !== look.dark) wrong.push(`it is ${probe.dark ? 'dark' : 'light'}`);
  if (probe.overflow > 0) wrong.push(`it is ${probe.overflow} pixels wider than the window of ${probe.width}`);
  if (probe.tables === 0) wrong.push('there are no tables');
  if (probe.seen.length === 0) wrong.push('there are no charts');
  for (const { chart, view, marks } of probe.seen) {
    for (const [line, pixels] of marks) {
      if (pixels < leastPixels) wrong.push(`chart ${chart}${view && `, ${view}`}: ${line} has ${pixels} pixels`);
    }
  }
  return wrong;
}

function main([index, folder]) {
  const temporary = mkdtempSync(join(tmpdir(), 'cubby-page-'));
  let wrong = 0;
  try {
    mkdirSync(folder, { recursive: true });
    const html = readFileSync(index, 'utf8');
    for (const look of looks) {
      const profile = join(temporary, look.name);
      const show = (content, action) => {
        const page = join(temporary, 'page.html');
        writeFileSync(page, framed(content, look));
        return chromium(profile, look, page, action);
      };
      show(html, `--screenshot=${resolve(folder, `${look.name}.png`)}`);
      const dom = show(probed(html), '--dump-dom');
      const told = /<script type="application\/json" id="probe">(.*?)<\/script>/.exec(dom);
      const probe = told && JSON.parse(told[1]);
      const said = probe ? complaints(probe, look) : ['the page did not get as far as its charts'];
      if (probe) console.log(`${look.name}: ${probe.seen.length} views of charts, ${probe.width} pixels wide`);
      for (const line of said) console.log(`${look.name}: ${line}`);
      wrong += said.length;
    }
  } finally {
    rmSync(temporary, { recursive: true });
  }
  process.exitCode = wrong === 0 ? 0 : 1;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main(process.argv.slice(2));
