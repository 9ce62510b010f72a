"""What RQ's workers run for `rq_flow.py`."""

import time

from rq import get_current_job


def add(x, y):
    return x + y


def fail():
    raise ValueError("as it must")


def flaky():
    job = get_current_job()
    job.meta["tries"] = job.meta.get("tries", 0) + 1
    job.save_meta()
    if job.meta["tries"] < 3:
        raise ValueError("not yet")
    return job.meta["tries"]


def slow(seconds):
    time.sleep(seconds)
    return seconds


def mark(job, connection, *rest):
    connection.incr(f"marked:{job.id}")
