//! Random calls from every declaration's grammar: handlers parse what declarations promise.

use base::random::Random;
use command::grammar::random_call;
use testkit::TestServer;

const CALLS: usize = 200;

/// Commands whose calls are not made, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("debug", "its words are not in the grammar, as in Redis; its HELP tells them"),
    ("acl|setuser", "its rules are a language of their own: see the crate `acl`"),
    ("client|pause", "nothing else would run for as long as it says"),
    ("restore", "IDLETIME and FREQ exclude each other, which Redis's grammar does not say"),
];

/// Keys of every type, under the names that random calls use.
fn populate(server: &mut TestServer) {
    let mut session = server.connect();
    for call in [
        "FLUSHALL",
        "ZADD key:0 1 a 2 b 3 c",
        "SET key:1 17",
        "RPUSH key:2 a b c",
        "SADD key:3 a b c",
        "SET key:4 17.5 EX 1000",
        "XADD key:5 1-1 a 1",
    ] {
        server.reply(&mut session, call);
    }
}

/// Whether the reply says that the call was not understood.
fn is_misunderstood(reply: &[u8]) -> bool {
    const COMPLAINTS: &[&str] = &[
        "syntax",
        "wrong number of arguments",
        "unsupported option",
        "unrecognized option",
        "unknown subcommand",
        "unknown command",
    ];
    // Of words that do not go together, which a grammar cannot say.
    const UNDERSTOOD: &[&str] = &[
        "limit cannot be used without the special ~ option",
        "idmp/idmpauto can be used only with auto-generated ids",
        "limit is only supported in combination with either byscore or bylex",
        "withscores not supported in combination with bylex",
    ];
    let text = String::from_utf8_lossy(reply).to_lowercase();
    if UNDERSTOOD.iter().any(|understood| text.contains(understood)) {
        return false;
    }
    text.starts_with('-') && COMPLAINTS.iter().any(|complaint| text.contains(complaint))
}

#[test]
fn no_call_that_the_grammar_allows_is_misunderstood() {
    let mut misunderstood = Vec::new();
    let engine = TestServer::new(1).engine;
    for entry in engine.table.entries().filter(|entry| entry.subcommands.is_empty()) {
        let name = &*entry.full_name;
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
            continue;
        }
        let mut server = TestServer::new(1);
        let parent = entry.parent.map(|id| engine.table.get(id).decl.name);
        let mut random = Random::from_seed(5);
        for _ in 0..CALLS {
            let call = random_call(parent, entry.decl, &mut || random.next_u64());
            assert!(entry.arity_allows(call.len()), "{name}: {call:?}");
            populate(&mut server);
            let mut request = Vec::new();
            resp::encode::write_request(&mut request, call.iter());
            let mut session = server.connect();
            let reply = server.feed(&mut session, &request);
            if is_misunderstood(&reply) {
                let words: Vec<_> =
                    call.iter().map(|word| word.escape_ascii().to_string()).collect();
                misunderstood.push(format!("{}: {}", words.join(" "), reply.escape_ascii()));
                break;
            }
        }
    }
    assert!(misunderstood.is_empty(), "\n{}", misunderstood.join("\n"));
}
