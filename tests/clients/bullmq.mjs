// BullMQ, Bull and bee-queue against a running server: `bullmq.mjs PORT`. `cargo x clients` runs it.
//
// Jobs as people run them: retries, delays, priorities, parents and children, schedulers, limits,
// stalled workers. Whatever happens in the server happens in the scripts of these libraries.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";
import { once } from "node:events";
import { FlowProducer, Queue, QueueEvents, UnrecoverableError, Worker } from "bullmq";
import Bull from "bull";
import BeeQueue from "bee-queue";
import Redis from "ioredis";

const port = Number(process.argv[2]);
const require = createRequire(import.meta.url);
const connection = { port, host: "127.0.0.1", maxRetriesPerRequest: null };

function version(name) {
  let dir = dirname(require.resolve(name));
  for (;;) {
    try {
      const found = JSON.parse(readFileSync(join(dir, "package.json")));
      if (found.name === name) return found.version;
    } catch {}
    dir = dirname(dir);
  }
}

async function until(what, holds) {
  for (let i = 0; i < 400; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`waited in vain until ${what}`);
}

async function bullmq() {
  const queue = new Queue("work", { connection });
  const events = new QueueEvents("work", { connection });
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
  const order = [];
  const attempts = new Map();

  // Before there is a worker: what waits, in which order.
  await queue.pause();
  assert.equal(await queue.isPaused(), true);
  const first = await queue.add("echo", { n: 1 }, { jobId: "one" });
  const again = await queue.add("echo", { n: 1 }, { jobId: "one" });
  assert.equal(first.id, again.id);
  await queue.addBulk([2, 3, 4].map((n) => ({ name: "echo", data: { n }, opts: { jobId: `echo-${n}` } })));
  await queue.add("echo", { n: "low" }, { priority: 10, jobId: "low" });
  await queue.add("echo", { n: "high" }, { priority: 1, jobId: "high" });
  await queue.add("echo", { n: "lifo" }, { lifo: true, jobId: "lifo" });
  await queue.add("echo", { n: "later" }, { delay: 300, jobId: "later" });
  await queue.add("fails", {}, { attempts: 3, backoff: { type: "exponential", delay: 20 }, jobId: "fails" });
  await queue.add("recovers", {}, { attempts: 3, backoff: 10, jobId: "recovers" });
  await queue.add("hopeless", {}, { attempts: 5, jobId: "hopeless" });
  await queue.add("progress", {}, { jobId: "progress" });
  await queue.add("dedup", { n: 1 }, { deduplication: { id: "d" }, jobId: "dedup-1" });
  await queue.add("dedup", { n: 2 }, { deduplication: { id: "d" }, jobId: "dedup-2" });
  assert.equal(await queue.getDeduplicationJobId("d"), "dedup-1");
  const counts = await queue.getJobCounts("waiting", "paused", "prioritized", "delayed");
  assert.equal(counts.delayed, 1);
  assert.equal(counts.prioritized, 2);
  assert.equal(counts.waiting + counts.paused, 10);
  assert.deepEqual((await queue.getJobs(["prioritized"])).map((job) => job.id).sort(), ["high", "low"]);
  await (await queue.getJob("low")).changePriority({ priority: 20 });
  await (await queue.getJob("later")).changeDelay(200);

  const progress = [];
  events.on("progress", ({ jobId, data }) => progress.push([jobId, data]));
  const worker = new Worker(
    "work",
    async (job) => {
      attempts.set(job.id, (attempts.get(job.id) ?? 0) + 1);
      order.push(job.id);
      if (job.name === "fails") throw new Error("as it must");
      if (job.name === "recovers" && attempts.get(job.id) < 3) throw new Error("not yet");
      if (job.name === "hopeless") throw new UnrecoverableError("never");
      if (job.name === "progress") {
        await job.updateProgress(50);
        await job.log("a line");
        await job.updateData({ changed: true });
      }
      return { got: job.data.n ?? null };
    },
    { connection, concurrency: 1 },
  );
  await queue.resume();
  await until("all is done", async () => {
    const left = await queue.getJobCounts("waiting", "active", "delayed", "prioritized", "paused");
    return Object.values(left).every((n) => n === 0);
  });
  assert.equal(order[0], "lifo");
  assert.ok(order.indexOf("one") < order.indexOf("echo-2"));
  assert.ok(order.indexOf("high") < order.indexOf("low"));
  assert.equal(attempts.get("fails"), 3);
  assert.equal(attempts.get("recovers"), 3);
  assert.equal(attempts.get("hopeless"), 1);
  assert.equal(attempts.get("later"), 1);
  assert.equal(attempts.has("dedup-2"), false);
  assert.deepEqual((await queue.getFailed()).map((job) => job.id).sort(), ["fails", "hopeless"]);
  assert.deepEqual((await queue.getJob("one")).returnvalue, { got: 1 });
  assert.equal(await (await queue.getJob("one")).getState(), "completed");
  assert.deepEqual((await queue.getJobLogs("progress")).logs, ["a line"]);
  assert.deepEqual((await queue.getJob("progress")).data, { changed: true });
  await until("progress is told", () => progress.some(([id, data]) => id === "progress" && data === 50));
  const waited = await queue.add("echo", { n: "waited" }, { jobId: "waited" });
  assert.deepEqual(await waited.waitUntilFinished(events, 5000), { got: "waited" });

  // What failed is tried once more, and what is done is cleaned away.
  await queue.retryJobs({ state: "failed" });
  await until("they failed again", async () => (await queue.getFailedCount()) === 2);
  assert.ok((await queue.clean(0, 100, "completed")).includes("one"));
  await (await queue.getJob("hopeless")).remove();
  assert.equal(await queue.getFailedCount(), 1);

  // A scheduler makes jobs, again and again, until it is removed.
  await queue.upsertJobScheduler("tick", { every: 100 }, { name: "echo", data: { n: "tick" } });
  await until("it ticked", () => order.filter((id) => id.includes("tick")).length >= 2);
  assert.equal((await queue.getJobSchedulers()).length, 1);
  assert.equal(await queue.removeJobScheduler("tick"), true);

  await queue.setGlobalConcurrency(1);
  assert.equal(await queue.getGlobalConcurrency(), 1);
  await queue.rateLimit(50);
  assert.ok((await queue.getRateLimitTtl()) <= 50);
  await worker.close();
  await queue.drain(true);
  await queue.obliterate({ force: true });
  await Promise.all([queue.close(), events.close()]);
}

