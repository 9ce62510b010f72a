//! Rules and what they allow, user by user.

use std::sync::Arc;

use crate::channels::{keeps_channels, may_listen};
use crate::fuzz::table;
use crate::{Call, Context, Denied, User, Users};

const CX: fn() -> Context<'static, ()> = || Context { table: table(), all_channels: false };

fn words(rules: &str) -> Vec<&[u8]> {
    rules.split_ascii_whitespace().map(str::as_bytes).collect()
}

fn user(rules: &str) -> Arc<User> {
    let mut users = Users::new(table());
    users.set(b"ann", &words(rules), CX()).unwrap_or_else(|why| panic!("{rules}: {why}"));
    users.get(b"ann").expect("it was just made").clone()
}

fn error(rules: &str) -> String {
    let mut users = Users::new(table());
    let refused = users.set(b"ann", &words(rules), CX());
    assert!(users.get(b"ann").is_none(), "{rules}: nothing is made of rules that are wrong");
    refused.expect_err(rules)
}

/// What the user may do, in a database.
fn check_in(user: &User, db: usize, line: &str) -> Result<(), Denied> {
    let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let id = table().lookup_call(args.len(), |i| args[i]).expect("a command of the table");
    let call = Call { argc: args.len(), arg: |i: usize| args[i], db };
    let answer = user.check(table().get(id), &call);
    if user.free().contains(id) {
        assert_eq!(answer, Ok(()), "{line}: a free command runs whatever its arguments are");
    }
    answer
}

fn check(user: &User, line: &str) -> Result<(), Denied> {
    check_in(user, 0, line)
}

fn described(rules: &str) -> String {
    String::from_utf8(user(rules).root().commands.describe()).expect("the rules are text")
}

#[test]
fn a_new_user_is_off_and_may_only_log_in() {
    let ann = user("");
    assert_eq!(ann.describe(), b"off sanitize-payload resetchannels -@all");
    assert_eq!(check(&ann, "GET a"), Err(Denied::Command));
    assert_eq!(check(&ann, "AUTH x"), Ok(()));
}

#[test]
fn the_default_user_may_do_anything() {
    let users = Users::new(table());
    let default = users.default_user();
    assert!(default.is_unrestricted() && default.is_on() && default.needs_no_password());
    assert_eq!(users.lines(), [b"user default on nopass sanitize-payload ~* &* +@all"]);
    assert!(!user("+@all ~*").is_unrestricted(), "channels are missing");
    assert!(!user("+@all ~* &* db=0").is_unrestricted());
    assert!(!user("+@all -get ~* &*").is_unrestricted());
    assert!(user("(+@all ~* &*)").is_unrestricted());
}

#[test]
fn what_was_said_of_commands_is_kept_once_and_in_order() {
    for (rules, expected) in [
        ("+@all -@read -@slow +get", "+@all -@read -@slow +get"),
        ("+@all -@read -@slow +get -@read", "+@all -@slow +get -@read"),
        ("+@all -@read +@READ", "+@all +@read"),
        ("+get -get +GET", "-@all +get"),
        ("+config|get +config", "-@all +config"),
        ("+config +config|get -config|set +config", "-@all +config"),
        ("+select|0 +select|0 +select", "-@all +select"),
        ("+@all +config|get", "+@all +config|get"),
        ("+get -@all", "-@all"),
        ("-@read allcommands", "+@all"),
        ("-@all -@dangerous", "-@all -@dangerous"),
    ] {
        assert_eq!(described(rules), expected, "{rules}");
    }
}

#[test]
fn a_container_and_its_subcommands() {
    let ann = user("+config -config|set");
    assert_eq!(check(&ann, "CONFIG GET x"), Ok(()));
    assert_eq!(check(&ann, "CONFIG SET x y"), Err(Denied::Command));
    let ann = user("+config|get");
    assert_eq!(check(&ann, "CONFIG GET x"), Ok(()));
    assert_eq!(check(&ann, "CONFIG SET x y"), Err(Denied::Command));
    assert_eq!(check(&user("+@dangerous"), "CONFIG SET x y"), Ok(()));
}

