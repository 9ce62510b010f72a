// node-redis against a running server: `node_redis.mjs PORT UNIX_SOCKET`. `cargo x clients` runs it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";
import { createClient } from "redis";

const [port, unix] = [Number(process.argv[2]), process.argv[3]];
const packageFile = join(dirname(createRequire(import.meta.url).resolve("redis")), "../package.json");
const version = JSON.parse(readFileSync(packageFile)).version;

async function exercise(r) {
  await r.flushAll();
  assert.equal(await r.set("s", "v", { EX: 100 }), "OK");
  assert.equal(await r.set("s", "w", { NX: true }), null);
  assert.equal(await r.get("s"), "v");
  assert.deepEqual(await r.mGet(["s", "none"]), ["v", null]);
  assert.equal(await r.incrBy("n", 5), 5);
  assert.equal(Number(await r.incrByFloat("f", 1.5)), 1.5);
  assert.equal(await r.setBit("b", 7, 1), 0);
  assert.equal(await r.bitCount("b"), 1);
  assert.ok((await r.pTTL("s")) > 90_000);

  const replies = await Promise.all(Array.from({ length: 5000 }, (_, i) => r.set(`scan:${i}`, i)));
  assert.ok(replies.every((reply) => reply === "OK"));
  const found = new Set();
  for await (const keys of r.scanIterator({ MATCH: "scan:*", COUNT: 300 })) {
    [keys].flat().forEach((key) => found.add(key));
  }
  assert.equal(found.size, 5000);

  assert.deepEqual(await r.multi().set("t", 1).incr("t").get("t").exec(), ["OK", 2, "2"]);
  await assert.rejects(r.incr("s"), /not an integer/);
  await assert.rejects(r.sendCommand(["NOSUCH"]), /unknown command/);
  const big = "0123456789abcdef".repeat(1 << 16);
  await r.set("big", big);
  assert.equal(await r.get("big"), big);
}

for (const RESP of [2, 3]) {
  for (const socket of [{ port }, { path: unix }]) {
    const r = createClient({ socket, RESP, name: "node-redis-test" });
    await r.connect();
    await exercise(r);
    assert.match(await r.sendCommand(["CLIENT", "INFO"]), /name=node-redis-test .*lib-name=node-redis/);
    await r.close();
  }
}
console.log(`node-redis ${version}: good`);
