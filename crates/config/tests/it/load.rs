//! redis.conf, includes, arguments.

use config::{Collected, CommandLine, Config, Load, LoadError, id};

use crate::{Memory, config, get};

/// Loads the text `conf` as `a.conf`, beside other files.
fn load(conf: &str, others: &[(&str, &str)]) -> Result<Config, LoadError> {
    let mut files = Memory::of(others);
    files.0.insert("a.conf".to_owned(), conf.as_bytes().to_vec());
    run(&files, &["a.conf"], "")
}

fn run(files: &Memory, args: &[&str], stdin: &str) -> Result<Config, LoadError> {
    let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    let mut config = config();
    Load::new(files, false).run(&mut config, &CommandLine::parse(&args), stdin.as_bytes())?;
    Ok(config)
}

fn report(conf: &str) -> String {
    load(conf, &[]).expect_err(conf).report("Redis 7.0.15")
}

#[test]
fn a_whole_file_is_read() {
    let others = [("conf.d/1.conf", "hz 20\n"), ("conf.d/2.conf", "hz 30\ntimeout 5")];
    let config = load(include_str!("../../testdata/sample.conf"), &others).expect("it is right");
    for (name, text) in [
        ("port", "7000"),
        ("bind", "127.0.0.1 -::1"),
        ("save", "900 1 300 10 60 10000"),
        ("replica-priority", "7"),
        ("maxmemory", "104857600"),
        (
            "client-output-buffer-limit",
            "normal 0 0 0 slave 1073741824 536870912 30 pubsub 1048576 1048576 5",
        ),
        ("requirepass", "a bA"),
        ("appendonly", "yes"),
        ("unixsocketperm", "700"),
        ("loglevel", "verbose"),
        ("hz", "30"),
        ("timeout", "5"),
        ("latency-tracking-info-percentiles", "50 99.5"),
        ("shutdown-on-sigterm", "save now"),
    ] {
        assert_eq!(get(&config, name), text, "{name}");
    }
    let directives: Vec<&str> = config.collected.iter().map(|line| line.directive).collect();
    assert_eq!(directives, ["user", "rename-command"]);
    let Collected { args, line, .. } = &config.collected[1];
    assert_eq!((args, *line), (&vec![b"FLUSHALL".to_vec(), Vec::new()], 18));
}

#[test]
fn save_lines_add_up_and_an_empty_one_clears() {
    let save = |conf: &str| get(&load(conf, &[]).expect(conf), "save");
    assert_eq!(save("port 1"), "3600 1 300 100 60 10000");
    assert_eq!(save("save 900 1\nsave 300 10"), "900 1 300 10");
    assert_eq!(save("save \"900 1 300 10\""), "900 1 300 10");
    assert_eq!(save("save 900 1\nsave \"\""), "");
    assert_eq!(save("save \"\"\nsave 5 5"), "5 5");
}

#[test]
fn arguments_win_over_stdin_and_stdin_over_the_file() {
    let files = Memory::of(&[("a.conf", "hz 1\ntimeout 1\nport 1\n")]);
    let args = ["a.conf", "--port", "3", "-"];
    let config = run(&files, &args, "timeout 2\nport 2\n").expect("all right");
    assert_eq!((config.int(id::HZ), config.int(id::TIMEOUT), config.int(id::PORT)), (1, 2, 3));
}

#[test]
fn arguments_read_as_lines_of_the_file() {
    let config = run(&Memory::default(), &["--save", "--bind", "a", "b", "--port 7"], "");
    let config = config.expect("all right");
    assert_eq!((get(&config, "save"), get(&config, "bind")), (String::new(), "a b".to_owned()));
    assert_eq!(config.int(id::PORT), 7);
}

