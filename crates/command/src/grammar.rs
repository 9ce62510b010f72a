//! Random calls that a declaration's grammar allows.
//!
//! A parser in a handler and the grammar in its declaration say the same thing twice, by hand.
//! These calls hold them together: none may ever be answered with a syntax error. What a call
//! *means* is left to chance: keys come from a small pool, so types clash and commands meet data.
//!
//! # Invariants
//!
//! (1) A count (`numkeys`, `numfields`) is the number of arguments that follow it, and of those
//!     repeated right after them (weights).
//! (2) Repeated arguments side by side (XREAD's keys and ids) are repeated equally often.
//! (3) Options keep the order of the grammar; each comes at most once.

use crate::declare::{Arg, Command, Kind};
use crate::keys::is_count;

/// Where the choices of a call come from, and the words that the grammar leaves open.
pub trait Choices {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64;

    /// The word of an argument that is a key, a text, a number, a pattern or a moment.
    fn word(&mut self, arg: &Arg) -> Vec<u8>;

    /// How often a repeated argument comes.
    fn repeats(&mut self) -> u64 {
        1 + self.below(REPEATS_MAX)
    }

    /// Whether an optional argument or one of several choices may come at all.
    fn allows(&self, _arg: &Arg) -> bool {
        true
    }

    /// Whether an optional argument that may come does.
    fn includes(&mut self, _arg: &Arg) -> bool {
        self.below(2) == 0
    }
}

/// A call of the command, the name first (the container's before it, where `parent` is given).
pub fn random_call<H>(
    parent: Option<&str>,
    command: &Command<H>,
    rng: &mut impl FnMut() -> u64,
) -> Vec<Vec<u8>> {
    call(parent, command, &mut FromPool { rng })
}

/// [`random_call`] with the choices of somebody else.
pub fn call<H>(
    parent: Option<&str>,
    command: &Command<H>,
    choices: &mut impl Choices,
) -> Vec<Vec<u8>> {
    let names = parent.into_iter().chain([command.name]);
    let argv = names.map(|name| name.as_bytes().to_vec()).collect();
    let mut call = Call { argv, choices };
    call.sequence(command.args);
    call.argv
}

const KEYS: u64 = 6;
const REPEATS_MAX: u64 = 3;

struct Call<'r, C> {
    argv: Vec<Vec<u8>>,
    choices: &'r mut C,
}

impl<C: Choices> Call<'_, C> {
    fn push(&mut self, word: impl Into<Vec<u8>>) {
        self.argv.push(word.into());
    }

    fn includes(&mut self, arg: &Arg) -> bool {
        !arg.optional || (self.choices.allows(arg) && self.choices.includes(arg))
    }

    fn sequence(&mut self, args: &[Arg]) {
        // Repeated arguments side by side share one count.
        let mut repeats = None;
        let mut args = args.iter().peekable();
        while let Some(arg) = args.next() {
            if is_count(arg) {
                // A polygon's three first corners stand before the others.
                let mut ahead = args.clone();
                let mut first = 0;
                while ahead.next_if(|next| is_more_of(args.peek(), next)).is_some() {
                    first += 1;
                }
                if let Some(counted) = ahead.next_if(|next| next.multiple) {
                    args = ahead;
                    // ZUNION's weights are as many as its keys.
                    repeats = Some(self.counted(arg, counted, first).max(1));
                    continue;
                }
            }
            if arg.multiple {
                let shared = *repeats.get_or_insert_with(|| self.choices.repeats());
                if self.includes(arg) {
                    self.repeated(arg, shared);
                }
            } else {
                repeats = None;
                if self.includes(arg) {
                    self.once(arg, true);
                }
            }
        }
    }

    /// A count and so many of what it counts, at least as many as `first`.
    fn counted(&mut self, count: &Arg, arg: &Arg, first: u64) -> u64 {
        let repeats = first + self.choices.repeats() - u64::from(arg.optional);
        if let Some(token) = count.token {
            self.push(token);
        }
        self.push(repeats.to_string());
        if repeats > 0 {
            self.repeated(arg, repeats);
        }
        repeats
    }

    fn repeated(&mut self, arg: &Arg, repeats: u64) {
        for n in 0..repeats {
            self.once(arg, n == 0 || arg.multiple_token);
        }
    }

    fn once(&mut self, arg: &Arg, with_token: bool) {
        if let Some(token) = arg.token.filter(|_| with_token) {
            self.push(token);
        }
        match arg.kind {
            Kind::PureToken => (),
            Kind::Block(parts) => self.sequence(parts),
            Kind::OneOf(choices) => {
                let allowed: Vec<&Arg> =
                    choices.iter().filter(|choice| self.choices.allows(choice)).collect();
                let Some(most) = (allowed.len() as u64).checked_sub(1) else { return };
                let mut chosen = *allowed[self.choices.below(most + 1) as usize];
                // Choosing it is what makes an optional choice be there.
                chosen.optional = false;
                self.sequence(&[chosen]);
            }
            _ => {
                let word = self.choices.word(arg);
                self.push(word);
            }
        }
    }
}

/// Whether the argument is one of several by the same name, and not the last.
fn is_more_of(first: Option<&&Arg>, next: &Arg) -> bool {
    !next.multiple && first.is_some_and(|first| first.name == next.name)
}

/// Keys and words from a small pool.
struct FromPool<'r, R> {
    rng: &'r mut R,
}

impl<R: FnMut() -> u64> Choices for FromPool<'_, R> {
    fn below(&mut self, bound: u64) -> u64 {
        (self.rng)() % bound
    }

    fn word(&mut self, arg: &Arg) -> Vec<u8> {
        let word = match arg.kind {
            Kind::Key(_) => format!("key:{}", self.below(KEYS)),
            Kind::Integer => {
                let bound = if arg.name == "bit" { 1 } else { 9 };
                (1 + self.below(bound)).to_string()
            }
            Kind::Double => {
                let n = self.below(40);
                format!("{}.{}", n / 4, (n % 4) * 25)
            }
            Kind::Pattern => {
                ["*", "key:*", "?", "[a-c]*", "m[^0]"][self.below(5) as usize].to_owned()
            }
            Kind::UnixTime => {
                let moment_s = 4_000_000_000 + self.below(1000);
                let in_ms = arg.name.contains("milliseconds");
                (if in_ms { moment_s * 1000 } else { moment_s }).to_string()
            }
            Kind::Text => return self.text(arg.name),
            Kind::PureToken | Kind::OneOf(_) | Kind::Block(_) => {
                unreachable!("the grammar says all of it")
            }
        };
        word.into_bytes()
    }
}

impl<R: FnMut() -> u64> FromPool<'_, R> {
    /// A text whose name says that not every text will do gets one that does.
    fn text(&mut self, name: &str) -> Vec<u8> {
        let n = self.below(5);
        let word = match name {
            "min" => "-".to_owned(),
            "max" => "+".to_owned(),
            "start" | "stop" | "end" | "threshold" | "cursor" | "min-idle-time" => n.to_string(),
            _ if name.ends_with("id") => format!("{n}-1"),
            "encoding" => ["u8", "i16", "u4", "i64", "u1"][n as usize].to_owned(),
            _ => format!("{}{n}", name.chars().next().unwrap_or('x')),
        };
        word.into_bytes()
    }
}
