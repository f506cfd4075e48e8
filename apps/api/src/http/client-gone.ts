import type { Response } from 'express';

/** Why a wait ended when its client went away. */
export class ClientGone extends Error {
  constructor() {
    super('the client closed the connection');
    this.name = 'ClientGone';
  }
}

/** Aborts when the client closes the connection before the answer is complete; at once when it has already done so. */
export function clientGone(response: Response): AbortSignal {
  const gone = new AbortController();
  // Counting a long prompt takes a while: 'close' may have been emitted before anybody listened.
  if (response.closed && !response.writableFinished) gone.abort(new ClientGone());
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new ClientGone());
  });
  return gone.signal;
}
