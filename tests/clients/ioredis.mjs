// ioredis against a running server: `ioredis.mjs PORT UNIX_SOCKET`. `cargo x clients` runs it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import Redis from "ioredis";

const [port, unix] = [Number(process.argv[2]), process.argv[3]];
const require = createRequire(import.meta.url);
const version = JSON.parse(readFileSync(require.resolve("ioredis/package.json"))).version;

async function exercise(r) {
  await r.flushall();
  assert.equal(await r.set("s", "v", "EX", 100), "OK");
  assert.equal(await r.set("s", "w", "NX"), null);
  assert.equal(await r.get("s"), "v");
  assert.ok((await r.ttl("s")) > 90);
  assert.deepEqual(await r.mget("s", "none"), ["v", null]);
  assert.equal(await r.incrbyfloat("f", 1.5), "1.5");
  assert.deepEqual(await r.getBuffer("s"), Buffer.from("v"));
  assert.deepEqual(await r.bitfield("b", "SET", "u8", 0, 255, "GET", "u4", 0), [0, 15]);

  const pipeline = r.pipeline();
  for (let i = 0; i < 10_000; i++) pipeline.set(`scan:${i}`, i);
  assert.ok((await pipeline.exec()).every(([error, reply]) => error === null && reply === "OK"));
  const found = new Set();
  for await (const keys of r.scanStream({ match: "scan:*", count: 500 })) keys.forEach((k) => found.add(k));
  assert.equal(found.size, 10_000);

  assert.deepEqual(await r.multi().set("t", 1).incr("t").get("t").exec(), [
    [null, "OK"],
    [null, 2],
    [null, "2"],
  ]);
  const [, [error]] = await r.multi().set("t", "word").incr("t").exec();
  assert.match(error.message, /not an integer/);
  await assert.rejects(r.call("NOSUCH"), /unknown command/);
  await assert.rejects(r.call("GET"), /wrong number of arguments/);

  const big = Buffer.alloc(5 << 20, "0123456789abcdef");
  await r.set("big", big);
  assert.ok(big.equals(await r.getBuffer("big")));

  // Many at once on one connection: replies come in order.
  const echoes = await Promise.all(Array.from({ length: 5000 }, (_, i) => r.echo(String(i))));
  assert.ok(echoes.every((reply, i) => reply === String(i)));
}

async function reconnects() {
  const r = new Redis({ port, maxRetriesPerRequest: 5 });
  const killer = new Redis({ port });
  assert.equal(await r.ping(), "PONG");
  const reconnected = new Promise((resolve) => r.once("reconnecting", resolve));
  await killer.client("KILL", "ID", await r.client("ID"));
  await reconnected;
  assert.equal(await r.ping(), "PONG");
  await Promise.all([r.quit(), killer.quit()]);
}

for (const options of [{ port }, { path: unix }, { port, db: 3, keyPrefix: "", enableAutoPipelining: true }]) {
  const r = new Redis({ ...options, connectionName: "ioredis-test" });
  await exercise(r);
  assert.match(await r.client("INFO"), /name=ioredis-test/);
  await r.quit();
}
await reconnects();
console.log(`ioredis ${version}: good`);
