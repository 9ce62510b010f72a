"""Celery with a running server as broker and result store: `celery_flow.py PORT`. `cargo x clients` runs it.

A worker (prefork, then threads), beat, and what people send them: retries, ETA, priorities, groups,
chains, chords, revocation, remote control, errors, a connection that breaks.
"""

import os
import subprocess
import sys
import time

import celery
from celery import Celery, chain, chord, group

PORT = int(os.environ.get("CELERY_FLOW_PORT") or sys.argv[1])
URL = f"redis://127.0.0.1:{PORT}"

app = Celery("celery_flow", broker=f"{URL}/4", backend=f"{URL}/5")
app.conf.update(
    task_acks_late=True,
    result_extended=True,
    task_send_sent_event=True,
    worker_send_task_events=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 3,
        "unacked_mutex_expire": 2,
        "priority_steps": [0, 3, 6, 9],
        "polling_interval": 0.1,
        "client_name": "worker" if "CELERY_FLOW_PORT" in os.environ else "flow",
    },
    beat_schedule={"tick": {"task": "celery_flow.tick", "schedule": 0.2}},
    beat_schedule_filename=os.path.join(os.environ.get("FLOW_DIR", "."), "beat"),
)


@app.task(name="celery_flow.add")
def add(x, y):
    return x + y


@app.task(name="celery_flow.total")
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3, name="celery_flow.flaky")
def flaky(self, fails):
    if self.request.retries < fails:
        raise self.retry(countdown=0.1, exc=ValueError("not yet"))
    return self.request.retries


@app.task(name="celery_flow.fail")
def fail():
    raise KeyError("as it must")


@app.task(bind=True, name="celery_flow.report")
def report(self):
    self.update_state(state="PROGRESS", meta={"done": 1})
    time.sleep(0.5)
    return "done"


@app.task(name="celery_flow.tick")
def tick():
    app.backend.client.incr("ticks")


@app.task(name="celery_flow.slow")
def slow(seconds):
    time.sleep(seconds)
    return seconds


def until(what, holds, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}")


def start(*words):
    environment = dict(os.environ, CELERY_FLOW_PORT=str(PORT), PYTHONPATH=os.path.dirname(os.path.abspath(__file__)))
    log = open(os.path.join(os.environ.get("FLOW_DIR", "."), f"{words[0]}.log"), "ab")
    command = [sys.executable, "-m", "celery", "-A", "celery_flow", *words]
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def simple():
    assert add.delay(2, 3).get(timeout=20) == 5
    assert flaky.delay(2).get(timeout=20) == 2
    hopeless = flaky.delay(9)
    try:
        hopeless.get(timeout=20)
        raise AssertionError("it cannot succeed")
    except ValueError:
        assert hopeless.state == "FAILURE"
    failed = fail.delay()
    try:
        failed.get(timeout=20)
        raise AssertionError("it cannot succeed")
    except KeyError as error:
        assert "as it must" in str(error)
    assert failed.traceback and failed.state == "FAILURE"
    start = time.monotonic()
    assert add.apply_async((1, 1), countdown=1).get(timeout=20) == 2
    assert time.monotonic() - start > 0.8, "an ETA is waited for"
    expired = add.apply_async((1, 1), countdown=0.5, expires=0.1)
    until("it is revoked as too late", lambda: expired.state == "REVOKED")
    assert [add.apply_async((i, i), priority=p).get(timeout=20) for i, p in ((1, 0), (2, 9))] == [2, 4]
    told = report.delay()
    until("progress is told", lambda: told.state == "PROGRESS" and told.info == {"done": 1})
    assert told.get(timeout=20) == "done"
    told.forget()
    assert told.state == "PENDING"


def canvases():
    assert chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=20) == 10
    assert group(add.s(i, i) for i in range(50))().get(timeout=30) == [i * 2 for i in range(50)]
    assert chord((add.s(i, i) for i in range(20)), total.s())().get(timeout=30) == 380
    nested = chain(group(add.s(1, 1), add.s(2, 2)), total.s(), group(add.s(1), add.s(2)))
    assert nested().get(timeout=30) == [7, 8]
    broken = chord([add.s(1, 1), fail.s()], total.s())()
    try:
        broken.get(timeout=20)
        raise AssertionError("a part of it fails")
    except Exception as error:
        assert "ChordError" in type(error).__name__ or "as it must" in str(error), repr(error)


def control(worker_name):
    inspect = app.control.inspect(timeout=3)
    assert any("celery_flow.add" in tasks for tasks in inspect.registered().values())
    assert inspect.ping()[worker_name] == {"ok": "pong"}
    later = add.apply_async((1, 1), countdown=60)
    until("it is scheduled", lambda: any(inspect.scheduled().values()))
    later.revoke()
    assert app.control.rate_limit("celery_flow.add", "1000/s", reply=True)
    doomed = slow.delay(60)
    until("it runs", lambda: any(task["name"] == "celery_flow.slow" for task in inspect.active()[worker_name]))
    doomed.revoke(terminate=True)
    until("it is ended", lambda: doomed.state == "REVOKED")


def broken_connections():
    """The workers' connections to the broker are killed; tasks go on."""
    import redis

    admin = redis.Redis(port=PORT)
    results = [slow.delay(0.05) for _ in range(20)]
    killed = [admin.client_kill_filter(_id=c["id"]) for c in admin.client_list() if c["name"] == "worker"]
    assert sum(killed) >= 2, killed
    assert [result.get(timeout=40) for result in results] == [0.05] * 20
    assert add.delay(1, 1).get(timeout=20) == 2


def lost_worker(start_worker):
    """A worker killed in the middle of a task: what it had not acknowledged is done by another."""
    worker = start_worker()
    until("it is there", lambda: app.control.inspect(timeout=1).ping())
    result = slow.delay(1.5)
    # A message that was taken from its queue and not yet noted as such is lost with its worker, on any
    # server: so not before this very task runs.
    active = lambda: sum(app.control.inspect(timeout=1).active().values(), [])
    until("it runs", lambda: any(task["name"] == "celery_flow.slow" for task in active()))
    subprocess.run(["pkill", "-KILL", "-P", str(worker.pid)], check=False)
    worker.kill()
    worker.wait()
    worker = start_worker()
    try:
        assert result.get(timeout=60) == 1.5
    finally:
        worker.terminate()
        worker.wait()


def main():
    import redis

    redis.Redis(port=PORT).flushall()
    pools = (("prefork", "2"), ("threads", "4"))
    for pool, size in pools:
        name = f"{pool}@flow"
        worker = start("worker", "-P", pool, "-c", size, "-n", name, "-l", "INFO", "--without-gossip")
        try:
            until("the worker is there", lambda: app.control.inspect(timeout=1).ping(), 40)
            simple()
            canvases()
            if pool == "prefork":
                control(name)
            broken_connections()
        finally:
            worker.terminate()
            worker.wait()
    beat = start("beat", "-l", "INFO", "--pidfile=")
    worker = start("worker", "-P", "solo", "-l", "INFO")
    try:
        until("it ticked", lambda: int(redis.Redis(port=PORT, db=5).get("ticks") or 0) >= 3)
    finally:
        beat.terminate()
        beat.wait()
        worker.terminate()
        worker.wait()
    app.control.purge()
    lost_worker(lambda: start("worker", "-P", "prefork", "-c", "1", "-n", "lost@flow", "-l", "INFO"))
    import kombu

    print(f"celery {celery.__version__}, kombu {kombu.__version__}: good")


if __name__ == "__main__":
    # Tasks belong to the module's name, which a script does not have.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import celery_flow

    celery_flow.main()