#[test]
fn errors_begin_with_rediss_words_and_say_what_is_allowed() {
    let head = "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, ";
    for (conf, rest) in [
        (
            "# a\n\nmaxmemroy 5",
            "at line 3\n>>> 'maxmemroy 5'\nBad directive or wrong number of arguments\n\
             In a.conf. Did you mean 'maxmemory'?\n",
        ),
        (
            "  qqqqqqqq bar  ",
            "at line 1\n>>> 'qqqqqqqq bar'\nBad directive or wrong number of arguments\nIn a.conf.\n",
        ),
        (
            "port abc",
            "at line 1\n>>> 'port abc'\nargument couldn't be parsed into an integer\n\
             In a.conf. Allowed for port: an integer from 0 to 65535.\n",
        ),
        (
            "port 1 2",
            "at line 1\n>>> 'port 1 2'\nwrong number of arguments\n\
             In a.conf. Allowed for port: an integer from 0 to 65535.\n",
        ),
        (
            "port \"1",
            "at line 1\n>>> 'port \"1'\nUnbalanced quotes in configuration line\nIn a.conf.\n",
        ),
        (
            "unixsocketperm 1000",
            "at line 1\n>>> 'unixsocketperm 1000'\nargument must be between 0 and 777 inclusive\n\
             In a.conf. Allowed for unixsocketperm: an octal number up to 777.\n",
        ),
        (
            "replicaof 1.1.1.1 99999999",
            "at line 1\n>>> 'replicaof 1.1.1.1 99999999'\nInvalid master port\n\
             In a.conf. Allowed for replicaof: a host and a port, or 'no one'.\n",
        ),
        (
            "include",
            "at line 1\n>>> 'include'\nBad directive or wrong number of arguments\n\
             In a.conf. It is written: include /path/to/other.conf\n",
        ),
        (
            "sentinel monitor a 1 2 3",
            "at line 1\n>>> 'sentinel monitor a 1 2 3'\n\
             sentinel directive while not in sentinel mode\nIn a.conf.\n",
        ),
    ] {
        assert_eq!(report(conf), format!("{head}{rest}"));
    }
}

#[test]
fn lines_of_arguments_count_on_where_the_file_ended() {
    let error = run(&Memory::default(), &["--port", "1", "--loglevel=debug"], "");
    let LoadError::Line { place, line, text, .. } = error.expect_err("not an option") else {
        panic!("a line is wrong")
    };
    assert_eq!((place.as_str(), line, text.as_str()), ("the arguments", 3, "loglevel=debug"));
}

#[test]
fn a_missing_file_is_an_error_and_an_empty_pattern_is_not() {
    let error = load("include nofile.conf", &[]).expect_err("it is not there");
    let text = "Fatal error, can't open config file 'nofile.conf': No such file or directory";
    assert_eq!(error.to_string(), text);
    assert!(load("include conf.d/*.conf", &[]).is_ok());
}

#[test]
fn an_error_in_an_included_file_names_that_file() {
    let error = load("hz 5\ninclude b.conf", &[("b.conf", "\nport x")]).expect_err("wrong");
    assert!(matches!(error, LoadError::Line { place, line: 2, .. } if place == "b.conf"));
}

#[test]
fn a_file_that_includes_itself_ends_in_an_error() {
    let text = load("include a.conf", &[]).expect_err("endless").to_string();
    assert!(text.contains("Too many files that include each other"), "{text}");
}

#[test]
fn a_cluster_node_follows_no_replicaof_and_has_one_database() {
    let error = load("cluster-enabled yes\nreplicaof 1.1.1.1 1", &[]).expect_err("not both");
    let text = "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n\
                replicaof directive not allowed in cluster mode\n";
    assert_eq!(error.report("Redis 7.0.15"), text);
    let config = load("cluster-enabled yes\ndatabases 4", &[]).expect("a warning only");
    assert_eq!(config.int(id::DATABASES), 1);
}

#[test]
fn sentinel_lines_are_kept_for_sentinel() {
    let files = Memory::of(&[("a.conf", "sentinel monitor p 10.0.0.1 6379 2\nport 26379")]);
    let args = CommandLine::parse(&[b"a.conf".to_vec()]);
    let mut config = config();
    Load::new(&files, true).run(&mut config, &args, b"").expect("it is Sentinel's file");
    assert_eq!(config.collected[0].args[0], b"monitor");
}

#[test]
fn no_text_panics() {
    let pieces =
        ["save", "bind", "\"", "\\x", " ", "\n", "\0", "é", "user", "include", "x", "'", "#"];
    let mut seed = 7u64;
    for _ in 0..2000 {
        let mut text = String::new();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            text += pieces[(seed >> 33) as usize % pieces.len()];
        }
        if let Err(error) = load(&text, &[]) {
            error.report("Redis");
        }
        config().rewrite(text.as_bytes(), &[], config::Scope::Changed);
    }
}
