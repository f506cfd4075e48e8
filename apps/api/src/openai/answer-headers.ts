import type { EndNotice } from '#jobs/notices.js';
import { nanoToUsd } from '#contracts/money.js';

/** What is known of an answered job, as headers. */
export function answerHeaders(jobId: string, notice: EndNotice): Record<string, string> {
  return {
    'x-tokenhub-job-id': jobId,
    'x-tokenhub-model': headerText(notice.model),
    'x-tokenhub-provider': headerText(notice.provider),
    'x-tokenhub-attempts': String(notice.attempts),
    'x-tokenhub-cost-usd': String(nanoToUsd(notice.costNano)),
    ...(notice.dropped !== '' && { 'x-tokenhub-warning': headerText(`dropped: ${notice.dropped}`) }),
  };
}

/** Model ids may hold any character; a header may not. */
export function headerText(value: string | null): string {
  // By whole characters: half of a surrogate pair cannot be encoded.
  return (value ?? '').toWellFormed().replace(/[^\x20-\x7e]/gu, encodeURIComponent);
}
