/**
 * How a critic or reviewer approves. A line of its own, because a word inside a sentence ("could be approved if …") cannot
 * be told from an approval. The last line, because a model that gives its reasons first does not defend a hasty yes. And
 * optional: silence means that something must change, so a cut-off answer approves nothing and nobody is asked again.
 */
export function approvalLine(what: string): string {
  return (
    `If the ${what} needs no change that matters, say so in a sentence and end with a last line that reads exactly\n` +
    'APPROVED\nIn every other case leave that line out.'
  );
}
