/** `node healthcheck.mjs api worker`: exits with 0 when each of them answers 200 on this container's loopback, else says which does not. */
const PLACES = {
  api: { variable: 'TOKENHUB_PORT', otherwise: '8080', path: '/health' },
  worker: { variable: 'TOKENHUB_WORKER_PORT', otherwise: '8081', path: '/health' },
  simulator: { variable: 'TOKENHUB_SIMULATOR_PORT', otherwise: '8090', path: '/v1/models' },
};

for (const name of process.argv.slice(2)) {
  const problem = await problemOf(PLACES[name]);
  if (problem === undefined) continue;
  console.error(`${name}: ${problem}`);
  process.exitCode = 1;
}

async function problemOf({ variable, otherwise, path }) {
  const url = `http://127.0.0.1:${process.env[variable] || otherwise}${path}`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(4_000) });
    await answer.arrayBuffer();
    return answer.ok ? undefined : `${url} answers ${answer.status}`;
  } catch (error) {
    return `${url} does not answer: ${error.cause?.message ?? error.message}`;
  }
}