async function flows() {
  const parents = new Queue("parents", { connection });
  const children = new Queue("children", { connection });
  const producer = new FlowProducer({ connection });
  const tree = await producer.add({
    name: "sum",
    queueName: "parents",
    opts: { jobId: "sum" },
    children: [1, 2, 3].map((n) => ({ name: "value", queueName: "children", data: { n }, opts: { jobId: `c${n}` } })),
  });
  assert.equal(await tree.job.getState(), "waiting-children");
  assert.equal((await tree.job.getDependenciesCount()).unprocessed, 3);
  const done = [];
  const child = new Worker("children", async (job) => job.data.n, { connection });
  const parent = new Worker(
    "parents",
    async (job) => Object.values(await job.getChildrenValues()).reduce((sum, n) => sum + n, 0),
    { connection },
  );
  parent.on("completed", (job, value) => done.push(value));
  await until("the parent is done", () => done.length > 0);
  assert.deepEqual(done, [6]);

  // A child that fails takes its parent with it, if told so.
  await child.close();
  await producer.add({
    name: "sum",
    queueName: "parents",
    opts: { jobId: "doomed" },
    children: [{ name: "bad", queueName: "children", opts: { jobId: "bad", failParentOnFailure: true } }],
  });
  const failing = new Worker("children", async () => { throw new Error("no"); }, { connection });
  await until("the parent failed", async () => (await (await parents.getJob("doomed")).getState()) === "failed");
  await Promise.all([failing.close(), parent.close()]);
  for (const queue of [parents, children]) {
    await queue.obliterate({ force: true });
    await queue.close();
  }
  await producer.close();
}

