//! Walks the journal and has the oracle say what each call should have been told.

use std::collections::{HashMap, HashSet, VecDeque};

use engine::Engine;
use resp::Value;

use super::player::{Call, Got, Player, decoded, encoded};
use crate::server::{Session, TestServer};

/// Elements in flight: which, from where, and where to.
type Flight = (String, String, Option<String>);

pub(super) struct Judge {
    oracle: TestServer,
    session: Session,
    seed: u64,
    /// By player and number.
    calls: HashMap<(usize, u64), Call>,
    got: HashMap<Flight, VecDeque<Got>>,
    /// Those of the round that happened more than once.
    ambiguous: HashSet<Flight>,
    /// Those that got something, in the journal's order.
    served: Vec<Got>,
    /// The latest beginning of all calls so far.
    latest_began: u64,
    /// For each subscriber, the last number it heard from each publisher.
    heard: Vec<Vec<u64>>,
    pub(super) judged: u64,
    pub(super) waited: u64,
    pub(super) messages: u64,
}

impl Judge {
    pub(super) fn new(workers: usize, seed: u64) -> Judge {
        let mut oracle = TestServer::new(1);
        let session = oracle.connect();
        Judge {
            oracle,
            session,
            seed,
            calls: HashMap::new(),
            got: HashMap::new(),
            ambiguous: HashSet::new(),
            served: Vec::new(),
            latest_began: 0,
            heard: vec![vec![0; workers]; workers],
            judged: 0,
            waited: 0,
            messages: 0,
        }
    }

    pub(super) fn oracle(&self) -> &Engine {
        &self.oracle.engine
    }

    /// Takes what a player saw in this round.
    pub(super) fn hear(&mut self, player: &mut Player<'_>) {
        for (number, call) in player.made.drain(..) {
            self.calls.insert((player.index, number), call);
        }
        for got in player.got.drain(..) {
            let flight = (got.element.clone(), got.list.clone(), got.target.clone());
            let alike = self.got.entry(flight.clone()).or_default();
            alike.push_back(got);
            if alike.len() > 1 {
                self.ambiguous.insert(flight);
            }
        }
        for message in decoded(&std::mem::take(&mut player.heard)) {
            self.message(player.index, &message);
        }
    }

    /// Messages of a publisher are numbered from 1 on.
    fn message(&mut self, subscriber: usize, message: &Value) {
        let Value::Array(words) = message else { panic!("a message is an array: {message:?}") };
        let [Value::Bulk(kind), _, Value::Bulk(body)] = &words[..] else {
            return assert!(matches!(words.last(), Some(Value::Integer(1))), "{words:?}");
        };
        assert_eq!(kind, b"message");
        let (publisher, number) = numbers(&body.escape_ascii().to_string());
        let last = &mut self.heard[subscriber][publisher];
        let (seed, before) = (self.seed, *last);
        assert_eq!(
            number,
            before + 1,
            "seed {seed}: subscriber {subscriber} heard {number} of {publisher} after {before}"
        );
        *last = number;
        self.messages += 1;
    }

    /// Judges the round's journal, whose lines have their database in front.
    pub(super) fn walk(&mut self, journal: &[String]) {
        let mut unit: Option<Vec<&str>> = None;
        for line in journal {
            let (_, command) = line.split_once("> ").expect("a database is in front");
            match command.split(' ').next() {
                Some("SELECT" | "PUBLISH") => {}
                Some("MULTI") => unit = Some(Vec::new()),
                Some("EXEC") => self.unit(&unit.take().expect("EXEC ends a MULTI")),
                _ => match &mut unit {
                    Some(commands) => commands.push(command),
                    None => self.unit(&[command]),
                },
            }
        }
        self.order_of_service();
    }

    /// What entered the journal in one piece: a call or none, and then what served others.
    fn unit(&mut self, commands: &[&str]) {
        let mut rest = commands;
        if let Some((player, number)) = mark_of(commands[0]) {
            let call = self.calls.remove(&(player, number));
            let seed = self.seed;
            let call = call.unwrap_or_else(|| panic!("seed {seed}: nobody made {commands:?}"));
            let done = format!("SET done:{player} ");
            let end = commands.iter().position(|command| command.starts_with(&done)).unwrap_or(0);
            rest = &commands[end + 1..];
            self.judge(&call);
        }
        rest.iter().for_each(|command| self.pop(command));
    }

