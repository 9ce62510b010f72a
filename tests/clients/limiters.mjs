// Locks and limiters of npm against a running server: `limiters.mjs PORT`. `cargo x clients` runs it.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { readFileSync } from "node:fs";
import Bottleneck from "bottleneck";
import Redis from "ioredis";
import { RateLimiterRedis, BurstyRateLimiter, RateLimiterQueue } from "rate-limiter-flexible";
import { RedisStore } from "rate-limit-redis";
import semaphores from "redis-semaphore";
import Redlock from "redlock";

const port = Number(process.argv[2]);
const require = createRequire(import.meta.url);
const redis = new Redis({ port });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function version(name) {
  for (let dir = dirname(require.resolve(name)); ; dir = dirname(dir)) {
    try {
      const found = JSON.parse(readFileSync(join(dir, "package.json")));
      if (found.name === name) return `${name} ${found.version}`;
    } catch {}
  }
}

async function redlock() {
  const hasty = new Redlock([redis], { retryCount: 0 });
  const lock = await hasty.lock("resource", 1000);
  await assert.rejects(hasty.lock("resource", 1000));
  const longer = await lock.extend(2000);
  assert.ok((await redis.pttl("resource")) > 1000);
  await longer.unlock();
  assert.equal(await redis.exists("resource"), 0);
  const several = await hasty.lock(["a", "b"], 1000);
  await assert.rejects(hasty.lock(["b", "c"], 1000));
  await several.unlock();
  const patient = new Redlock([redis], { retryCount: 50, retryDelay: 10 });
  const held = await hasty.lock("resource", 1000);
  setTimeout(() => held.unlock(), 60);
  await (await patient.lock("resource", 500)).unlock();
}

async function rateLimiterFlexible() {
  const limiter = new RateLimiterRedis({ storeClient: redis, points: 3, duration: 1, blockDuration: 1, keyPrefix: "rlf" });
  assert.equal((await limiter.consume("a")).remainingPoints, 2);
  await limiter.consume("a", 2);
  await assert.rejects(limiter.consume("a"), (refused) => refused.msBeforeNext > 0);
  assert.equal((await limiter.get("a")).consumedPoints > 3, true);
  await limiter.penalty("b", 2);
  await limiter.reward("b", 1);
  assert.equal((await limiter.get("b")).consumedPoints, 1);
  assert.equal(await limiter.delete("b"), true);
  await limiter.block("c", 10);
  await assert.rejects(limiter.consume("c"));
  const bursty = new BurstyRateLimiter(
    new RateLimiterRedis({ storeClient: redis, points: 1, duration: 1, keyPrefix: "slow" }),
    new RateLimiterRedis({ storeClient: redis, points: 2, duration: 5, keyPrefix: "burst" }),
  );
  for (let i = 0; i < 3; i++) await bursty.consume("x");
  await assert.rejects(bursty.consume("x"));
  const queue = new RateLimiterQueue(new RateLimiterRedis({ storeClient: redis, points: 2, duration: 1, keyPrefix: "q" }));
  const start = Date.now();
  await Promise.all([1, 2, 3].map(() => queue.removeTokens(1)));
  assert.ok(Date.now() - start > 300);
}