#[test]
fn a_first_argument_counts_while_the_command_is_not_allowed() {
    let ann = user("+select|0 +select|One");
    assert_eq!(check(&ann, "SELECT 0"), Ok(()));
    assert_eq!(check(&ann, "SELECT one"), Ok(()));
    assert_eq!(check(&ann, "SELECT 1"), Err(Denied::Command));
    assert_eq!(check(&user("+select|0 -select"), "SELECT 0"), Err(Denied::Command));
    assert_eq!(check(&user("+select|0 +select"), "SELECT 1"), Ok(()));
}

#[test]
fn keys_are_for_reading_writing_or_both() {
    let ann = user("+@all %R~r* %W~w* ~rw*");
    for (line, expected) in [
        ("GET r", Ok(())),
        ("GET w", Err(Denied::Key(1))),
        ("LPUSH w x", Ok(())),
        ("LPUSH r x", Err(Denied::Key(1))),
        ("LPOP rw", Ok(())),
        ("LPOP w", Err(Denied::Key(1))),
        ("STRLEN r", Ok(())),
        ("STRLEN w", Ok(())),
        ("STRLEN z", Err(Denied::Key(1))),
        ("SET w x", Ok(())),
        ("SET w x GET", Err(Denied::Key(1))),
        ("COPY r w", Ok(())),
        ("COPY w r", Err(Denied::Key(1))),
        ("COPY r r", Err(Denied::Key(2))),
        ("MGET r1 r2 x r3", Err(Denied::Key(3))),
        ("SINTERCARD 2 r1 r2", Ok(())),
        ("SINTERCARD 2 r1 w", Err(Denied::Key(3))),
        ("SINTERCARD 3 r1 w", Ok(())),
        ("PING", Ok(())),
    ] {
        assert_eq!(check(&ann, line), expected, "{line}");
    }
    assert_eq!(user("%R~a %W~a ~b %rw~c").root().keys.describe(), b"~a ~b ~c");
    assert_eq!(check(&user("+@all %RW"), "GET x"), Err(Denied::Key(1)));
}

#[test]
fn channels_match_and_patterns_are_said_word_for_word() {
    let ann = user("+@all &news:*");
    assert_eq!(check(&ann, "PUBLISH news:1 x"), Ok(()));
    assert_eq!(check(&ann, "PUBLISH other x"), Err(Denied::Channel(1)));
    assert_eq!(check(&ann, "PSUBSCRIBE news:*"), Ok(()));
    assert_eq!(check(&ann, "PSUBSCRIBE news:* news:1"), Err(Denied::Channel(2)));
}

#[test]
fn selectors_do_not_add_up() {
    let ann = user("(+@all %R~r*) (+@all %W~w*)");
    assert_eq!(check(&ann, "GET r"), Ok(()));
    assert_eq!(check(&ann, "LPUSH w x"), Ok(()));
    assert_eq!(check(&ann, "COPY r w"), Err(Denied::Key(2)));
    let ann = user("+mget ~a (+mget ~a ~b)");
    assert_eq!(check(&ann, "MGET b c"), Err(Denied::Key(2)));
    assert_eq!(check(&ann, "GET a"), Err(Denied::Command));
}