    fn judge(&mut self, call: &Call) {
        self.in_time(call.began, call.ended, call.player, &call.steps[0].lines);
        for step in &call.steps {
            let replies = self.oracle.feed(&mut self.session, &encoded(&step.lines));
            let replies = decoded(&replies);
            assert!(
                replies == step.replies,
                "seed {}: player {} said {:?}\n was told {:?}\n one worker says {replies:?}",
                self.seed,
                call.player,
                step.lines,
                step.replies
            );
        }
        self.judged += 1;
    }

    /// A pop or move that no mark stands before: some client got the element.
    fn pop(&mut self, command: &str) {
        let replies = self.oracle.feed(&mut self.session, &encoded(&[command.to_owned()]));
        let seed = self.seed;
        let element = match &decoded(&replies)[..] {
            [Value::Bulk(element)] => element.escape_ascii().to_string(),
            other => {
                panic!("seed {seed}: {command} in the journal, where one worker says {other:?}")
            }
        };
        let words: Vec<&str> = command.split(' ').collect();
        let target = match words[0] {
            "LPOP" | "RPOP" => None,
            "LMOVE" | "RPOPLPUSH" => Some(words[2].to_owned()),
            _ => panic!("seed {seed}: nobody made {command}"),
        };
        let flight = (element, words[1].to_owned(), target);
        let alike = self.got.get_mut(&flight);
        let got = alike.and_then(VecDeque::pop_front);
        let got = got.unwrap_or_else(|| panic!("seed {seed}: {flight:?} reached nobody"));
        self.judged += 1;
        self.waited += u64::from(got.waits_since.is_some());
        // Of several moves alike nobody can tell whose was first.
        if !self.ambiguous.contains(&flight) {
            self.in_time(got.began, got.ended, got.player, std::slice::from_ref(&got.line));
            self.served.push(got);
        }
    }

    fn in_time(&mut self, began: u64, ended: u64, player: usize, lines: &[String]) {
        let latest = self.latest_began;
        assert!(
            ended > latest,
            "seed {}: {lines:?} of player {player} ended at {ended}, before one in front of it \
             began, at {latest}",
            self.seed
        );
        self.latest_began = latest.max(began);
    }

    /// Nobody was served before who had waited longer for the same list.
    fn order_of_service(&self) {
        for (at, got) in self.served.iter().enumerate() {
            let waited_longer = |other: &&Got| {
                other.waits_since.is_some_and(|since| since < got.began)
                    && sources(&other.line).any(|list| list == got.list)
            };
            if let Some(other) = self.served[at + 1..].iter().find(waited_longer) {
                panic!(
                    "seed {}: {} of player {} got {} from {} before {} of player {}, who had waited",
                    self.seed,
                    got.line,
                    got.player,
                    got.element,
                    got.list,
                    other.line,
                    other.player
                );
            }
        }
    }

    /// After the walk: all calls were found, and who waits still was passed by nobody.
    pub(super) fn nothing_is_left(&mut self, players: &[Player<'_>]) {
        let seed = self.seed;
        if let Some(call) = self.calls.values().next() {
            panic!("seed {seed}: not in the journal: {:?}", call.steps.last().map(|s| &s.lines));
        }
        if let Some(got) = self.got.values().flatten().next() {
            panic!(
                "seed {seed}: {} got {}, which did not leave {}",
                got.line, got.element, got.list
            );
        }
        for (line, since) in players.iter().flat_map(Player::waits) {
            let passed = |got: &&Got| since < got.began && sources(line).any(|l| l == got.list);
            if let Some(got) = self.served.iter().find(passed) {
                panic!("seed {seed}: {} got {} while {line} waited", got.line, got.element);
            }
        }
        for (subscriber, heard) in self.heard.iter().enumerate() {
            for (player, last) in players.iter().zip(heard) {
                let (sent, from) = (player.sent, player.index);
                assert_eq!(*last, sent, "seed {seed}: {subscriber} did not hear all of {from}");
            }
        }
        self.served.clear();
        self.ambiguous.clear();
        self.got.clear();
    }
}

/// The lists that a waiting command takes from.
fn sources(line: &str) -> impl Iterator<Item = &str> {
    let lists = if line.starts_with("BLMOVE") { 1 } else { usize::MAX };
    line.split(' ').skip(1).take_while(|word| word.starts_with("q:")).take(lists)
}

/// Whose call left this command, if it is a mark.
fn mark_of(command: &str) -> Option<(usize, u64)> {
    let words: Vec<&str> = command.split(' ').collect();
    match words[..] {
        ["SET" | "MSET", key, mark, ..] if key.starts_with("mark:") => Some(numbers(mark)),
        ["RPUSH", _, element] => element.strip_prefix("m:").map(numbers),
        _ => None,
    }
}

/// `3:17`.
fn numbers(text: &str) -> (usize, u64) {
    let parse = || {
        let (left, right) = text.split_once(':')?;
        Some((left.parse().ok()?, right.parse().ok()?))
    };
    parse().unwrap_or_else(|| panic!("{text} is no mark"))
}

/// What the judge must not let pass.
#[cfg(test)]
mod tests {
    use super::super::player::Step;
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    /// A judge who has heard of `RPUSH q:0 m:0:1`, which was told this length, then of `m:0:2`.
    fn judge(length_told: i64) -> Judge {
        let mut judge = Judge::new(2, 7);
        for (number, length, began) in [(1, length_told, 10), (2, 2, 20)] {
            let said = lines(&[&format!("RPUSH q:0 m:0:{number}")]);
            let step = Step { lines: said, replies: vec![Value::Integer(length)] };
            let call = Call { player: 0, steps: vec![step], began, ended: began + 5 };
            judge.calls.insert((0, number), call);
        }
        judge
    }

