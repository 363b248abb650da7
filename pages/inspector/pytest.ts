/** A message as a test for the gateway's pytest plugin; docs/how-to/test-your-template.md. */

import type { Row } from "./api.ts";
import { linksOf } from "./links.ts";

/** Return JSON as Python has it: texts are written alike, but for the words. */
export function python(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") {
    const pairs = Object.entries(value as object);
    return `{${pairs.map(([name, each]) => `${JSON.stringify(name)}: ${python(each)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}

/** Return a text as what `send` and `expect` take: an object where it is JSON of one. */
function literal(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return python(value);
  } catch {
    // It is a text.
  }
  return JSON.stringify(text);
}

/** What differs with each run, and so is not expected. */
const DRAWN = new Set(["connectionId", "requestId"]);

function expected(row: Row): string {
  if (row.kind !== "error") return literal(row.text ?? "");
  const frame = JSON.parse(row.text ?? "{}") as Record<string, unknown>;
  return python(Object.fromEntries(Object.entries(frame).filter(([name]) => !DRAWN.has(name))));
}

/** Return the names of a query, of which a test gives the last value of each. */
function queryOf(handshake: Row | undefined): string {
  const query = Object.fromEntries(new URLSearchParams(handshake?.query ?? ""));
  return Object.keys(query).length ? `, query=${python(query)}` : "";
}

/** Write a test that sends a message on a connection like its own, and expects what came of it. */
export function asPytest(message: Row, template: string, all: readonly Row[]): string {
  const handshake = all.find((row) => row.kind === "handshake" && row.connectionId === message.connectionId);
  const events = linksOf(message, all).effects;
  const effects = [...events, ...events.flatMap((event) => linksOf(event, all).effects)];
  const answers = effects.filter(
    (row) =>
      row.kind === "reply" ||
      row.kind === "error" ||
      (row.kind === "post" && row.status === 200 && row.connectionId === message.connectionId),
  );
  const name = (message.route ?? "message").replace(/\W+/g, "_").replace(/^_+|_+$/g, "").toLowerCase();
  const place = handshake ? `stage=${JSON.stringify(handshake.stage)}${queryOf(handshake)}` : "";
  return [
    "import pytest",
    "",
    "",
    "@pytest.mark.asyncio",
    `@pytest.mark.gateway(${JSON.stringify(template)})`,
    `async def test_${name || "message"}(gateway):`,
    `    client = await gateway.connect(${place})`,
    "",
    `    await client.send(${literal(message.text ?? "")})`,
    "",
    ...answers.map((row) => `    await client.expect(${expected(row)})`),
    ...(answers.length ? [] : ["    await client.expect_nothing()"]),
    "",
  ].join("\n");
}
