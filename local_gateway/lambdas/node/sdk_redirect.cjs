// What requests of the AWS SDKs for JavaScript go through: none of them leaves this machine.
//
// Loaded by NODE_OPTIONS before anything else. The SDKs may be bundled into the handler's file, so
// they are met where they all come out: `http`, `https` and `http2`. A request is theirs by its
// User-Agent, or by a signature; others are left alone, but for the template's own APIs.
//
// A request to an API goes out as it was signed, its Host and path those of the deployed API, which
// the emulator knows. `../sdk_redirect.py` says what is in the configuration, and has the same rules.

"use strict";

const http = require("node:http");
const http2 = require("node:http2");
const https = require("node:https");
const { syncBuiltinESMExports } = require("node:module");
const { Writable } = require("node:stream");
const { URL, urlToHttpOptions } = require("node:url");

const AWS =
  /(^|\.)(amazonaws\.com(\.cn)?|amazonaws\.eu|api\.aws|api\.amazonwebservices\.com\.cn|on\.aws|(c2s|sc2s|csp)\.[a-z.-]*gov|cloud\.adc-e\.uk)$/;
const EXECUTE_API = /^([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/;
const LOOPBACK = /^(localhost|127(\.\d+){3}|::1|\[::1\])$/;
const METADATA = /^(169\.254\.169\.254|169\.254\.170\.2|\[?fd00:ec2::254\]?)$/;
const CONNECTIONS = /^(.*?)(\/(?:@|%40)connections(?:\/.*)?)$/i;
const SCOPE = /^AWS4-\S+ Credential=[^/]+\/\d{8}\/(?:[^/]+\/)?([^/]+)\/aws4_request/;
const MAX_FORM = 65536;

class ServiceNotEmulated extends Error {
  constructor(message) {
    super(message);
    this.name = "ServiceNotEmulated";
  }
}

function refusal(service, operation, host) {
  return new ServiceNotEmulated(
    `${service} ${operation} was not sent to ${host}: the local gateway does not emulate it, and ` +
      "lets no call of an AWS SDK leave this machine. Name another endpoint " +
      "(AWS_ENDPOINT_URL_… of the service), or start the local gateway with --no-sdk-redirect",
  );
}

/**
 * Return where a request goes: `{url, host}`; null if it is left alone; `{refused}`, a service that
 * isn't emulated; or `{error}`.
 */
function decide(config, { secure, host, path, headers }) {
  if (METADATA.test(host)) {
    return { error: `${host} was not asked: there is no instance metadata here` };
  }
  if (LOOPBACK.test(host)) {
    return null;
  }
  const scope = SCOPE.exec(headers.authorization ?? "")?.[1];
  const agent = `${headers["x-amz-user-agent"] ?? ""} ${headers["user-agent"] ?? ""}`;
  const isSdk = scope !== undefined || /aws-sdk-(nodejs|js)\//.test(agent);
  const deployed = EXECUTE_API.exec(host)?.[1];
  const [, prefix, rest] = CONNECTIONS.exec(path) ?? [];
  const isOurs = config.domains[host] || config.apis[deployed] || config.http_apis.includes(deployed);
  if (isOurs || (deployed !== undefined && isSdk && rest !== undefined)) {
    return { url: config.gateway + path, host };
  }
  if (!isSdk) {
    return null;
  }
  const service = scope ?? host.split(".")[0];
  if (service === "execute-api" && rest !== undefined && secure && host.includes(".")) {
    return ownDomain(config, host, prefix, rest);
  }
  if (!AWS.test(host)) {
    return null;
  }
  const endpoint = config.services[service.toUpperCase()];
  return endpoint ? { url: endpoint.replace(/\/$/, "") + path } : { refused: service };
}

function ownDomain(config, host, prefix, rest) {
  const name = decodeURIComponent(prefix.replace(/^\/|\/$/g, ""));
  const all = Object.values(config.apis).flatMap((api) =>
    api.stages.map((stage) => ({ api: api.name, stage })),
  );
  const named = all.filter(({ stage }) => stage === name);
  const found = named.length ? named : all;
  if (found.length !== 1) {
    const ids = Object.keys(config.apis).sort().join(", ") || "none";
    const which = `which WebSocket API https://${host}${prefix} is`;
    return { error: `the local gateway can't tell ${which}: those of the template have the ids ${ids}` };
  }
  const [{ api, stage }] = found;
  return { url: `${config.gateway}/_apis/${api}/${stage}${rest}` };
}

/** A request that comes to nothing; its body, a form, has the name of the operation. */
class RefusedRequest extends Writable {
  #form = "";
  #refuse;

  constructor(refuse) {
    super();
    this.#refuse = refuse;
  }

  _write(chunk, _encoding, done) {
    if (this.#form.length < MAX_FORM) {
      this.#form += chunk;
    }
    done();
  }

  _final(done) {
    done(this.#refuse(new URLSearchParams(this.#form).get("Action") ?? ""));
  }

  setTimeout() {
    return this;
  }

  setNoDelay() {}

  setSocketKeepAlive() {}

  abort() {
    this.destroy();
  }
}

/** Return the name of the operation as far as the request's head has it. */
function operationOf({ method = "GET", path, headers }) {
  const target = headers["x-amz-target"];
  return target?.split(".").pop() ?? /\/operation\/(\w+)$/.exec(path)?.[1] ?? `${method} ${path}`;
}

function headersOf(options) {
  const given = options.headers ?? {};
  const pairs = Array.isArray(given)
    ? given.flatMap((name, index) => (index % 2 ? [] : [[name, given[index + 1]]]))
    : Object.entries(given);
  return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));
}

function optionsOf(args) {
  const [first, second] = args;
  const isUrl = typeof first === "string" || first instanceof URL;
  const callback = args.find((arg) => typeof arg === "function");
  const more = isUrl ? (typeof second === "object" ? second : {}) : first;
  return [isUrl ? { ...urlToHttpOptions(new URL(first)), ...more } : { ...more }, callback];
}

function patch(config) {
  const plainRequest = http.request;
  const agent = new http.Agent({ keepAlive: true });

  function redirected(options, headers, { url, host }) {
    const { hostname, port, path } = urlToHttpOptions(new URL(url));
    const kept = { ...options, protocol: "http:", host: hostname, hostname, port, path, agent };
    delete kept.createConnection;
    delete kept.defaultPort;
    kept.headers = { ...headers, host: host ?? `${hostname}:${port}` };
    return kept;
  }

  for (const [module, secure] of [
    [http, false],
    [https, true],
  ]) {
    const original = module.request;
    module.request = function request(...args) {
      const [options, callback] = optionsOf(args);
      const headers = headersOf(options);
      const host = (options.hostname ?? options.host ?? "localhost").replace(/:\d+$/, "");
      const path = options.path ?? "/";
      const decision = decide(config, { secure, host, path, headers });
      if (decision === null) {
        return original.apply(this, args);
      }
      const { error, refused: service } = decision;
      if (error !== undefined) {
        throw new ServiceNotEmulated(error);
      }
      if (service === undefined) {
        return plainRequest(redirected(options, headers, decision), callback);
      }
      if (/^application\/x-www-form-urlencoded/.test(headers["content-type"] ?? "")) {
        return new RefusedRequest((operation) => refusal(service, operation, host));
      }
      throw refusal(service, operationOf({ ...options, path, headers }), host);
    };
    module.get = function get(...args) {
      const request = module.request(...args);
      request.end();
      return request;
    };
  }

  const connect = http2.connect;
  http2.connect = function connectHere(authority, ...more) {
    const { hostname } = new URL(authority);
    if (AWS.test(hostname)) {
      throw refusal(hostname.split(".")[0], "over HTTP/2", hostname);
    }
    return connect.call(this, authority, ...more);
  };
  syncBuiltinESMExports();
}

if (process.env.LOCAL_GATEWAY_REDIRECT) {
  patch(JSON.parse(process.env.LOCAL_GATEWAY_REDIRECT));
}

module.exports = { decide };