    const PUSHES: [&str; 2] = ["0> RPUSH q:0 m:0:1", "0> RPUSH q:0 m:0:2"];

    fn got(player: usize, element: &str, began: u64, waits_since: Option<u64>) -> Got {
        Got {
            player,
            line: "BLPOP q:0 0".to_owned(),
            list: "q:0".to_owned(),
            element: element.to_owned(),
            target: None,
            began,
            waits_since,
            ended: 60,
        }
    }

    fn receive(judge: &mut Judge, got: Got) {
        judge.got.entry((got.element.clone(), got.list.clone(), None)).or_default().push_back(got);
    }

    #[test]
    fn a_good_history_passes() {
        let mut judge = judge(1);
        receive(&mut judge, got(0, "m:0:1", 30, Some(31)));
        receive(&mut judge, got(1, "m:0:2", 40, Some(41)));
        judge.walk(&lines(&[PUSHES[0], PUSHES[1], "0> LPOP q:0", "0> LPOP q:0"]));
        judge.nothing_is_left(&[]);
        assert_eq!((judge.judged, judge.waited), (4, 2));
    }

    #[test]
    #[should_panic(expected = "one worker says")]
    fn a_reply_that_one_worker_would_not_give() {
        judge(9).walk(&lines(&PUSHES));
    }

    #[test]
    #[should_panic(expected = "before one in front of it")]
    fn a_call_behind_one_that_began_after_it_had_ended() {
        let mut judge = judge(1);
        let early =
            Call { began: 1, ended: 2, ..judge.calls.remove(&(0, 2)).expect("it is there") };
        judge.calls.insert((0, 2), early);
        judge.walk(&lines(&PUSHES));
    }

    #[test]
    #[should_panic(expected = "not in the journal")]
    fn a_call_that_is_not_in_the_journal() {
        let mut judge = judge(1);
        judge.walk(&lines(&PUSHES[..1]));
        judge.nothing_is_left(&[]);
    }

    #[test]
    #[should_panic(expected = "reached nobody")]
    fn an_element_that_is_lost() {
        judge(1).walk(&lines(&[PUSHES[0], PUSHES[1], "0> LPOP q:0"]));
    }

    #[test]
    #[should_panic(expected = "did not leave")]
    fn an_element_that_comes_twice() {
        let mut judge = judge(1);
        receive(&mut judge, got(0, "m:0:1", 30, None));
        receive(&mut judge, got(1, "m:0:1", 31, None));
        judge.walk(&lines(&[PUSHES[0], PUSHES[1], "0> LPOP q:0"]));
        judge.nothing_is_left(&[]);
    }

    #[test]
    #[should_panic(expected = "who had waited")]
    fn a_client_that_overtakes_one_that_waited() {
        let mut judge = judge(1);
        receive(&mut judge, got(0, "m:0:1", 50, Some(51)));
        receive(&mut judge, got(1, "m:0:2", 30, Some(31)));
        judge.walk(&lines(&[PUSHES[0], PUSHES[1], "0> LPOP q:0", "0> LPOP q:0"]));
    }

    #[test]
    #[should_panic(expected = "heard 3 of 1 after 1")]
    fn a_message_that_is_lost() {
        let mut judge = judge(1);
        for number in [1, 3] {
            let word = |text: &str| Value::Bulk(text.as_bytes().to_vec());
            let message = [word("message"), word("news"), word(&format!("1:{number}"))];
            judge.message(0, &Value::Array(message.to_vec()));
        }
    }
}
