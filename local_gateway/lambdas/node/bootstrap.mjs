// What runs in an environment of a Node.js function: loads the handler once, then calls it event by
// event. What a handler can notice is as in Lambda's own Node.js runtime; the npm package
// `aws-lambda-ric` is that, but builds a native part when it is installed, which takes a compiler.

import { errorObject, UnhandledPromiseRejection } from "./errors.mjs";
import { loadHandler } from "./handler.mjs";
import { emptyLoop, handle } from "./invocation.mjs";
import { logError, patchConsole } from "./log.mjs";
import { RuntimeApi } from "./runtime_api.mjs";

const UNCAUGHT_STATUS = 129;
const UNHANDLED_STATUS = 128;

const api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API);
let isLoaded = false;
let requestId;

/** Answer for the event, or for loading, with an error that nobody caught; then exit. */
async function giveUp(headline, error, status) {
  logError(headline, error);
  if (!isLoaded) {
    await api.failInit(errorObject(error));
  } else if (requestId !== undefined) {
    await api.fail(requestId, errorObject(error));
  }
  process.exit(status);
}

process.on("uncaughtException", (error) => giveUp("Uncaught Exception", error, UNCAUGHT_STATUS));
process.on("unhandledRejection", (reason, promise) => {
  const error = new UnhandledPromiseRejection(reason, promise);
  giveUp("Unhandled Promise Rejection", error, UNHANDLED_STATUS);
});
process.on("beforeExit", () => emptyLoop.act());

globalThis.awslambda = {
  streamifyResponse() {
    throw new Error("the local gateway does not emulate response streaming");
  },
};
patchConsole();
const handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
isLoaded = true;

async function next() {
  requestId = undefined;
  const event = await api.next();
  requestId = event.headers["lambda-runtime-aws-request-id"];
  handle(requestId, event, { api, handler, next: () => setImmediate(next) });
}
next();
