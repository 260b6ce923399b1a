// Cases of Google's gRPC-Web client, for node and for a page: no module system of either is used here.
// Messages are encoded by protobufjs.
'use strict';

const PEER_PROTO = `syntax = "proto3"; package interop;
message PeerRequest {
  string text = 1; int32 count = 2; int32 fail_code = 3; int32 sleep_ms = 4; bytes payload = 5; int32 reply_size = 6;
}
message PeerReply { string text = 1; int64 number = 2; bytes payload = 3; }`;

// Gives the lines "case: what was seen". `format` is "text" or "binary"; only the first can stream. `incremental`:
// a response is seen while it comes, as in browsers.
async function grpcWebCases(grpcWeb, protobuf, url, format, incremental) {
  const root = protobuf.parse(PEER_PROTO, {keepCase: true}).root;
  const Request = root.lookupType('interop.PeerRequest');
  const Reply = root.lookupType('interop.PeerReply');
  const descriptor = (name, type) => new grpcWeb.MethodDescriptor(
      '/interop.Peer/' + name, type, Object, Object, (message) => Request.encode(Request.create(message)).finish(),
      (bytes) => Reply.decode(bytes));
  const client = new grpcWeb.GrpcWebClientBase({format});
  const unary = (request, metadata = {}, name = 'Unary') =>
      client.unaryCall(`${url}/interop.Peer/${name}`, request, metadata,
                          descriptor(name, grpcWeb.MethodType.UNARY));
  const failure = (promise) => promise.then(() => 'no error', (error) => `${error.code} ${error.message}`);
  const stream = (request, metadata = {}) =>
      client.serverStreaming(`${url}/interop.Peer/ServerStream`, request, metadata,
                             descriptor('ServerStream', grpcWeb.MethodType.SERVER_STREAMING));
  const seen = [];
  const log = (name, what) => seen.push(`${name}: ${what}`);

  log('unary', (await unary({text: 'häl\u{1F608}'})).text);
  const large = await unary({payload: new Uint8Array(1 << 20), reply_size: 1 << 20});
  log('large', `${large.number} ${large.payload.length}`);
  log('empty', (await unary({})).text.length);

  const metadata = await new Promise((resolve, reject) => {
    const got = [];
    const call = client.rpcCall(`${url}/interop.Peer/Unary`, {text: 'm'},
                                {'x-initial': 'first', 'x-trailing-bin': 'AAEC'},
                                descriptor('Unary', grpcWeb.MethodType.UNARY),
                                (error) => error ? reject(error) : 0);
    call.on('metadata', (fields) => got.push(fields['x-initial']));
    call.on('status', (status) => {
      got.push(status.code, status.metadata['x-trailing-bin']);
    });
    call.on('end', () => resolve(got.join(' ')));
  });
  log('metadata', metadata);

  log('error', await failure(unary({text: 'näh: 100 %', fail_code: 9})));
  log('missing', await failure(unary({}, {}, 'Missing')));
  log('deadline', (await failure(unary({sleep_ms: 10000}, {deadline: String(Date.now() + 200)}))).split(' ')[0]);
  const many = await Promise.all([...Array(50).keys()].map((i) => unary({text: String(i)})));
  log('concurrent', many.every((reply, i) => reply.text === String(i)));
  if (format !== 'text') return seen;

  const all = (call) => new Promise((resolve) => {
    const numbers = [];
    call.on('data', (reply) => numbers.push(Number(reply.number)));
    call.on('error', (error) => resolve(`${numbers.length} then ${error.code} ${error.message}`));
    call.on('end', () => resolve(`${numbers.length} last ${numbers[numbers.length - 1]}`));
  });
  log('stream', await all(stream({text: 's', count: 100})));
  log('stream error', await all(stream({text: 'broken', count: 3, fail_code: 15})));
  if (!incremental) return seen;
  const before = Number((await unary({text: 'cancelled?'})).number);
  await new Promise((resolve) => {
    const call = stream({text: 'endless', count: 1000000, sleep_ms: 20});
    call.on('data', (reply) => {
      if (Number(reply.number) !== 2) return;
      call.cancel();
      resolve();
    });
  });
  let after = before;
  for (let tries = 0; after === before && tries < 200; ++tries) after = Number((await unary({text: 'cancelled?'})).number);
  log('cancel', after - before);
  return seen;
}

if (typeof module !== 'undefined' && module.exports) module.exports = {grpcWebCases};
