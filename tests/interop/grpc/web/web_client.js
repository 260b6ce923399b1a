// gRPC-Web clients of npm on node, which speaks HTTP/1.1 in fetch() and XMLHttpRequest.
//     node web_client.js <grpc-web-text | grpc-web-binary | connect-web> <port> <descriptor set of peer.proto>
// Prints a line for each case, then "done". NODE_PATH names the folder with the packages.
'use strict';
const fs = require('fs');
const path = require('path');
const {grpcWebCases} = require(path.join(__dirname, 'web_cases.js'));

const [kind, port, descriptors] = process.argv.slice(2);
const url = `http://127.0.0.1:${port}`;

async function connectCases() {
  const {createClient, ConnectError, Code} = require('@connectrpc/connect');
  const {createGrpcWebTransport} = require('@connectrpc/connect-web');
  const {createFileRegistry, fromBinary} = require('@bufbuild/protobuf');
  const {FileDescriptorSetSchema} = require('@bufbuild/protobuf/wkt');
  const files = createFileRegistry(fromBinary(FileDescriptorSetSchema, fs.readFileSync(descriptors)));
  const client = createClient(files.getService('interop.Peer'), createGrpcWebTransport({baseUrl: url}));
  const failure = (promise) => promise.then(
      () => 'no error', (error) => `${ConnectError.from(error).code} ${ConnectError.from(error).rawMessage}`);
  const seen = [];
  const log = (name, what) => seen.push(`${name}: ${what}`);

  log('unary', (await client.unary({text: 'häl\u{1F608}'})).text);
  const large = await client.unary({payload: new Uint8Array(1 << 20), replySize: 1 << 20});
  log('large', `${large.number} ${large.payload.length}`);
  log('empty', (await client.unary({})).text.length);
  const got = [];
  let initial;
  await client.unary({text: 'm'}, {
    headers: {'x-initial': 'first', 'x-trailing-bin': 'AAEC'},
    onHeader: (fields) => initial = fields.get('x-initial'),
    onTrailer: (fields) => got.push(fields.get('grpc-status') ?? 0, fields.get('x-trailing-bin')),
  });
  log('metadata', [...got, initial].join(' '));
  log('error', await failure(client.unary({text: 'näh: 100 %', failCode: 9})));
  log('missing', await failure(client.missing({})));
  log('deadline', (await failure(client.unary({sleepMs: 10000}, {timeoutMs: 200}))).split(' ')[0]);
  const many = await Promise.all([...Array(50).keys()].map((i) => client.unary({text: String(i)})));
  log('concurrent', many.every((reply, i) => reply.text === String(i)));

  const all = async (call) => {
    const numbers = [];
    try {
      for await (const reply of call) numbers.push(Number(reply.number));
      return `${numbers.length} last ${numbers[numbers.length - 1]}`;
    } catch (error) {
      return `${numbers.length} then ${error.code} ${error.rawMessage}`;
    }
  };
  log('stream', await all(client.serverStream({text: 's', count: 100})));
  log('stream error', await all(client.serverStream({text: 'broken', count: 3, failCode: 15})));
  const before = Number((await client.unary({text: 'cancelled?'})).number);
  const abort = new AbortController();
  const endless = client.serverStream({text: 'endless', count: 1000000, sleepMs: 20}, {signal: abort.signal});
  await failure((async () => {
    for await (const reply of endless)
      if (Number(reply.number) === 2) abort.abort();
  })());
  let after = before;
  for (let tries = 0; after === before && tries < 200; ++tries)
    after = Number((await client.unary({text: 'cancelled?'})).number);
  log('cancel', after - before);
  return seen;
}

async function main() {
  let seen;
  if (kind === 'connect-web') {
    seen = await connectCases();
  } else {
    globalThis.XMLHttpRequest = require('xhr2');
    seen = await grpcWebCases(require('grpc-web'), require('protobufjs'), url, kind.slice('grpc-web-'.length),
                              false);
  }
  console.log(seen.join('\n') + '\ndone');
  process.exit(0);
}

main().catch((error) => {
  console.log(error.stack);
  process.exit(1);
});
