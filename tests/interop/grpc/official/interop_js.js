// grpc-js as interop client and server, with the official flags (npm has no packaged ones).
//     node interop_js.js server --port=0 …       prints "port N"
//     node interop_js.js client --server_host=… --server_port=… --test_case=a,b …
// NODE_PATH names the folder with @grpc/grpc-js and @grpc/proto-loader; --protos that of grpc/testing/test.proto.
'use strict';
const fs = require('fs');
const assert = require('assert');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const flags = {};
for (const word of process.argv.slice(3)) {
  const at = word.indexOf('=');
  flags[word.slice(2, at)] = word.slice(at + 1);
}
const testing = grpc.loadPackageDefinition(
    loader.loadSync('grpc/testing/test.proto', {includeDirs: [flags.protos], keepCase: true, defaults: true}))
    .grpc.testing;

const INITIAL = 'x-grpc-test-echo-initial';
const TRAILING = 'x-grpc-test-echo-trailing-bin';
const PLAIN = 'test status message';
const SPECIAL = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1F608}\t\n';
const REQUEST_SIZES = [27182, 8, 1828, 45904];
const RESPONSE_SIZES = [31415, 9, 2653, 58979];

// Server

function echoMetadata(call) {
  const initial = call.metadata.get(INITIAL);
  if (initial.length > 0) {
    const metadata = new grpc.Metadata();
    metadata.set(INITIAL, initial[0]);
    call.sendMetadata(metadata);
  }
  const trailing = new grpc.Metadata();
  for (const value of call.metadata.get(TRAILING)) trailing.add(TRAILING, value);
  return trailing;
}
const payload = (size) => ({payload: {body: Buffer.alloc(size)}});
const failed = (status) => status && status.code !== 0;

const service = {
  EmptyCall(call, answer) {
    answer(null, {});
  },
  UnaryCall(call, answer) {
    const trailing = echoMetadata(call);
    const status = call.request.response_status;
    if (failed(status)) return answer({code: status.code, details: status.message, metadata: trailing});
    const response = payload(call.request.response_size);
    if (call.request.fill_server_id) response.server_id = 'grpc-js';
    answer(null, response, trailing);
  },
  StreamingOutputCall(call) {
    for (const wanted of call.request.response_parameters) call.write(payload(wanted.size));
    call.end();
  },
  StreamingInputCall(call, answer) {
    let sum = 0;
    call.on('data', (request) => sum += request.payload.body.length);
    call.on('end', () => answer(null, {aggregated_payload_size: sum}));
  },
  FullDuplexCall(call) {
    const trailing = echoMetadata(call);
    let done = false;
    call.on('data', (request) => {
      if (done) return;
      if (failed(request.response_status)) {
        done = true;
        const {code, message} = request.response_status;
        return call.emit('error', {code, details: message, metadata: trailing});
      }
      for (const wanted of request.response_parameters) call.write(payload(wanted.size));
    });
    call.on('end', () => {
      if (!done) call.end(trailing);
    });
  },
};

function serve() {
  const server = new grpc.Server();
  server.addService(testing.TestService.service, service);
  let credentials = grpc.ServerCredentials.createInsecure();
  if (flags.use_tls === 'true') {
    credentials = grpc.ServerCredentials.createSsl(
        null, [{private_key: fs.readFileSync(flags.tls_key_file), cert_chain: fs.readFileSync(flags.tls_cert_file)}]);
  }
  server.bindAsync('127.0.0.1:' + flags.port, credentials, (error, port) => {
    if (error) throw error;
    if (parseInt(grpc.clientVersion || '0') === 0 && server.start.length === 0) server.start();
    console.log('port ' + port);
  });
}

// Client

function connect(Service = testing.TestService, options = {}) {
  let credentials = grpc.credentials.createInsecure();
  options = {...options, 'grpc.use_local_subchannel_pool': 1};
  if (flags.use_tls === 'true') {
    credentials = grpc.credentials.createSsl(flags.use_test_ca === 'true' ? fs.readFileSync(flags.ca_file) : null);
    if (flags.server_host_override) options['grpc.ssl_target_name_override'] = flags.server_host_override;
  }
  return new Service(`${flags.server_host}:${flags.server_port}`, credentials, options);
}
const large = () => ({response_size: 314159, payload: {body: Buffer.alloc(271828)}});
const output = (request, response) => ({...payload(request), response_parameters: [{size: response}]});

// Everything that a call of any kind told: {error, response, initial, status, responses}.
function finished(start) {
  return new Promise((resolve) => {
    const told = {responses: []};
    const call = start((error, response) => {
      told.error = error;
      told.response = response;
    });
    told.call = call;
    call.on('metadata', (metadata) => told.initial = metadata);
    call.on('data', (response) => {
      told.responses.push(response);
      if (told.onData) told.onData(response);
    });
    call.on('error', (error) => told.error = told.error || error);
    call.on('status', (status) => {
      told.status = status;
      setImmediate(() => resolve(told));
    });
    if (start.also) start.also(call, told);
  });
}
const unary = (client, request, metadata = new grpc.Metadata(), method = 'UnaryCall') =>
    finished((done) => client[method](request, metadata, done));
