// grpc-js's part of bench/grpc: started as bench_case.hpp says. NODE_PATH names the folder with @grpc/grpc-js.
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const path = require('path');

const {Bench} = grpc.loadPackageDefinition(loader.loadSync(path.join(__dirname, 'bench.proto'))).bench;

function serve() {
  const server = new grpc.Server({'grpc.max_concurrent_streams': 20000});
  server.addService(Bench.service, {
    Unary: (call, answer) => answer(null, call.request),
    Down: (call) => {
      let gone = false;
      call.on('cancelled', () => gone = true);
      const more = () => {
        while (!gone && call.write(call.request)) {
        }
        if (!gone) call.once('drain', more);
      };
      more();
    },
    Chat: (call) => {
      call.on('data', (message) => call.write(message));
      call.on('end', () => call.end());
      call.on('error', () => {});
    },
  });
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(),
                   (error, port) => console.log('port ' + port));
}

const now = () => Number(process.hrtime.bigint()) / 1e9;

class Case {
  constructor(seconds) {
    this.seconds = seconds;
    this.warmUntil = now() + 0.3;
    this.operations = 0;
    this.latencies = [];
    this.begun = this.over = false;
  }
  count(began, n = 1) {
    const at = now();
    if (!this.begun) {
      if (at >= this.warmUntil) {
        console.log('begin');
        this.begun = true;
        this.start = now();
      }
      return true;
    }
    this.operations += n;
    this.latencies.push(at - began);
    if (at - this.start < this.seconds) return true;
    if (!this.over) {
      this.over = true;
      this.latencies.sort((a, b) => a - b);
      const middle = this.latencies[this.latencies.length >> 1];
      console.log(`end ${this.operations} ${at - this.start} ${(middle * 1e6).toFixed(1)}`);
    }
    return false;
  }
}

function client(port, name, seconds) {
  const stub = new Bench('127.0.0.1:' + port, grpc.credentials.createInsecure());
  const request = {value: Buffer.alloc(name === 'large100' ? 16381 : 14, 'x')};
  stub.waitForReady(Date.now() + 5000, () => {
    const one = new Case(seconds);
    if (name === 'unary' || name === 'unary100' || name === 'large100') {
      const worker = () => {
        const began = now();
        stub.Unary(request, (error) => {
          if (error) throw error;
          if (!one.over && one.count(began)) worker();
        });
      };
      for (let i = 0; i < (name === 'unary' ? 1 : 100); ++i) worker();
    } else if (name === 'stream') {
      const call = stub.Down(request);
      call.on('error', () => {});
      let messages = 0;
      let began = now();
      call.on('data', () => {
        if (one.over || ++messages % 64 !== 0) return;
        if (!one.count(began, 64)) call.cancel();
        began = now();
      });
    } else if (name === 'idle') {
      console.log('begin');
      const calls = [];
      const next = () => {
        if (calls.length === 10000) return console.log('end 10000 1 0');
        const call = stub.Chat();
        calls.push(call);
        call.on('error', () => {});
        call.once('data', next);
        call.write(request);
      };
      next();
    } else {
      const call = stub.Chat();
      call.on('error', () => {});
      let began = now();
      call.on('data', () => {
        if (!one.count(began)) return call.cancel();
        began = now();
        call.write(request);
      });
      call.write(request);
    }
  });
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(0));
}

if (process.argv[2] === 'server') serve();
else client(process.argv[3], process.argv[4], parseFloat(process.argv[5]));