async function bottleneck() {
  const make = () => new Bottleneck({
    id: "bottle", datastore: "ioredis", clientOptions: { port }, clearDatastore: false,
    maxConcurrent: 2, minTime: 10, reservoir: 20, reservoirRefreshAmount: 20, reservoirRefreshInterval: 60_000,
  });
  const limiters = [make(), make()];
  await Promise.all(limiters.map((limiter) => limiter.ready()));
  let running = 0;
  let most = 0;
  const jobs = Array.from({ length: 20 }, (_, i) => limiters[i % 2].schedule({ priority: i % 5 }, async () => {
    most = Math.max(most, ++running);
    await sleep(5);
    running--;
    return i;
  }));
  assert.deepEqual(await Promise.all(jobs), Array.from({ length: 20 }, (_, i) => i));
  assert.ok(most <= 2, "two at once");
  assert.equal(await limiters[0].currentReservoir(), 0);
  await limiters[0].incrementReservoir(5);
  assert.equal(await limiters[1].currentReservoir(), 5);
  await limiters[1].updateSettings({ maxConcurrent: 1 });
  // The last job began less than minTime ago if all of the above was quick.
  await sleep(10);
  assert.equal(await limiters[0].check(), true);
  const group = new Bottleneck.Group({ id: "group", datastore: "ioredis", clientOptions: { port }, maxConcurrent: 1 });
  await Promise.all(["a", "b", "a"].map((key) => group.key(key).schedule(async () => key)));
  assert.deepEqual((await group.clusterKeys()).sort(), ["a", "b"]);
  assert.equal(await group.deleteKey("a"), true);
  await group.disconnect();
  await Promise.all(limiters.map((limiter) => limiter.disconnect()));
}

async function expressStore() {
  const store = new RedisStore({ sendCommand: (command, ...words) => redis.call(command, ...words) });
  await store.init({ windowMs: 60_000 });
  assert.equal((await store.increment("ip")).totalHits, 1);
  assert.equal((await store.increment("ip")).totalHits, 2);
  await store.decrement("ip");
  assert.equal((await store.get("ip")).totalHits, 1);
  await store.resetKey("ip");
  assert.equal(await redis.exists("rl:ip"), 0);
}

async function semaphore() {
  const { Mutex, Semaphore, MultiSemaphore, RedlockMutex } = semaphores;
  const options = { acquireTimeout: 50, retryInterval: 10, lockTimeout: 2000 };
  for (const make of [
    () => new Mutex(redis, "mutex", options),
    () => new RedlockMutex([redis], "redmutex", options),
  ]) {
    const [one, two] = [make(), make()];
    await one.acquire();
    await assert.rejects(two.acquire());
    await one.release();
    await two.acquire();
    await two.release();
  }
  const three = Array.from({ length: 3 }, () => new Semaphore(redis, "semaphore", 2, options));
  await three[0].acquire();
  await three[1].acquire();
  await assert.rejects(three[2].acquire());
  await three[0].release();
  await three[2].acquire();
  await Promise.all([three[1].release(), three[2].release()]);
  const permits = new MultiSemaphore(redis, "multi", 5, 4, options);
  await permits.acquire();
  await assert.rejects(new MultiSemaphore(redis, "multi", 5, 2, options).acquire());
  await permits.release();
}

// Sidekiq's way to take the next job that is due: one script, no two takers get the same.
async function dueJobs() {
  const takeDue = {
    numberOfKeys: 1,
    lua: `local due = redis.call("zrange", KEYS[1], "-inf", ARGV[1], "byscore", "limit", 0, 1)
          if due[1] then redis.call("zrem", KEYS[1], due[1]); return due[1] end`,
  };
  const members = Array.from({ length: 200 }, (_, i) => [i, `job:${i}`]).flat();
  await redis.zadd("schedule", ...members);
  const others = Array.from({ length: 4 }, () => redis.duplicate());
  for (const other of others) other.defineCommand("takeDue", takeDue);
  const taken = (await Promise.all(others.map(async (other) => {
    const mine = [];
    for (let job; (job = await other.takeDue("schedule", 99)) !== null; ) mine.push(job);
    return mine;
  }))).flat();
  assert.equal(new Set(taken).size, 100);
  assert.equal(taken.length, 100);
  assert.equal(await redis.zcard("schedule"), 100);
  others.forEach((other) => other.disconnect());
}

await redis.flushall();
await redlock();
await rateLimiterFlexible();
await bottleneck();
await expressStore();
await semaphore();
await dueJobs();
await redis.quit();
const names = ["redlock", "rate-limiter-flexible", "bottleneck", "rate-limit-redis", "redis-semaphore"];
console.log(`${names.map(version).join(", ")}: good`);
process.exit(0);
