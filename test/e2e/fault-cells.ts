import type { StackConfig } from '#testing/simulator-config.js';
import type { Arming } from '../../apps/simulator/src/fault-book.js';
import { DELIVERIES, PRIMARY_CONTEXT, VENDORS, type Course, type Party, type Place, type Row } from './fault-row.js';

/** One request of the table, with models that nobody else uses: neither a fault nor a provider's health leaks into another. */
export interface Cell extends Place {
  row: Row;
  course: Course;
  /** Model ids; the primary's is its provider's, too. */
  models: Readonly<Record<Party, string>>;
}

/** What a thousand tokens cost, by candidate, so that a bill tells whose it is. */
export const PRICES: Readonly<Record<Party, { input_per_1k: number; output_per_1k: number }>> = {
  primary: { input_per_1k: 0.001, output_per_1k: 0.002 },
  backup: { input_per_1k: 0.03, output_per_1k: 0.05 },
};

/** Every row in every column, for each vendor that it concerns. */
export function cellsOf(rows: readonly Row[]): Cell[] {
  const places = rows.flatMap((row) =>
    (row.vendors ?? VENDORS).flatMap((vendor) =>
      (row.deliveries ?? DELIVERIES).map((delivery) => ({ row, vendor, delivery })),
    ),
  );
  return places.map(({ row, ...place }, n) => ({
    row,
    ...place,
    course: row.course(place),
    models: { primary: `primary-${n}`, backup: `backup-${n}` },
  }));
}

/** Which of the two a model or a provider is. */
export function partyOf(name: string): Party {
  const [party] = name.split('-');
  if (party !== 'primary' && party !== 'backup') throw new Error(`${name} is no candidate of the table`);
  return party;
}

/** The faults of a cell, each for exactly so many requests as are expected to meet it. */
export function armingsOf({ row, course, models }: Cell): Arming[] {
  const arming = (by: Party, fault: Arming['fault'] | null | undefined): Arming[] => {
    const failures = course.attempts.filter((attempt) => attempt.by === by && attempt.failure !== null).length;
    return fault ? [{ fault, match: { model: models[by] }, times: Math.max(failures, 1) }] : [];
  };
  const own = row.fault === 'refuse_connection' ? null : row.fault;
  return [...arming('primary', own), ...arming('backup', row.backup?.fault)];
}

/** A provider for each primary, and for each backup that has a fault of its own; the sound backups share one. */
export function configOf(cells: readonly Cell[], closedPort: number): (simulatorUrl: string) => StackConfig {
  return (simulatorUrl) => ({
    providers: [
      openaiProvider('backup', simulatorUrl),
      ...cells.flatMap((cell) => [
        { ...placeOf(cell, simulatorUrl, closedPort), id: cell.models.primary, timeouts: cell.row.timeouts },
        ...(cell.row.backup?.fault ? [openaiProvider(cell.models.backup, simulatorUrl)] : []),
      ]),
    ],
    models: cells.flatMap(({ row, models }) => [
      model(models.primary, { provider: models.primary, context_tokens: PRIMARY_CONTEXT, price: PRICES.primary }),
      model(models.backup, {
        provider: row.backup?.fault ? models.backup : 'backup',
        context_tokens: row.backup?.contextTokens ?? 200_000,
        price: PRICES.backup,
      }),
    ]),
  });
}

const credential = { source: 'none' };

function openaiProvider(id: string, url: string): object {
  return { id, type: 'openai', base_url: url, credential };
}

function placeOf({ row, vendor }: Cell, simulatorUrl: string, closedPort: number): object {
  const url = row.fault === 'refuse_connection' ? `http://127.0.0.1:${closedPort}/v1` : simulatorUrl;
  if (vendor !== 'vllm') return { type: vendor, base_url: url, credential };
  return { type: vendor, endpoints: [url.replace(/\/v1$/, '/vllm/v1')], credential };
}

function model(id: string, more: object): object {
  return { id, max_output_tokens: 4_096, capabilities: ['streaming'], ...more };
}