#[test]
fn databases_are_named_or_selected() {
    let ann = user("+@all ~* &* db=0,2");
    for (db, line, expected) in [
        (0, "GET a", Ok(())),
        (1, "GET a", Err(Denied::Database(0))),
        (0, "SELECT 2", Ok(())),
        (0, "SELECT 1", Err(Denied::Database(1))),
        (1, "SELECT 0", Ok(())),
        (0, "SELECT x", Ok(())),
        (0, "COPY a b DB 1", Err(Denied::Database(4))),
        (0, "COPY a b DB 2", Ok(())),
        (1, "COPY a b DB 2", Err(Denied::Database(0))),
        (0, "COPY a b DB", Ok(())),
        (0, "FLUSHALL", Err(Denied::Database(0))),
        (1, "PING", Ok(())),
        (1, "PUBLISH a b", Ok(())),
    ] {
        assert_eq!(check_in(&ann, db, line), expected, "{line} in {db}");
    }
    assert_eq!(check(&user("+@all ~* resetdbs"), "GET a"), Err(Denied::Database(0)));
    let described = |rules| String::from_utf8(user(rules).describe()).expect("text");
    assert!(described("db=3,+1,01").ends_with("resetchannels db=1,3 -@all"));
    assert!(described("db=1 alldbs").ends_with("resetchannels -@all"));
    assert!(described("db=1 resetdbs").ends_with("resetchannels resetdbs -@all"));
    assert!(described("db=1 reset").ends_with("resetchannels -@all"));
}

#[test]
fn reading_every_key_takes_every_key() {
    let may = |rules: &str| {
        let args: [&[u8]; 2] = [b"GET", b"a"];
        let id = table().lookup(b"get").expect("it is declared");
        let call = Call { argc: 2, arg: |i: usize| args[i], db: 0 };
        user(rules).may_read_any_key(table().get(id), &call)
    };
    assert!(may("+get ~*") && may("+get %R~*") && may("+get ~a (+get ~*)"));
    assert!(!may("+get ~a ~b*") && !may("+get ~a %W~*") && !may("+get ~a (~*)"));
}

#[test]
fn a_command_of_other_servers_is_named_in_vain() {
    let rules = "+@all -replicaof -cluster|failover +module|list";
    assert_eq!(described(rules), rules);
    let ann = user("+get ~* +cluster -psync");
    assert_eq!(check(&ann, "GET a"), Ok(()));
    assert_eq!(check(&ann, "SET a b"), Err(Denied::Command));
    assert_eq!(described("+cluster|slots +cluster"), "-@all +cluster");
}

#[test]
fn rules_that_are_wrong_say_so() {
    for (rules, reason) in [
        ("+nope", "Unknown command or category name in ACL"),
        ("-@nope", "Unknown command or category name in ACL"),
        ("+cluster|nope", "Unknown command or category name in ACL"),
        ("+config|nope", "Unknown command or category name in ACL"),
        ("-select|0", "Unknown command or category name in ACL"),
        ("+get|a|b", "Unknown command or category name in ACL"),
        ("+config|get|a", "Allowing first-arg of a subcommand is not supported"),
        ("+config|", "Syntax error"),
        ("%~a", "Syntax error"),
        ("%RR~a", "Syntax error"),
        ("%X~a", "Syntax error"),
        ("nonsense", "Syntax error"),
        (")", "Syntax error"),
        ("(on)", "Syntax error"),
        ("(~\"a)", "Syntax error"),
        ("db=", "Syntax error"),
        ("db=1,,2", "Syntax error"),
        ("db=0x1", "Syntax error"),
        ("db=-1", "The provided database ID is out of range"),
        ("db=2147483648", "The provided database ID is out of range"),
        ("<one", "The password you are trying to remove from the user does not exist"),
        (
            "#abc",
            "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters",
        ),
    ] {
        let expected = format!("Error in ACL SETUSER modifier '{rules}': {reason}");
        assert_eq!(error(rules), expected);
    }
    assert!(
        error("~* ~a").contains("'~a': Adding a pattern after the * pattern (or the 'allkeys'")
    );
    assert!(error("&* &a").contains("'&a': Adding a pattern after the * pattern (or the 'allch"));
    assert_eq!(
        error("on (+get (+set"),
        "Unmatched parenthesis in acl selector starting at '(+get'."
    );
    let mut users = Users::new(table());
    let refused = users.set(b"a b", &[], CX()).expect_err("blanks part words");
    assert_eq!(refused, "Usernames can't contain spaces or null characters");
}

