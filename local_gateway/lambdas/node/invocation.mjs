// One event: what the handler gets beside it, and which of its many ways to answer counts.

import { errorObject } from "./errors.mjs";
import { logError, setRequestId } from "./log.mjs";

/** What `beforeExit` calls: the event loop is empty. */
export const emptyLoop = { act: () => {} };

/** Call the handler with an event, and `next` once the answer is with the emulator. */
export function handle(id, { headers, body }, { api, handler, next }) {
  setRequestId(id);
  let isSettled = false;

  const post = (sent) => {
    emptyLoop.act = () => {};
    sent.then(next);
  };
  const fail = (error) => {
    isSettled = true;
    logError("Invoke Error", error);
    post(api.fail(id, errorObject(error)));
  };
  const complete = (result) => {
    const text = serialized(result); // throws what the handler shall answer for
    isSettled = true;
    post(api.respond(id, text));
  };
  const done = (error, result) => {
    if (!isSettled) {
      error === undefined || error === null ? complete(result) : fail(error);
    }
  };
  const callback = (error, result) => {
    if (isSettled) {
      return;
    }
    if ((error !== undefined && error !== null) || !context.callbackWaitsForEmptyEventLoop) {
      done(error, result);
      return;
    }
    isSettled = true;
    emptyLoop.act = () => {
      try {
        post(api.respond(id, serialized(result)));
      } catch (unserializable) {
        fail(unserializable);
      }
    };
  };
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    succeed: (result) => done(null, result),
    fail: (error) => done(error ?? "handled"),
    done,
  };

  // A handler that neither returns a promise nor calls back has answered when nothing is left to do.
  emptyLoop.act = () => done(null, null);
  try {
    const result = handler(JSON.parse(body), Object.assign(context, facts(headers)), callback);
    if (typeof result?.then === "function") {
      result.then(context.succeed, context.fail).catch(context.fail);
    }
  } catch (error) {
    done(error);
  }
}

function facts(headers) {
  const { env } = process;
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const clientContext = headers["lambda-runtime-client-context"];
  const identity = headers["lambda-runtime-cognito-identity"];
  env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
  return {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: clientContext && JSON.parse(clientContext),
    identity: identity && JSON.parse(identity),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function serialized(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch {
    throw new Error("Unable to stringify response body");
  }
}
