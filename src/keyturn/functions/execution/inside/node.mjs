// Runs a function for Node.js by AWS's runtime client, the npm package aws-lambda-ric.
//
// AWS's client talks to the runtime API with a module of its own that is compiled for one machine.
// This file brings the same in JavaScript, puts it in that place, and hands over to AWS's client.
//
// * An answer has arrived when `done` or `error` returns: the function may exit at once.
// * No connection keeps the process busy but the one that waits for an event: AWS's client takes
//   an invocation for finished when nothing is left to do.
// * The runtime API's address has a path, which AWS's client doesn't expect: it is added here.
//
// AWS: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
//
// Usage: node.mjs CLIENT_MODULE HANDLER

import { once } from "node:events";
import { readSync, writeSync } from "node:fs";
import http, { Agent, request } from "node:http";
import Module from "node:module";
import { connect } from "node:net";
import process from "node:process";
import { pathToFileURL } from "node:url";

const RUNTIME = "/2018-06-01/runtime";
const HEAD_END = "\r\n\r\n";
const REPLY_BYTES_MAX = 65536;
const PAUSE_MILLISECONDS = 1;

const [clientModule, handler] = process.argv.slice(2);
const address = new URL(`http://${process.env.AWS_LAMBDA_RUNTIME_API}`);
const prefix = address.pathname.replace(/\/$/, "");
const { hostname, port } = address;
const waiting = new Agent({ keepAlive: true, maxSockets: 1 });

const answers = connect({ host: hostname, port, noDelay: true });
// It is read from below, not by events.
answers.pause();
await once(answers, "connect");
answers.unref();
const descriptor = answers._handle.fd;

const native = {
  initializeClient() {},

  next() {
    return new Promise((resolve, reject) => {
      const path = `${prefix}${RUNTIME}/invocation/next`;
      request({ hostname, port, path, agent: waiting }, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          resolve({ bodyJson: Buffer.concat(chunks).toString(), headers: response.headers });
        });
      })
        .on("error", reject)
        .end();
    });
  },

  done(id, body) {
    post(`/invocation/${id}/response`, body);
  },

  error(id, body) {
    post(`/invocation/${id}/error`, body);
  },
};

function post(endpoint, text) {
  const body = Buffer.from(text);
  const head = [
    `POST ${prefix}${RUNTIME}${endpoint} HTTP/1.1`,
    `Host: ${address.host}`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
  ];
  write(Buffer.concat([Buffer.from(head.join("\r\n") + HEAD_END), body]));
  readReply();
}

function write(bytes) {
  let written = 0;
  while (written < bytes.length) {
    written += patiently(() => writeSync(descriptor, bytes, { offset: written }));
  }
}

function readReply() {
  const buffer = Buffer.alloc(REPLY_BYTES_MAX);
  let length = 0;
  while (!isWhole(buffer.toString("latin1", 0, length))) {
    const read = patiently(() => readSync(descriptor, buffer, { offset: length }));
    if (read === 0) {
      throw new Error("the runtime API is gone");
    }
    length += read;
  }
}

function isWhole(reply) {
  const headLength = reply.indexOf(HEAD_END);
  if (headLength < 0) {
    return false;
  }
  const bodyLength = Number(/^content-length: *(\d+)/im.exec(reply)?.[1] ?? 0);
  return reply.length >= headLength + HEAD_END.length + bodyLength;
}

// The descriptor doesn't wait by itself.
function patiently(act) {
  for (;;) {
    try {
      return act();
    } catch (error) {
      if (error.code !== "EAGAIN") {
        throw error;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MILLISECONDS);
    }
  }
}

const httpWithPath = {
  ...http,
  request: (options, onResponse) =>
    request({ ...options, path: prefix + options.path }, onResponse),
};

// AWS's client loads both when it is started, the second one last: before the function's code.
const load = Module._load;
Module._load = (name, parent, isMain) => {
  if (name === "http") {
    return httpWithPath;
  }
  if (name === "./rapid-client.node") {
    Module._load = load;
    return native;
  }
  return load(name, parent, isMain);
};

const client = await import(pathToFileURL(clientModule));
await client.run(process.cwd(), handler);
