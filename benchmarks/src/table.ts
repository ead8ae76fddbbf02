import { markdownTable } from '@tubelet/testing';
import type { Report, Row } from './report.js';

/** A report for people: one line about the machine, a table, the notes. */
export function reportText({ name, machine, isa, threads, rows, notes }: Report): string {
  const load = machine.loadAverage.toFixed(1);
  const head = `${name}: ${machine.cpu}, ISA ${isa}, ${threads} threads, load ${load}, Node ${machine.node}`;
  return [head, '', table(rows), ...(notes.length > 0 ? ['', ...notes] : []), ''].join('\n');
}

/** A report for docs/: the table, then the line about the machine and the notes. */
export function markdownReport({ machine, isa, threads, date, rows, notes }: Report): string {
  const shown = shownColumns(rows);
  const cells = rows.map((row) => shown.map(([, of]) => cell(of(row))));
  const columns = shown.map(([name]) => name);
  const head = `${machine.cpu}, ISA ${isa}, ${threads} threads, ${date.slice(0, 10)}`;
  return `${markdownTable(columns, cells)}\n\n${[head, ...notes].join('; ')}.`;
}

export function table(rows: readonly Row[]): string {
  const shown = shownColumns(rows);
  const lines = [
    shown.map(([name]) => name),
    ...rows.map((row) => shown.map(([, of]) => cell(of(row)))),
  ];
  const widths = shown.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const isText = shown.map(([, of]) => rows.some((row) => typeof of(row) === 'string'));
  const padded = (text: string, column: number) =>
    isText[column] ? text.padEnd(widths[column]) : text.padStart(widths[column]);
  return lines.map((line) => line.map(padded).join('  ').trimEnd()).join('\n');
}

type Column = readonly [name: string, of: (row: Row) => number | string | null];

/** Work, dtype, ours, then those of the peer, the ceiling and the details that any row has. */
function shownColumns(rows: readonly Row[]): readonly Column[] {
  const details = [...new Set(rows.flatMap((row) => Object.keys(row.details ?? {})))];
  const columns: readonly Column[] = [
    ['work', (row) => row.work],
    ['dtype', (row) => row.dtype],
    ['ours ms', (row) => row.oursMs],
    ['peer', (row) => row.peer],
    ['peer ms', (row) => row.peerMs],
    ['ratio', (row) => row.ratio],
    ['% of ceiling', (row) => row.ceilingPercent],
    ...details.map((name): Column => [name, (row) => row.details?.[name] ?? null]),
  ];
  return columns.filter(([, of]) => rows.some((row) => of(row) !== null));
}

/** Three significant digits, and all digits before the point. */
function cell(value: number | string | null): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  const size = Math.abs(value);
  if (size !== 0 && size < 0.001) return value.toExponential(1);
  return size >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
