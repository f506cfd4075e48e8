import { describe, expect, it } from '@jest/globals';
import { CompiledSchemas } from './compile-schema.js';

describe('CompiledSchemas', () => {
  it('compiles a schema once', () => {
    const compiled = new CompiledSchemas();
    const first = compiled.get('{"type":"string"}');
    expect(compiled.get('{"type":"string"}')).toBe(first);
    expect(compiled.size).toBe(1);
  });

  it('keeps the hundred that were used last', () => {
    const compiled = new CompiledSchemas();
    const kept = compiled.get('true');
    for (let n = 0; n < 99; n++) compiled.get(`{"minLength":${n}}`);
    expect(compiled.get('true')).toBe(kept);
    const unused = compiled.get('{"minLength":0}');
    for (let n = 100; n < 199; n++) {
      compiled.get(`{"minLength":${n}}`);
      compiled.get('true');
    }
    expect(compiled.size).toBe(100);
    expect(compiled.get('true')).toBe(kept);
    expect(compiled.get('{"minLength":0}')).not.toBe(unused);
  });

  it('keeps fewer when they are long', () => {
    const compiled = new CompiledSchemas();
    for (let n = 0; n < 30; n++) compiled.get(JSON.stringify({ title: 'x'.repeat(60_000), minLength: n }));
    expect(compiled.size).toBe(16);
  });

  it('does not count a schema that cannot be compiled', () => {
    const compiled = new CompiledSchemas();
    expect(() => compiled.get('{"enum":[]}')).toThrow('enum');
    expect(compiled.size).toBe(0);
  });
});
