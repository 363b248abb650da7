// Finds and loads the handler that `_HANDLER` names: `index.handler`, `folder/index.nested.handler`.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import {
  CallbackHandlerDeprecated,
  HandlerNotFound,
  ImportModuleError,
  MalformedHandlerName,
  UserCodeSyntaxError,
} from "./errors.mjs";

const require = createRequire(import.meta.url);

/** Return the function that a handler's name stands for in a folder. */
export async function loadHandler(folder, name) {
  if (name.includes("..")) {
    const advice = "Use absolute paths when specifying root directories in handler names.";
    throw new MalformedHandlerName(`'${name}' is not a valid handler name. ${advice}`);
  }
  const match = basename(name).match(/^([^.]*)\.(.*)$/);
  if (!match) {
    throw new MalformedHandlerName("Bad handler");
  }
  const [, module, path] = match;
  const root = name.slice(0, name.indexOf(basename(name)));
  const exported = await loadModule(folder, root, module);
  const handler = path.split(".").reduce((value, key) => value && value[key], exported);
  if (!handler) {
    throw new HandlerNotFound(`${name} is undefined or not exported`);
  }
  if (typeof handler !== "function") {
    throw new HandlerNotFound(`${name} is not a function`);
  }
  refuseCallback(handler);
  return handler;
}

/** Refuse what the runtime of the function, not the Node.js that it has here, doesn't call. */
function refuseCallback(handler) {
  const asked = /nodejs(\d+)\.x$/.exec(process.env.AWS_EXECUTION_ENV)?.[1];
  if (handler.length > 2 && Number(asked) >= 24) {
    throw new CallbackHandlerDeprecated(
      "ERROR: AWS Lambda has removed support for callback-based function handlers starting with " +
        "Node.js 24. You need to modify this function to use a supported handler signature to " +
        "use Node.js 24 or later.",
    );
  }
}

async function loadModule(folder, root, module) {
  try {
    const file = resolve(folder, root, module);
    const isModule = isOfTypeModule(`${file}.js`);
    for (const [path, isImported] of [
      [file, false],
      [`${file}.js`, isModule],
      [`${file}.mjs`, true],
      [`${file}.cjs`, false],
    ]) {
      if (existsSync(path)) {
        return isImported ? await import(pathToFileURL(path)) : require(path);
      }
    }
    return require(require.resolve(module, { paths: [folder, root] }));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new UserCodeSyntaxError(error);
    }
    throw error?.code === "MODULE_NOT_FOUND" ? new ImportModuleError(error) : error;
  }
}

/** Tell whether the nearest package.json makes an ES module of a `.js` file that exists. */
function isOfTypeModule(file) {
  if (!existsSync(file)) {
    return false;
  }
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (folder.endsWith("/node_modules")) {
      return false;
    }
    const description = join(folder, "package.json");
    if (existsSync(description)) {
      try {
        return JSON.parse(readFileSync(description, "utf8"))?.type === "module";
      } catch (error) {
        console.warn(
          `${description} cannot be read, it will be ignored for ES module detection purposes.`,
          error,
        );
        return false;
      }
    }
    if (folder === dirname(folder)) {
      return false;
    }
  }
}
