"""Locks and limiters of PyPI against a running server: `limiters.py PORT`. `cargo x clients` runs it."""

import importlib.metadata
import sys
import threading
import time

import limits
import limits.storage
import limits.strategies
import pyrate_limiter
import redis
import redis_lock
from redlock import Redlock
from throttled import RateLimiterType, RedisStore, Throttled, per_sec

PORT = int(sys.argv[1])
URL = f"redis://127.0.0.1:{PORT}/0"
r = redis.Redis(port=PORT)


def throttled_algorithms():
    """GCRA, token and leaking bucket, fixed and sliding window."""
    store = RedisStore(server=URL)
    for kind in RateLimiterType:
        limiter = Throttled(using=kind.value, quota=per_sec(5, burst=5), store=store)
        taken = [limiter.limit("key", cost=1).limited for _ in range(12)]
        assert taken[:5] == [False] * 5, (kind, taken)
        assert any(taken[5:]), (kind, taken)
        state = limiter.peek("key")
        assert state.limit >= 5 and state.remaining <= 1, (kind, state)


def limits_strategies():
    storage = limits.storage.RedisStorage(URL)
    rate = limits.parse("5/minute")
    for strategy in (
        limits.strategies.FixedWindowRateLimiter,
        limits.strategies.MovingWindowRateLimiter,
        limits.strategies.SlidingWindowCounterRateLimiter,
    ):
        limiter = strategy(storage)
        name = strategy.__name__
        assert [limiter.hit(rate, name) for _ in range(7)] == [True] * 5 + [False] * 2, name
        assert limiter.test(rate, name) is False
        assert limiter.get_window_stats(rate, name).remaining == 0
        limiter.clear(rate, name)
        assert limiter.hit(rate, name, cost=3) and not limiter.hit(rate, name, cost=3), name
    assert storage.reset() > 0


def pyrate():
    rates = [pyrate_limiter.Rate(3, 60_000), pyrate_limiter.Rate(5, 3_600_000)]
    bucket = pyrate_limiter.RedisBucket.init(rates, r, "bucket")
    now = int(time.time() * 1000)
    put = [bucket.put(pyrate_limiter.RateItem("x", now + i)) for i in range(5)]
    assert put == [True] * 3 + [False] * 2
    assert bucket.count() == 3 and bucket.failing_rate is not None
    bucket.leak(now + 7_200_000)
    assert bucket.count() == 0
    bucket.flush()


def locks():
    lock = r.lock("lock", timeout=10)
    assert lock.acquire(blocking=False) and not r.lock("lock").acquire(blocking=False)
    assert lock.owned() and lock.extend(10) and lock.reacquire()
    lock.release()
    try:
        lock.release()
        raise AssertionError("it is released")
    except redis.exceptions.LockError:
        pass
    first = redis_lock.Lock(r, "named", expire=5, auto_renewal=True)
    assert first.acquire() and not redis_lock.Lock(r, "named").acquire(blocking=False)
    threading.Timer(0.2, first.release).start()
    second = redis_lock.Lock(r, "named", expire=5)
    assert second.acquire(timeout=5), "a waiter is told"
    second.release()
    redis_lock.reset_all(r)
    manager = Redlock([{"host": "127.0.0.1", "port": PORT}], retry_count=1)
    held = manager.lock("red", 1000)
    assert held and manager.lock("red", 1000) is False
    manager.unlock(held)
    assert r.exists("red") == 0


def counters_under_a_lock():
    """Eight threads add under a lock; nothing is lost."""

    def work():
        own = redis.Redis(port=PORT)
        for _ in range(25):
            with own.lock("sum", timeout=10, sleep=0.001):
                own.set("n", int(own.get("n") or 0) + 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert r.get("n") == b"200"


r.flushall()
throttled_algorithms()
limits_strategies()
pyrate()
locks()
counters_under_a_lock()
names = ("throttled-py", "limits", "pyrate-limiter", "python-redis-lock", "redlock-py")
print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in names) + ": good")
