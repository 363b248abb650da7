// What the runtime makes of whatever a handler throws: Lambda's Node.js runtime, to the letter.

import { types } from "node:util";

class RuntimeError extends Error {
  constructor(message) {
    super(message);
    this.name = `Runtime.${this.constructor.name}`;
  }
}

export class ImportModuleError extends RuntimeError {}
export class HandlerNotFound extends RuntimeError {}
export class MalformedHandlerName extends RuntimeError {}
export class UserCodeSyntaxError extends RuntimeError {}
export class CallbackHandlerDeprecated extends RuntimeError {}

export class UnhandledPromiseRejection extends RuntimeError {
  constructor(reason, promise) {
    super(reason);
    this.reason = reason;
    this.promise = promise;
  }
}

/** Return the error object that Lambda answers with: `{errorType, errorMessage, trace}`. */
export function errorObject(error) {
  try {
    if (types.isNativeError(error) || looksLikeAnError(error)) {
      return {
        errorType: escaped(error.name),
        errorMessage: escaped(error.message),
        trace: escaped(error.stack).split("\n"),
      };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or " +
        "more of its message, name, and stack",
    };
  }
}

/** Return an error as the log shows it, its own properties included. */
export function loggedError(error) {
  const shown = error instanceof Error ? error : new Error(error);
  try {
    return JSON.stringify(shown, (_name, value) => (value instanceof Error ? facts(value) : value));
  } catch {
    return JSON.stringify(errorObject(shown));
  }
}

function facts(error) {
  const { name: errorType, message: errorMessage, code } = error;
  const all = Object.assign({ errorType, errorMessage, code }, error);
  if (typeof error.stack === "string") {
    all.stack = error.stack.split("\n");
  }
  return all;
}

function looksLikeAnError(value) {
  const parts = [value?.name, value?.message, value?.stack];
  return parts.every((part) => typeof part === "string" && part !== "");
}

/** DEL can't stand in a header, where AWS puts these texts too. */
function escaped(text) {
  return text?.replace(/\x7f/g, "%7F");
}
