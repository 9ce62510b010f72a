//! COMMAND, against what Redis 8.0.6 answers.

use testkit::transcript::check;

#[test]
fn info_is_told_in_the_order_of_the_names() {
    check(
        r#"
        > COMMAND INFO nope echo
        1) (nil)
        2)  1) "echo"
        2) (integer) 2
        3) 1) loading
        2) stale
        3) fast
        4) (integer) 0
        5) (integer) 0
        6) (integer) 0
        7) 1) @fast
        2) @connection
        8) (empty array)
        9) (empty array)
        10) (empty array)
        "#,
    );
}

#[test]
fn keys_of_a_call_are_told_with_what_is_done_to_them() {
    check(
        r#"
        > COMMAND GETKEYS SET a 1
        1) "a"
        > COMMAND GETKEYSANDFLAGS MSET a 1 b 2
        1) 1) "a"
        2) 1) OW
        2) update
        2) 1) "b"
        2) 1) OW
        2) update
        > COMMAND GETKEYS GET
        (error) ERR Invalid number of arguments specified for command
        > COMMAND GETKEYS
        (error) ERR wrong number of arguments for 'command|getkeys' command
        "#,
    );
}

#[test]
fn list_filters_commands_and_subcommands_alike() {
    check(
        r#"
        > COMMAND LIST FILTERBY PATTERN GET
        1) "get"
        > COMMAND LIST FILTERBY pattern cl*help
        1) "cluster|help"
        2) "client|help"
        > COMMAND LIST FILTERBY ACLCAT non_existing_category
        (empty array)
        > COMMAND LIST FILTERBY PATTERN
        (error) ERR syntax error
        > COMMAND LIST x
        (error) ERR syntax error
        "#,
    );
}

#[test]
fn command_alone_tells_of_all_commands() {
    let mut server = testkit::TestServer::new(1);
    let mut ann = server.connect();
    let count = server.engine.table.commands().count();
    for call in ["COMMAND", "COMMAND INFO"] {
        let resp::Value::Array(all) = server.reply(&mut ann, call) else { panic!("no array") };
        assert_eq!(all.len(), count, "{call}");
    }
    let resp::Value::Array(docs) = server.reply(&mut ann, "COMMAND DOCS") else {
        panic!("no array")
    };
    assert_eq!(docs.len(), 2 * count);
}
