const CREATED = 1_700_000_000;

/** GET /v1/models: vLLM's cards, with the window that the server was started with. */
export function modelsBody(ids: readonly string[], maxModelLen: number): string {
  const data = ids.map((id) => ({
    id,
    object: 'model',
    created: CREATED,
    owned_by: 'vllm',
    root: id,
    parent: null,
    max_model_len: maxModelLen,
    permission: [{ id: 'modelperm-simulator', object: 'model_permission', created: CREATED, organization: '*' }],
  }));
  return JSON.stringify({ object: 'list', data });
}
