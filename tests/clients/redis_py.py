"""redis-py against a running server: `redis_py.py PORT UNIX_SOCKET`. `cargo x clients` runs it."""

import sys
import threading

import redis
from redis.exceptions import DataError, ResponseError, WatchError

PORT, UNIX = int(sys.argv[1]), sys.argv[2]


def connections():
    """Every way to connect: TCP and unix socket, RESP2 and RESP3, bytes and text."""
    for protocol in (2, 3):
        for decode in (False, True):
            yield redis.Redis(port=PORT, protocol=protocol, decode_responses=decode)
            yield redis.Redis(unix_socket_path=UNIX, protocol=protocol, decode_responses=decode)


def text(reply):
    return reply.decode() if isinstance(reply, bytes) else reply


def raises(error, words, call):
    try:
        call()
    except error as e:
        assert words in str(e), f"{e!r} does not say {words!r}"
        return
    raise AssertionError(f"no {error.__name__}: {words}")


def strings(r):
    assert r.set("s", "v") is True and text(r.get("s")) == "v" and r.get("none") is None
    assert r.set("s", "w", nx=True) is None and r.set("s", "w", xx=True, ex=100) is True
    assert 90 < r.ttl("s") <= 100 and text(r.set("s", "x", get=True, keepttl=True)) == "w"
    assert text(r.getex("s", persist=True)) == "x" and r.ttl("s") == -1
    assert text(r.getdel("s")) == "x" and r.getset("s", "y") is None
    assert r.append("s", "z") == 2 and r.strlen("s") == 2 and text(r.getrange("s", 1, 1)) == "z"
    assert r.setrange("s", 1, "abc") == 4 and text(r.substr("s", 0, 1)) == "ya"
    assert r.incr("n") == 1 and r.incrby("n", 9) == 10 and r.decr("n", 3) == 7
    assert r.incrbyfloat("f", 1.5) == 1.5 and r.setex("e", 10, "v") and r.psetex("e", 9000, "v")
    assert r.mset({"a": 1, "b": 2}) and [text(v) for v in r.mget("a", "none", "b")] == ["1", None, "2"]
    assert r.msetnx({"b": 3, "c": 4}) is False and r.setnx("c", 4) is True
    assert r.mset({"x": "ohmytext", "y": "mynewtext"}) and text(r.lcs("x", "y")) == "mytext"
    assert r.lcs("x", "y", len=True) == 6


def keys(r):
    assert r.exists("a", "b", "none") == 2 and text(r.type("a")) == "string" and r.touch("a", "b") == 2
    assert r.rename("a", "a2") is True and r.renamenx("a2", "b") is False and r.copy("a2", "a3") is True
    assert r.expire("a2", 100) is True and r.expire("a2", 50, gt=True) is False and r.persist("a2") is True
    assert r.pexpireat("a2", 9999999999999) is True and r.pexpiretime("a2") == 9999999999999
    assert r.unlink("a2", "a3") == 2 and r.delete("b", "none") == 1
    assert r.object("encoding", "n") in (b"int", "int") and r.memory_usage("n") > 0
    r.mset({f"scan:{i}": i for i in range(5000)})
    found = [text(key) for key in r.scan_iter("scan:*", count=100)]
    assert sorted(found) == sorted(f"scan:{i}" for i in range(5000))
    assert len(r.keys("scan:1?")) == 10 and r.dbsize() >= 5000 and text(r.randomkey())
    assert r.move("n", 1) is True and r.get("n") is None and r.swapdb(0, 1) is True
    assert text(r.get("n")) == "7" and r.swapdb(0, 1) is True


def bits(r):
    assert r.setbit("bits", 7, 1) == 0 and r.getbit("bits", 7) == 1 and r.bitcount("bits") == 1
    assert r.bitpos("bits", 1) == 7 and r.bitcount("bits", 0, 7, "BIT") == 1
    r.set("bits2", b"\xf0")
    assert r.bitop("OR", "both", "bits", "bits2") == 1 and r.bitcount("both") == 5
    field = r.bitfield("field", default_overflow="SAT")
    assert field.set("u8", 0, 250).incrby("u8", 0, 10).get("u8", 0).execute() == [0, 255, 255]


