import { sql, type Selectable } from 'kysely';
import type { TerminalState } from '#contracts/job-state.js';
import type { Delivery, DeliveryState, DeliveryTry } from '#contracts/webhook.js';
import { answered } from '#database/answered.js';
import type { Db } from '#database/connect-database.js';
import type { WebhookDeliveriesTable } from '#database/schema.js';
import type { DeliveryFilter, DeliveryPlace } from './delivery-filter.js';

export interface ListDeliveries {
  /** The last delivery of the page before. */
  after: DeliveryPlace | null;
  limit: number;
  filter: DeliveryFilter;
}

/** Deliveries of webhooks as they were recorded after their end. Reading throws `store_unavailable` while the database is away. */
export class DeliveryHistory {
  constructor(private readonly db: Db) {}

  /** Adds them, or takes a later round in the place of an earlier one; writing one twice changes nothing. */
  async add(deliveries: readonly Delivery[]): Promise<void> {
    if (deliveries.length === 0) return;
    const rows = [...new Map(deliveries.map((one) => [one.id, one])).values()].map(deliveryRow);
    await sql`
      INSERT INTO webhook_deliveries
      SELECT * FROM json_populate_recordset(NULL::webhook_deliveries, ${JSON.stringify(rows)}::json) ORDER BY id
      ON CONFLICT (id) DO UPDATE SET status = excluded.status, reason = excluded.reason, round = excluded.round,
        attempts = excluded.attempts, ended_ms = excluded.ended_ms, tries = excluded.tries
      WHERE excluded.round > webhook_deliveries.round`.execute(this.db);
  }

  /** Null when there is none (yet, or any more). */
  async read(id: string): Promise<Delivery | null> {
    const row = await answered(
      this.db.selectFrom('webhook_deliveries').selectAll().where('id', '=', id).executeTakeFirst(),
    );
    return row ? toDelivery(row) : null;
  }

  /** Those of an endpoint that pass the filter, the newest event first; `endpoint` is null for jobs' own URLs. */
  async list(project: string, endpoint: string | null, { after, limit, filter }: ListDeliveries): Promise<Delivery[]> {
    const { status, createdFrom, createdBefore } = filter;
    const conditions = [
      sql`project = ${project} AND endpoint = ${endpoint ?? ''}`,
      ...(status === undefined ? [] : [sql`status = ${status}`]),
      ...(createdFrom === undefined ? [] : [sql`created_ms >= ${createdFrom}`]),
      ...(createdBefore === undefined ? [] : [sql`created_ms < ${createdBefore}`]),
      ...(after === null ? [] : [sql`(created_ms, id) < (${after.at}, ${after.id})`]),
    ];
    const { rows } = await answered(
      sql<Selectable<WebhookDeliveriesTable>>`SELECT * FROM webhook_deliveries
        WHERE ${sql.join(conditions, sql` AND `)} ORDER BY created_ms DESC, id DESC LIMIT ${limit}`.execute(this.db),
    );
    return rows.map(toDelivery);
  }
}

function deliveryRow(delivery: Delivery): Record<keyof WebhookDeliveriesTable, unknown> {
  const { id, jobId, project, endpoint, url, state, at, status, round, attempts, reason, endedAt, tries } = delivery;
  return {
    ...{ id, project, endpoint: endpoint ?? '', job_id: jobId, job_state: state, status, reason, round, attempts },
    // As it is called: what a client writes may have characters that the database refuses.
    url: url !== null && URL.canParse(url) ? new URL(url).href : null,
    ...{ created_ms: at, ended_ms: endedAt ?? at, tries },
  };
}

function toDelivery(row: Selectable<WebhookDeliveriesTable>): Delivery {
  return {
    ...{ id: row.id, jobId: row.job_id, project: row.project, endpoint: row.endpoint === '' ? null : row.endpoint },
    ...{ url: row.url, state: row.job_state as TerminalState, at: row.created_ms },
    ...{ status: row.status as DeliveryState, round: row.round, attempts: row.attempts, reason: row.reason },
    ...{ nextAt: null, endedAt: row.ended_ms, heldBy: null, tries: row.tries as DeliveryTry[] },
  };
}
