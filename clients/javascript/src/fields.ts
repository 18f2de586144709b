import { UnexpectedAnswerError } from './errors.js';
import type { JsonObject } from './types.js';

/**
 * Reads a JSON object field by field. Each method gives the field's value, or undefined where it is missing or null
 * (`required` ones throw instead), and throws an {@link UnexpectedAnswerError} that names the field where its type is
 * another one.
 */
export class Fields {
  readonly raw: JsonObject;

  constructor(
    value: unknown,
    private readonly where = 'answer',
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new UnexpectedAnswerError(`${where}: expected a JSON object, got ${shown(value)}`);
    }
    this.raw = value as JsonObject;
  }

  any(name: string): unknown {
    return this.raw[name] ?? undefined;
  }

  text(name: string): string | undefined {
    return this.typed<string>(name, 'string');
  }

  number(name: string): number | undefined {
    return this.typed<number>(name, 'number');
  }

  flag(name: string): boolean | undefined {
    return this.typed<boolean>(name, 'boolean');
  }

  time(name: string): Date | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : toTime(text, `${this.where}.${name}`);
  }

  object(name: string): Fields | undefined {
    const value = this.any(name);
    return value === undefined ? undefined : new Fields(value, `${this.where}.${name}`);
  }

  list<T>(name: string, convert: (item: unknown, where: string) => T): T[] | undefined {
    const value = this.any(name);
    if (value === undefined) {
      return undefined;
    }
    if (!Array.isArray(value)) {
      throw this.wrong(name, 'a list', value);
    }
    return value.map((item, index) => convert(item, `${this.where}.${name}[${index}]`));
  }

  /** Gives the value that another method read, and throws where there was none. */
  required<T>(name: string, value: T | undefined): T {
    if (value === undefined) {
      throw new UnexpectedAnswerError(`${this.where}: the field "${name}" is missing`);
    }
    return value;
  }

  requiredText(name: string): string {
    return this.required(name, this.text(name));
  }

  requiredNumber(name: string): number {
    return this.required(name, this.number(name));
  }

  requiredList<T>(name: string, convert: (item: unknown, where: string) => T): T[] {
    return this.required(name, this.list(name, convert));
  }

  private typed<T>(name: string, type: string): T | undefined {
    const value = this.any(name);
    if (value !== undefined && typeof value !== type) {
      throw this.wrong(name, `a ${type}`, value);
    }
    return value as T | undefined;
  }

  private wrong(name: string, expected: string, value: unknown): UnexpectedAnswerError {
    return new UnexpectedAnswerError(`${this.where}.${name}: expected ${expected}, got ${shown(value)}`);
  }
}

/** Takes a list's item that must be a text. */
export function toText(value: unknown, where: string): string {
  if (typeof value !== 'string') {
    throw new UnexpectedAnswerError(`${where}: expected a string, got ${shown(value)}`);
  }
  return value;
}

/** Takes a list's item that must be a number. */
export function toNumber(value: unknown, where: string): number {
  if (typeof value !== 'number') {
    throw new UnexpectedAnswerError(`${where}: expected a number, got ${shown(value)}`);
  }
  return value;
}

/** Takes a list's item that must be a time. */
export function toTime(value: unknown, where: string): Date {
  const time = new Date(toText(value, where));
  if (Number.isNaN(time.getTime())) {
    throw new UnexpectedAnswerError(`${where}: ${shown(value)} is no time in ISO 8601`);
  }
  return time;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 100 ? text : `${text.slice(0, 100)}…`;
}