def transactions(r):
    with r.pipeline(transaction=True) as p:
        assert p.set("t", 1).incr("t").get("t").mget("t", "none").execute()[:2] == [True, 2]
    with r.pipeline(transaction=False) as p:
        for i in range(10_000):
            p.set(f"p{i % 100}", i)
        assert p.execute() == [True] * 10_000
    with r.pipeline() as p:
        p.set("t", "word").incr("t").set("after", 1)
        replies = p.execute(raise_on_error=False)
        assert replies[0] is True and replies[2] is True and isinstance(replies[1], ResponseError)


def optimistic_locks(r):
    with r.pipeline() as p:
        p.watch("w")
        r.set("w", "other")
        p.multi()
        p.set("w", "mine")
        raises(WatchError, "", p.execute)
    r.set("w", 1)
    assert r.transaction(lambda p: (p.get("w"), p.multi(), p.incr("w")), "w") == [2]


def errors(r):
    r.set("word", "abc")
    raises(ResponseError, "not an integer", lambda: r.incr("word"))
    raises(ResponseError, "unknown command", lambda: r.execute_command("NOSUCH", 1))
    raises(ResponseError, "wrong number of arguments", lambda: r.execute_command("GET"))
    raises(DataError, "", lambda: r.set("k", ["no"]))
    assert r.ping() is True, "an error leaves the connection as it was"


def connection(r):
    me = r.client_id()
    assert r.client_setname("ann") and text(r.client_getname()) == "ann"
    mine = r.client_info()
    assert mine["id"] == me and mine["lib-name"].startswith("redis-py"), mine
    assert any(int(c["id"]) == me for c in r.client_list())
    assert text(r.echo("hi")) == "hi" and r.info("server")["redis_version"]
    assert r.config_set("timeout", 0) and r.config_get("timeout") and r.time()[0] > 1_700_000_000
    assert r.command_count() > 50 and r.execute_command("COMMAND", "INFO", "get")


def large_values(r):
    for size in (65_535, 65_536, 1 << 20, 20 << 20):
        value = bytes(range(256)) * (size // 256 + 1)
        raw = redis.Redis(connection_pool=r.connection_pool)
        raw.set("big", value[:size])
        assert raw.strlen("big") == size and raw.append("big", "x") == size + 1
        if not r.get_encoder().decode_responses:
            assert raw.get("big") == value[:size] + b"x"
    r.delete("big")


def reconnects(r):
    """A connection killed under the client's feet is replaced without an error."""
    r.ping()
    other = redis.Redis(port=PORT)
    other.client_kill_filter(skipme=True)
    assert r.ping() is True


def threads():
    """One pool under eight threads: no reply goes to the wrong one."""
    r = redis.Redis(port=PORT, protocol=3, decode_responses=True)
    failures = []

    def work(name):
        for i in range(500):
            r.set(f"thread:{name}", i)
            if r.get(f"thread:{name}") != str(i):
                failures.append((name, i))

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    [w.start() for w in workers]
    [w.join() for w in workers]
    assert not failures, failures


def databases_and_passwords():
    second = redis.Redis(port=PORT, db=2)
    second.set("only-here", 1)
    assert redis.Redis(port=PORT).get("only-here") is None
    admin = redis.Redis(port=PORT)
    admin.config_set("requirepass", "secret")
    try:
        raises(redis.AuthenticationError, "", redis.Redis(port=PORT).ping)
        raises(redis.AuthenticationError, "", redis.Redis(port=PORT, password="wrong").ping)
        for protocol in (2, 3):
            assert redis.Redis(port=PORT, password="secret", db=1, protocol=protocol).ping()
            named = redis.Redis(port=PORT, username="default", password="secret", protocol=protocol)
            assert named.ping()
    finally:
        admin.config_set("requirepass", "")


STEPS = (strings, keys, bits, transactions, errors, connection, large_values, reconnects)
OPTIONAL = {"watch": optimistic_locks}
left_out = set()

for r in connections():
    r.flushall()
    for step in STEPS:
        step(r)
    known = {text(name) for name in r.command_list()}
    for command, step in OPTIONAL.items():
        if command in known:
            step(r)
        else:
            left_out.add(f"{step.__name__} (no {command})")
threads()
databases_and_passwords()
redis.Redis(port=PORT).flushall()
print(f"redis-py {redis.__version__}: good", *(f"without {what}" for what in left_out))
