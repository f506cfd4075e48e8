/** Why a client's schema cannot be used, as a sentence that is safe to show to the client. */
export class SchemaFault extends Error {
  override readonly name = 'SchemaFault';
}
