// `console` as Lambda's Node.js runtime has it: time, request id, level and message in one line.

import { format } from "node:util";

import { loggedError } from "./errors.mjs";

const LEVELS = { trace: "TRACE", debug: "DEBUG", info: "INFO", log: "INFO", warn: "WARN" };

let requestId;

/** Let what is logged from now on carry this request's id. */
export function setRequestId(id) {
  requestId = id;
}

/** Replace the methods of `console`. */
export function patchConsole() {
  for (const [method, level] of Object.entries({ ...LEVELS, error: "ERROR", fatal: "FATAL" })) {
    console[method] = (message, ...more) => write(level, message, more);
  }
}

/** Log what went wrong, with its stack. */
export function logError(headline, error) {
  console.error(headline, `\t${loggedError(error)}`);
}

function write(level, message, more) {
  const line = `${new Date().toISOString()}\t${requestId}\t${level}\t${format(message, ...more)}`;
  // One event of the log is one line; a carriage return parts what was several.
  process.stdout.write(`${line.replace(/\n/g, "\r")}\n`);
}