async function limits() {
  const queue = new Queue("limited", { connection });
  const started = Date.now();
  const worker = new Worker("limited", async () => {}, { connection, limiter: { max: 2, duration: 200 } });
  await queue.addBulk(Array.from({ length: 6 }, (_, n) => ({ name: "x", data: { n } })));
  await until("all six are done", async () => (await queue.getCompletedCount()) === 6);
  assert.ok(Date.now() - started >= 390, "two in 200 ms");
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
}

// Somebody took a job and died: another finds it stalled and does it.
async function stalls() {
  const queue = new Queue("stalls", { connection });
  const short = { connection, lockDuration: 300, stalledInterval: 200 };
  const lost = new Worker("stalls", null, { ...short, autorun: false, skipLockRenewal: true });
  await queue.add("left", {}, { jobId: "left" });
  const job = await lost.getNextJob("token");
  assert.equal(job.id, "left");
  const rescuer = new Worker("stalls", async () => "rescued", short);
  const stalled = once(rescuer, "stalled");
  await until("it is rescued", async () => (await queue.getJob("left")).returnvalue === "rescued");
  await stalled;
  await Promise.all([lost.close(true), rescuer.close()]);
  await queue.obliterate({ force: true });
  await queue.close();
}

async function many() {
  const queue = new Queue("many", { connection });
  const seen = new Map();
  const workers = Array.from({ length: 4 }, () => new Worker("many", async (job) => {
    seen.set(job.id, (seen.get(job.id) ?? 0) + 1);
  }, { connection, concurrency: 25, removeOnComplete: { count: 0 } }));
  for (let i = 0; i < 10; i++) {
    await queue.addBulk(Array.from({ length: 200 }, (_, n) => ({ name: "x", data: { n }, opts: { jobId: `m${i * 200 + n}` } })));
  }
  await until("2,000 are done", () => seen.size === 2000);
  assert.ok([...seen.values()].every((times) => times === 1), "each job once");
  await Promise.all(workers.map((worker) => worker.close()));
  await queue.obliterate({ force: true });
  await queue.close();
}

async function bull() {
  const queue = new Bull("old", { redis: { port, host: "127.0.0.1" } });
  const done = [];
  queue.process(async (job) => {
    if (job.data.fails && job.attemptsMade < 2) throw new Error("not yet");
    done.push(job.id);
    return job.id;
  });
  await queue.add({}, { jobId: "a" });
  await queue.add({}, { jobId: "b", delay: 100 });
  await queue.add({}, { jobId: "c", priority: 1 });
  await queue.add({ fails: true }, { jobId: "d", attempts: 3, backoff: 10 });
  await until("four are done", () => done.length === 4);
  assert.equal((await queue.getJobCounts()).completed, 4);
  assert.equal((await queue.clean(0)).length, 4);
  await queue.obliterate({ force: true });
  await queue.close();
}

async function bee() {
  const queue = new BeeQueue("bee", { redis: { port }, activateDelayedJobs: true, removeOnSuccess: true });
  const done = [];
  let failures = 0;
  queue.process(4, async (job) => {
    if (job.data.fails && failures++ < 1) throw new Error("not yet");
    done.push(job.data.n);
  });
  for (let n = 0; n < 20; n++) await queue.createJob({ n }).save();
  await queue.createJob({ n: "later" }).delayUntil(Date.now() + 100).save();
  await queue.createJob({ n: "fails", fails: true }).retries(2).backoff("immediate").save();
  await until("all are done", () => done.length === 22);
  assert.equal((await queue.checkHealth()).failed, 0);
  await queue.close();
}

const redis = new Redis(connection);
await redis.flushall();
await bullmq();
await flows();
await limits();
await stalls();
await many();
await bull();
await bee();
await redis.quit();
console.log(`bullmq ${version("bullmq")}, bull ${version("bull")}, bee-queue ${version("bee-queue")}: good`);
process.exit(0);