// A full duplex call; `run(call, told)` writes.
function duplex(client, run, metadata = new grpc.Metadata(), options = {}) {
  const start = () => client.FullDuplexCall(metadata, options);
  start.also = run;
  return finished(start);
}
function checkStatus(told, code, details) {
  assert.strictEqual(told.status.code, code, told.status.details);
  if (details !== undefined) assert.strictEqual(told.status.details, details);
}
function checkLarge(told) {
  checkStatus(told, 0);
  assert.strictEqual(told.response.payload.body.length, 314159);
}
const echoed = () => {
  const metadata = new grpc.Metadata();
  metadata.set(INITIAL, 'test_initial_metadata_value');
  metadata.set(TRAILING, Buffer.from([0xab, 0xab, 0xab]));
  return metadata;
};
const times = parseInt(flags.soak_iterations || '10');

const cases = {
  async empty_unary(client) {
    checkStatus(await unary(client, {}, undefined, 'EmptyCall'), 0);
  },
  async large_unary(client) {
    checkLarge(await unary(client, large()));
  },
  async client_compressed_unary(client) {
    const request = {...large(), expect_compressed: {value: true}};
    checkStatus(await unary(client, request), 3);
    const gzip = connect(testing.TestService, {'grpc.default_compression_algorithm': 2});
    checkLarge(await unary(gzip, request));
    gzip.close();
    checkLarge(await unary(client, {...large(), expect_compressed: {value: false}}));
  },
  async client_streaming(client) {
    const told = await finished((done) => {
      const call = client.StreamingInputCall(done);
      for (const size of REQUEST_SIZES) call.write(payload(size));
      call.end();
      return call;
    });
    checkStatus(told, 0);
    assert.strictEqual(told.response.aggregated_payload_size, 74922);
  },
  async server_streaming(client) {
    const request = {response_parameters: RESPONSE_SIZES.map((size) => ({size}))};
    const told = await finished(() => client.StreamingOutputCall(request));
    checkStatus(told, 0);
    assert.deepStrictEqual(told.responses.map((response) => response.payload.body.length), RESPONSE_SIZES);
  },
  async ping_pong(client) {
    const told = await duplex(client, (call, told) => {
      const next = () => {
        const i = told.responses.length;
        if (i < 4) call.write(output(REQUEST_SIZES[i], RESPONSE_SIZES[i]));
        else call.end();
      };
      told.onData = next;
      next();
    });
    checkStatus(told, 0);
    assert.deepStrictEqual(told.responses.map((response) => response.payload.body.length), RESPONSE_SIZES);
  },
  async empty_stream(client) {
    const told = await duplex(client, (call) => call.end());
    checkStatus(told, 0);
    assert.strictEqual(told.responses.length, 0);
  },
  async custom_metadata(client) {
    const one = await unary(client, large(), echoed());
    checkLarge(one);
    const two = await duplex(client, (call) => {
      call.write(output(271828, 314159));
      call.end();
    }, echoed());
    checkStatus(two, 0);
    for (const told of [one, two]) {
      assert.deepStrictEqual(told.initial.get(INITIAL), ['test_initial_metadata_value']);
      assert.deepStrictEqual(told.status.metadata.get(TRAILING), [Buffer.from([0xab, 0xab, 0xab])]);
    }
  },
  async status_code_and_message(client) {
    const response_status = {code: 2, message: PLAIN};
    checkStatus(await unary(client, {response_status}), 2, PLAIN);
    checkStatus(await duplex(client, (call) => {
      call.write({response_status});
      call.end();
    }), 2, PLAIN);
  },
  async special_status_message(client) {
    checkStatus(await unary(client, {response_status: {code: 2, message: SPECIAL}}), 2, SPECIAL);
  },
  async unimplemented_method(client) {
    checkStatus(await unary(client, {}, undefined, 'UnimplementedCall'), 12);
  },
  async unimplemented_service() {
    const client = connect(testing.UnimplementedService);
    checkStatus(await unary(client, {}, undefined, 'UnimplementedCall'), 12);
    client.close();
  },
  async cancel_after_begin(client) {
    checkStatus(await finished((done) => {
      const call = client.StreamingInputCall(done);
      setImmediate(() => call.cancel());
      return call;
    }), 1);
  },
  async cancel_after_first_response(client) {
    checkStatus(await duplex(client, (call, told) => {
      told.onData = () => call.cancel();
      call.write(output(27182, 31415));
    }), 1);
  },
  async timeout_on_sleeping_server(client) {
    const run = (call) => call.write(output(27182, 31415));
    checkStatus(await duplex(client, run, undefined, {deadline: Date.now() + 1}), 4);
  },
  async pick_first_unary(client) {
    const ids = new Set();
    for (let i = 0; i < 100; ++i) {
      const told = await unary(client, {response_size: 1, fill_server_id: true});
      checkStatus(told, 0);
      ids.add(told.response.server_id);
    }
    assert.ok(ids.size === 1 && !ids.has(''), [...ids].join());
  },
  async rpc_soak(client) {
    for (let i = 0; i < times; ++i) await cases.large_unary(client);
  },
  async channel_soak() {
    for (let i = 0; i < times; ++i) {
      const client = connect();
      await cases.large_unary(client);
      client.close();
    }
  },
  async long_lived_channel(client) {
    await cases.large_unary(client);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await cases.large_unary(client);
  },
};

async function runCases() {
  const client = connect();
  let status = 0;
  for (const name of (flags.test_case || 'large_unary').split(',')) {
    try {
      await cases[name](client);
      console.log('PASS ' + name);
    } catch (error) {
      console.log(`FAIL ${name}: ${String(error.message).replace(/\s+/g, ' ')}`);
      status = 1;
    }
  }
  client.close();
  process.exit(status);
}

if (process.argv[2] === 'server') serve();
else runCases();
