import { isJsonObject } from '#contracts/json.js';

/** A model as the server's `/v1/models` describes it. */
export interface ServedModel {
  id: string;
  /** Input and output tokens together; null when the card does not say. */
  maxModelLen: number | null;
  /** Adapters (LoRA) come and go on a running server; they name the model that they adapt as parent. */
  isAdapter: boolean;
}

/** The models of a `/v1/models` body, sorted by id; null when it is not one. */
export function readModels(body: unknown): ServedModel[] | null {
  if (!isJsonObject(body) || !Array.isArray(body.data)) return null;
  return body.data.flatMap(readCard).sort((a, b) => (a.id < b.id ? -1 : 1));
}

function readCard(card: unknown): ServedModel[] {
  if (!isJsonObject(card) || typeof card.id !== 'string') return [];
  const { id, parent, max_model_len: maxModelLen } = card;
  const isLength = typeof maxModelLen === 'number' && Number.isSafeInteger(maxModelLen) && maxModelLen > 0;
  return [{ id, maxModelLen: isLength ? maxModelLen : null, isAdapter: typeof parent === 'string' }];
}
