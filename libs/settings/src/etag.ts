/** `If-Match` and `If-None-Match`, as they were sent. */
export interface Preconditions {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
}

/** The entity tag of a document of this version. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** True when an `If-Match` header allows a change of a document of this version; `*` allows any, and weak tags none (RFC 9110). */
export function allowsVersion(ifMatch: string, version: number): boolean {
  return ifMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim() === etagOf(version));
}
