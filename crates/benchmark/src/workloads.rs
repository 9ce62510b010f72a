//! The tests that run when no command is given, in redis-benchmark's order and under its names.

use base::random::Random;

use crate::options::Options;
use crate::template::Template;

/// One of them, or the command of the user.
#[derive(Clone, Debug)]
pub struct Test {
    pub title: String,
    pub request: Template,
}

/// What `-t` may name, the title, and the words; `DATA` stands for a value, `SCORE` for a score.
type Row = (&'static [&'static str], &'static str, &'static [&'static str]);

const KEY: &str = "key:__rand_int__";
const ELEMENT: &str = "element:__rand_int__";
const DATA: &str = "\0data";
const SCORE: &str = "\0score";

const ROWS: &[Row] = &[
    (&["ping_mbulk", "ping"], "PING_MBULK", &["PING"]),
    (&["set"], "SET", &["SET", KEY, DATA]),
    (&["get"], "GET", &["GET", KEY]),
    (&["incr"], "INCR", &["INCR", "counter:__rand_int__"]),
    (&["lpush"], "LPUSH", &["LPUSH", "mylist", DATA]),
    (&["rpush"], "RPUSH", &["RPUSH", "mylist", DATA]),
    (&["lpop"], "LPOP", &["LPOP", "mylist"]),
    (&["rpop"], "RPOP", &["RPOP", "mylist"]),
    (&["sadd"], "SADD", &["SADD", "myset", ELEMENT]),
    (&["hset"], "HSET", &["HSET", "myhash", ELEMENT, DATA]),
    (&["spop"], "SPOP", &["SPOP", "myset"]),
    (&["zadd"], "ZADD", &["ZADD", "myzset", SCORE, ELEMENT]),
    (&["zpopmin"], "ZPOPMIN", &["ZPOPMIN", "myzset"]),
    (
        &["lrange", "lrange_100", "lrange_300", "lrange_500", "lrange_600"],
        "LPUSH (needed to benchmark LRANGE)",
        &["LPUSH", "mylist", DATA],
    ),
    (
        &["lrange", "lrange_100"],
        "LRANGE_100 (first 100 elements)",
        &["LRANGE", "mylist", "0", "99"],
    ),
    (
        &["lrange", "lrange_300"],
        "LRANGE_300 (first 300 elements)",
        &["LRANGE", "mylist", "0", "299"],
    ),
    (
        &["lrange", "lrange_500"],
        "LRANGE_500 (first 500 elements)",
        &["LRANGE", "mylist", "0", "499"],
    ),
    (
        &["lrange", "lrange_600"],
        "LRANGE_600 (first 600 elements)",
        &["LRANGE", "mylist", "0", "599"],
    ),
    (
        &["mset"],
        "MSET (10 keys)",
        &[
            "MSET", KEY, DATA, KEY, DATA, KEY, DATA, KEY, DATA, KEY, DATA, KEY, DATA, KEY, DATA,
            KEY, DATA, KEY, DATA, KEY, DATA,
        ],
    ),
    (&["xadd"], "XADD", &["XADD", "mystream", "*", "myfield", DATA]),
];

/// What is to be run: the user's command, or those of the tests that are selected.
pub fn choose(options: &Options) -> Vec<Test> {
    let has_places = options.keyspace.is_some();
    if !options.command.is_empty() {
        let words = options.command.iter().map(|word| String::from_utf8_lossy(word));
        let title = words.collect::<Vec<_>>().join(" ");
        return vec![Test { title, request: Template::of_words(&options.command, has_places) }];
    }
    let is_selected = |names: &[&str]| {
        options.tests.is_empty() || names.iter().any(|name| options.tests.iter().any(|t| t == name))
    };
    let mut tests = Vec::new();
    if is_selected(&["ping_inline", "ping"]) {
        let request = Template::of_bytes(b"PING\r\n".to_vec(), false);
        tests.push(Test { title: "PING_INLINE".to_owned(), request });
    }
    let data = value(options.data_len);
    for (_, title, words) in ROWS.iter().filter(|(names, ..)| is_selected(names)) {
        let word = |word: &&'static str| match *word {
            DATA => &data[..],
            SCORE if has_places => "__rand_int__",
            SCORE => "0",
            word => word,
        };
        let words: Vec<&str> = words.iter().map(word).collect();
        let request = Template::of_words(&words, has_places);
        tests.push(Test { title: (*title).to_owned(), request });
    }
    tests
}

/// Letters that do not repeat themselves, so that nothing compresses them.
fn value(len: usize) -> String {
    let mut random = Random::from_seed(1234);
    (0..len).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(tests: &[&str], command: &[&str]) -> Vec<String> {
        let options = Options {
            tests: tests.iter().map(|name| (*name).to_owned()).collect(),
            command: command.iter().map(|word| word.as_bytes().to_vec()).collect(),
            ..Options::default()
        };
        choose(&options).into_iter().map(|test| test.title).collect()
    }

    #[test]
    fn a_name_selects_its_test_and_what_that_needs() {
        assert_eq!(titles(&["get", "set"], &[]), ["SET", "GET"]);
        assert_eq!(titles(&["ping"], &[]), ["PING_INLINE", "PING_MBULK"]);
        let ranges = titles(&["lrange_300"], &[]);
        assert_eq!(
            ranges,
            ["LPUSH (needed to benchmark LRANGE)", "LRANGE_300 (first 300 elements)"]
        );
        assert_eq!(titles(&[], &[]).len(), 21);
        assert_eq!(titles(&["nonsense"], &[]).len(), 0);
    }

    #[test]
    fn a_command_goes_before_all_tests() {
        assert_eq!(titles(&["get"], &["incr", "n"]), ["incr n"]);
    }
}
