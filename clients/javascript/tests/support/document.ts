/** The API's document, from which the tests take the answers of their server and the examples that they run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const TEXT = readFileSync(
  new URL('../../../../../tests/end_to_end/documents/serveml-api.md', import.meta.url),
  'utf8',
);

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

/** The text below a heading, up to the next heading of the same or a higher level. */
function section(title: string): string {
  const heading = new RegExp(`^(#+) ${escaped(title)}$`, 'm').exec(TEXT);
  assert.ok(heading?.[1], `the document has no heading ${title}`);
  const rest = TEXT.slice(heading.index + heading[0].length);
  const end = rest.search(new RegExp(`^#{2,${heading[1].length}} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** The JSON example below a heading and a label, such as `Response (Single)`. */
export function example(title: string, label = 'Response'): Json {
  const found = new RegExp(`\\*\\*${escaped(label)}:\\*\\*\\n\`\`\`json\\n([^]*?)\\n\`\`\``).exec(section(title));
  assert.ok(found?.[1], `${title} has no example ${label}`);
  // The document cuts lists short with "..." and explains with "//".
  return JSON.parse(found[1].replaceAll(/, \.\.\.| {2}\/\/.*/g, ''));
}

/** The program below a heading, as printed. */
export function code(title: string, language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(section(title));
  assert.ok(found?.[1], `${title} has no example in ${language}`);
  return found[1];
}

/** The table of error codes with their HTTP statuses. */
export function errorCodes(): Array<[string, number]> {
  return [...TEXT.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name, status]) => [name ?? '', Number(status)]);
}

/** The example of an error. */
export function errorExample(): Json {
  return JSON.parse(/```json\n([^]*?)\n```/.exec(section('Error Responses'))?.[1] ?? '');
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