#[test]
fn selectors_may_lie_over_several_words() {
    let ann = user("(~a +get ) ( ~b +get ) (~c +get)");
    let keys: Vec<_> = ann.selectors()[1..].iter().map(|s| s.keys.describe()).collect();
    assert_eq!(keys, [b"~a", b"~b", b"~c"]);
    assert_eq!(user("(~a) clearselectors").selectors().len(), 1);
}

#[test]
fn passwords_are_added_and_removed_by_themselves_or_by_digest() {
    use crate::password::Password;
    let admits =
        |rules: &str, password: &str| user(rules).admits(&Password::of(password.as_bytes()));
    let hex = Password::of(b"two").hex();
    assert!(admits("on >one >two", "one") && admits("on >one >two", "two"));
    assert!(!admits(">one", "one"), "the user is off");
    assert!(!admits("on >one <one", "one") && !admits("on", ""));
    assert!(admits(&format!("on #{hex}"), "two") && !admits(&format!("on >two !{hex}"), "two"));
    assert!(admits("on >one nopass", "anything") && !admits("on nopass >one", "anything"));
    assert!(!admits("on nopass resetpass", "anything"));
}

#[test]
fn a_file_is_read_in_full_or_not_at_all() {
    let text = b"user ann on >x (+get ~a* +set)\n\r\n  user bob on  nopass \n";
    let users = Users::parse_file(text, "f.acl", CX()).expect("nothing is wrong with it");
    assert_eq!(
        users.iter().map(|user| user.name()).collect::<Vec<_>>(),
        [&b"ann"[..], b"bob", b"default"]
    );
    assert!(users.default_user().is_unrestricted(), "a file without one gets it");
    let wrong = b"user ann on\nuser ann off\nnobody\nuser bob +nope nonsense %\nuser eve (+get\n";
    let errors = Users::parse_file(wrong, "f.acl", CX()).expect_err("five things are wrong");
    assert_eq!(
        errors,
        "WARNING: Duplicate user 'ann' found on line 2. \
         f.acl:3 should start with user keyword followed by the username. \
         f.acl:4: Error in applying operation '+nope': Unknown command or category name in ACL. \
         f.acl:4: Syntax error. f.acl:5: Unmatched parenthesis in selector definition.\
         WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
    );
}

#[test]
fn a_declared_default_user_begins_anew() {
    let mut users = Users::new(table());
    users.set_default_password(b"secret", table());
    users.declare(&words("default on nopass ~* +@all"), CX()).expect("the rules are right");
    assert_eq!(
        users.default_user().describe(),
        b"on nopass sanitize-payload ~* resetchannels +@all"
    );
    let refused = users.declare(&words("eve on (+get"), CX()).expect_err("a parenthesis is open");
    assert_eq!(refused, "Error in user declaration '(+get': Unmatched parenthesis");
}

#[test]
fn who_keeps_its_channels_is_left_alone() {
    let (narrow, wide) = (user("&a &b*"), user("&a &b* &c"));
    assert!(keeps_channels(&narrow, &wide) && !keeps_channels(&wide, &narrow));
    assert!(keeps_channels(&wide, &user("(allchannels)")));
    assert!(!keeps_channels(&user("allchannels"), &wide));
    assert!(may_listen(&narrow, b"b1", false) && !may_listen(&narrow, b"b1", true));
    assert!(may_listen(&narrow, b"b*", true));
}

#[test]
fn all_channels_may_be_the_default() {
    let mut users = Users::new(table());
    let cx = Context { table: table(), all_channels: true };
    users.set(b"ann", &words("(+get)"), cx).expect("the rules are right");
    assert_eq!(users.lines()[0], b"user ann off sanitize-payload &* -@all (&* -@all +get)");
}
