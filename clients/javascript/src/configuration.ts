import { ConfigurationError } from './errors.js';

export const DEFAULT_BASE_URL = 'https://api.serveml.com';

/** What a client is made with. */
export interface ClientOptions {
  /** An API key or an access token; else the environment's `SERVEML_API_KEY`; without either, requests carry none. */
  apiKey?: string | undefined;
  /** Where the API is; else the environment's `SERVEML_URL`, else `https://api.serveml.com`. */
  baseUrl?: string | undefined;
  /** Milliseconds to wait for an answer, or for an upload to go on; 60 000 if not given. */
  timeoutMs?: number | undefined;
  /** How often a request that can be repeated safely is sent again; 3 if not given. */
  maxRetries?: number | undefined;
  /** A `fetch` of your own, for proxies and certificates. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** Gives the base URL without a slash at its end. */
export function baseUrlOf(options: ClientOptions): string {
  const text = (options.baseUrl || environment('SERVEML_URL') || DEFAULT_BASE_URL).trim().replace(/\/+$/, '');
  if (!/^https?:\/\/[^/]/.test(text) || !URL.canParse(text)) {
    throw new ConfigurationError(`the base URL ${JSON.stringify(text)} needs http:// or https:// and a host`);
  }
  return text;
}

/** Gives the key, if there is one. */
export function apiKeyOf(options: ClientOptions): string | undefined {
  const key = (options.apiKey || environment('SERVEML_API_KEY') || '').trim();
  if (!/^[\x21-\x7e]*$/.test(key)) {
    throw new ConfigurationError('the API key contains characters that no key has');
  }
  return key || undefined;
}

/** Gives a setting that must be a number from `least` on. */
export function numberOf(name: string, value: number | undefined, otherwise: number, least: number): number {
  const number = value ?? otherwise;
  if (!Number.isFinite(number) || number < least) {
    throw new ConfigurationError(`${name} is ${number}; it must be ${least} or more`);
  }
  return number;
}

function environment(name: string): string | undefined {
  // Browsers have no process.
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name];
}
