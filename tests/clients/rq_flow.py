"""RQ with a running server: `rq_flow.py PORT`. `cargo x clients` runs it.

Workers as processes, their scheduler, retries, dependencies, registries, commands to workers, cron.
"""

import os
import subprocess
import sys
import time
from datetime import timedelta

import redis
import rq
from rq import Callback, Queue, Repeat, Retry, Worker
from rq.command import send_stop_job_command
from rq.cron import CronScheduler
from rq.job import Job

import rq_tasks

PORT = int(sys.argv[1])
connection = redis.Redis(port=PORT)
here = os.path.dirname(os.path.abspath(__file__))


def until(what, holds, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}")


def start(*words):
    log = open(os.path.join(os.environ.get("FLOW_DIR", "."), "rq.log"), "ab")
    command = [os.path.join(os.path.dirname(sys.executable), "rq"), *words, "--url", f"redis://127.0.0.1:{PORT}"]
    return subprocess.Popen(command, env=dict(os.environ, PYTHONPATH=here), stdout=log, stderr=log)


def finished(job):
    until(f"{job.func_name} is finished", lambda: job.get_status(refresh=True) == "finished")
    return job.return_value()


def flow(queue, other):
    assert finished(queue.enqueue(rq_tasks.add, 2, 3)) == 5
    failed = queue.enqueue(rq_tasks.fail, on_failure=Callback(rq_tasks.mark))
    until("it failed", lambda: failed.get_status() == "failed")
    until("that is told", lambda: connection.get(f"marked:{failed.id}") == b"1")
    assert failed.id in queue.failed_job_registry.get_job_ids()
    assert "as it must" in failed.latest_result().exc_string
    assert finished(queue.enqueue(rq_tasks.flaky, retry=Retry(max=3))) == 3
    assert finished(queue.enqueue(rq_tasks.flaky, retry=Retry(max=3, interval=[1, 1]))) == 3
    later = queue.enqueue_in(timedelta(seconds=1), rq_tasks.add, 1, 1, on_success=Callback(rq_tasks.mark))
    assert later.get_status() == "scheduled" and later.id in queue.scheduled_job_registry.get_job_ids()
    assert finished(later) == 2
    until("success is told", lambda: connection.get(f"marked:{later.id}") == b"1")
    first = queue.enqueue(rq_tasks.slow, 0.3)
    second = other.enqueue(rq_tasks.add, 1, 2, depends_on=first)
    assert second.get_status() == "deferred"
    assert finished(second) == 3 and finished(first) == 0.3
    jobs = queue.enqueue_many([Queue.prepare_data(rq_tasks.add, (i, i), job_id=f"many-{i}") for i in range(30)])
    assert [finished(job) for job in jobs] == [i * 2 for i in range(30)]
    repeated = queue.enqueue(rq_tasks.add, 1, 1, repeat=Repeat(times=2, interval=1))
    until("it was repeated", lambda: len(repeated.results()) == 3)
    stopped = queue.enqueue(rq_tasks.slow, 60)
    until("it runs", lambda: stopped.get_status() == "started")
    stopped.refresh()
    send_stop_job_command(connection, stopped.id)
    until("it is stopped", lambda: stopped.get_status() == "stopped")
    limited = queue.enqueue(rq_tasks.slow, 60, job_timeout=1)
    until("its time is up", lambda: limited.get_status() == "failed")
    cancelled = queue.enqueue_in(timedelta(hours=1), rq_tasks.add, 1, 1)
    cancelled.cancel()
    assert cancelled.get_status() == "canceled" and cancelled.id in queue.canceled_job_registry.get_job_ids()
    unique = queue.enqueue_in(timedelta(hours=1), rq_tasks.add, 1, 1, job_id="unique")
    assert Job.fetch("unique", connection=connection).id == unique.id
    unique.delete()
    assert queue.failed_job_registry.requeue(failed).id == failed.id
    until("it failed again", lambda: connection.get(f"marked:{failed.id}") == b"2")


def broken_connections(queue):
    """The worker waits; its connection is killed; it comes back."""
    connection.client_kill_filter(_type="normal", skipme=True)
    connection.client_kill_filter(_type="pubsub", skipme=True)
    assert finished(queue.enqueue(rq_tasks.add, 20, 3)) == 23


def cron():
    scheduler = CronScheduler(connection=connection)
    scheduler.register(rq_tasks.add, "cron", args=(1, 1), interval=1)
    scheduler.enqueue_jobs()
    assert Queue("cron", connection=connection).count == 1


connection.flushall()
queue, other = Queue("work", connection=connection), Queue("other", connection=connection)
workers = [start("worker", "work", "other", "--with-scheduler", "--name", f"w{i}") for i in range(2)]
try:
    until("both are there", lambda: Worker.count(connection=connection) == 2)
    flow(queue, other)
    broken_connections(queue)
    cron()
finally:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.wait()
burst = start("worker-pool", "cron", "--burst", "-n", "2")
assert burst.wait() == 0
assert Queue("cron", connection=connection).count == 0
print(f"rq {rq.__version__}: good")
