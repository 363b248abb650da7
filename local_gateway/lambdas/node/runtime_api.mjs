// The client of Lambda's Runtime API: one connection, one request at a time.
//
// A socket and not `http`: tracers that patch `http` would see these requests as the handler's own,
// and they would keep the event loop from being empty while a handler runs.

import { Socket } from "node:net";

const PREFIX = "/2018-06-01/runtime/";
const HEAD_END = Buffer.from("\r\n\r\n");

/** The Runtime API of this environment; methods resolve to `{status, headers, body}`. */
export class RuntimeApi {
  #host;
  #port;
  #socket;
  #pieces = [];
  #length = 0;
  #wanted = 0;
  #resolve;

  /** Take what AWS_LAMBDA_RUNTIME_API says, `host:port`. */
  constructor(address) {
    [this.#host, this.#port] = address.split(":");
  }

  /** Wait for the next event; its body is a string of JSON. */
  next() {
    return this.#request("GET", "invocation/next");
  }

  /** Answer an event with a string of JSON. */
  respond(id, body) {
    return this.#request("POST", `invocation/${encodeURIComponent(id)}/response`, body);
  }

  /** Answer an event with an error object. */
  fail(id, error) {
    const path = `invocation/${encodeURIComponent(id)}/error`;
    return this.#request("POST", path, JSON.stringify(error), error.errorType);
  }

  /** Say that the handler can't be loaded. */
  failInit(error) {
    return this.#request("POST", "init/error", JSON.stringify(error), error.errorType);
  }

  #request(method, path, body = "", errorType = undefined) {
    const socket = this.#connected();
    const lines = [
      `${method} ${PREFIX}${path} HTTP/1.1`,
      `Host: ${this.#host}:${this.#port}`,
      "Content-Type: application/json",
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    if (errorType) {
      lines.push(`Lambda-Runtime-Function-Error-Type: ${errorType.replace(/[^\x21-\x7e]/g, "")}`);
    }
    return new Promise((resolve) => {
      this.#resolve = resolve;
      socket.ref();
      socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
    });
  }

  #connected() {
    if (this.#socket === undefined) {
      const socket = new Socket();
      socket.setNoDelay(true);
      socket.on("data", (data) => this.#read(data));
      // The emulator is gone, and whoever would hear of an error with it.
      socket.on("close", () => process.kill(process.pid, "SIGKILL"));
      socket.on("error", () => {});
      socket.connect(Number(this.#port), this.#host);
      this.#socket = socket;
    }
    return this.#socket;
  }

  #read(data) {
    this.#pieces.push(data);
    this.#length += data.length;
    if (this.#length < this.#wanted) {
      return; // pieces of a large event are put together once
    }
    const received = Buffer.concat(this.#pieces);
    this.#pieces = [received];
    const end = received.indexOf(HEAD_END);
    if (end < 0) {
      return;
    }
    const [first, ...lines] = received.toString("utf8", 0, end).split("\r\n");
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const start = end + HEAD_END.length;
    this.#wanted = start + Number(headers["content-length"]);
    if (this.#length < this.#wanted) {
      return;
    }
    const body = received.toString("utf8", start, this.#wanted);
    this.#pieces = [];
    this.#length = this.#wanted = 0;
    this.#socket.unref();
    this.#resolve({ status: Number(first.split(" ")[1]), headers, body });
  }
}
