//! All users by name.
//!
//! A change makes a new [`User`] and puts it in the place of the old one, which lives on in the
//! clients that hold it until they are handed the new one.
//!
//! # ACL files
//!
//! A line for each user, in the form that [`Users::lines`] writes and redis.conf takes too:
//!
//! ```text
//!   user alice on #2bb80d537b1d… ~cache:* resetchannels -@all +get (~* resetchannels -@all +ping)
//! ```
//!
//! Words are apart by one blank; there are no quotes and no comments. An error anywhere refuses the
//! whole file.

use std::collections::BTreeMap;
use std::sync::Arc;

use command::table::CommandTable;

use crate::{Context, RuleError, User, has_spaces};

/// The user that every connection begins as.
pub const DEFAULT_USER: &[u8] = b"default";

#[derive(Clone, Debug)]
pub struct Users(BTreeMap<Box<[u8]>, Arc<User>>);

impl Users {
    /// The default user, who may do anything.
    pub fn new<H>(table: &CommandTable<H>) -> Users {
        let mut users = Users(BTreeMap::new());
        users.add_default(Context { table, all_channels: false });
        users
    }

    fn add_default<H>(&mut self, cx: Context<'_, H>) {
        let mut user = User::new(DEFAULT_USER, cx);
        for rule in ["+@all", "~*", "&*", "on", "nopass"] {
            user.apply(rule.as_bytes(), cx).expect("rules of our own are right");
        }
        self.insert(user, cx.table);
    }

    fn insert<H>(&mut self, mut user: User, table: &CommandTable<H>) {
        user.finish(table);
        self.0.insert(user.name().into(), Arc::new(user));
    }

    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.0.get(name)
    }

    pub fn default_user(&self) -> &Arc<User> {
        self.get(DEFAULT_USER).expect("the default user cannot be removed")
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.0.values()
    }

    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<User>> {
        assert!(name != DEFAULT_USER, "the default user cannot be removed");
        self.0.remove(name)
    }

    /// ACL SETUSER: changes a user by rules, or creates it.
    ///
    /// # Errors
    /// Redis's text, without a code; then nothing has changed.
    pub fn set<H>(
        &mut self,
        name: &[u8],
        rules: &[&[u8]],
        cx: Context<'_, H>,
    ) -> Result<(), String> {
        if has_spaces(name) {
            return Err("Usernames can't contain spaces or null characters".to_owned());
        }
        let rules = merge(rules).map_err(|at| {
            let begin = String::from_utf8_lossy(rules[at]);
            format!("Unmatched parenthesis in acl selector starting at '{begin}'.")
        })?;
        let mut user = match self.get(name) {
            Some(known) => User::clone(known),
            None => User::new(name, cx),
        };
        for rule in &rules {
            user.apply(rule, cx).map_err(|error| {
                let rule = String::from_utf8_lossy(rule);
                format!("Error in ACL SETUSER modifier '{rule}': {}", error.text())
            })?;
        }
        self.insert(user, cx.table);
        Ok(())
    }

    /// `requirepass`: the default user's only password, or none.
    pub fn set_default_password<H>(&mut self, password: &[u8], table: &CommandTable<H>) {
        let cx = Context { table, all_channels: false };
        let mut user = User::clone(self.default_user());
        let login = [b">", password].concat();
        let rules: [&[u8]; 2] =
            [b"resetpass", if password.is_empty() { b"nopass" } else { &login }];
        for rule in rules {
            user.apply(rule, cx).expect("any text is a password");
        }
        self.insert(user, table);
    }

    /// A `user` line of the configuration file: the words behind `user`. The default user begins
    /// anew; another may not be declared before, which is the caller's to see to.
    ///
    /// # Errors
    /// Which word is wrong and why.
    pub fn declare<H>(&mut self, words: &[&[u8]], cx: Context<'_, H>) -> Result<(), String> {
        let (name, rules) = words.split_first().ok_or("a user needs a name")?;
        let wrong = |word: &[u8], why: &str| {
            format!("Error in user declaration '{}': {why}", String::from_utf8_lossy(word))
        };
        if has_spaces(name) {
            return Err(wrong(name, "Spaces not allowed in ACL usernames"));
        }
        let merged = merge(rules).map_err(|at| wrong(rules[at], "Unmatched parenthesis"))?;
        let mut user = User::new(name, cx);
        for rule in &merged {
            user.apply(rule, cx).map_err(|error| wrong(rule, error.text()))?;
        }
        self.insert(user, cx.table);
        Ok(())
    }

    /// The users of an ACL file; `path` is for the errors.
    ///
    /// # Errors
    /// One line that tells of all that is wrong.
    pub fn parse_file<H>(text: &[u8], path: &str, cx: Context<'_, H>) -> Result<Users, String> {
        let mut file = File { users: Users(BTreeMap::new()), errors: String::new(), path };
        for (n, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = trim(line, b" \t\r\n");
            if !line.is_empty() {
                file.read_line(n + 1, line, cx);
            }
        }
        if !file.errors.is_empty() {
            file.errors.push_str(
                "WARNING: ACL errors detected, no change to the previously active ACL rules was \
                 performed",
            );
            return Err(file.errors);
        }
        if file.users.get(DEFAULT_USER).is_none() {
            file.users.add_default(cx);
        }
        Ok(file.users)
    }

    /// A line for each user, as ACL LIST, ACL files and redis.conf have it.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        self.iter().map(|user| [b"user ", user.name(), b" ", &user.describe()].concat()).collect()
    }
}

/// An ACL file that is being read.
struct File<'p> {
    users: Users,
    errors: String,
    path: &'p str,
}

impl File<'_> {
    fn read_line<H>(&mut self, n: usize, line: &[u8], cx: Context<'_, H>) {
        let path = self.path;
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let [b"user", name, rules @ ..] = &words[..] else {
            return self.complain(format_args!(
                "{path}:{n} should start with user keyword followed by the username. "
            ));
        };
        let shown = String::from_utf8_lossy(name);
        if has_spaces(name) {
            return self.complain(format_args!(
                "'{path}:{n}: username '{shown}' contains invalid characters. "
            ));
        }
        if self.users.get(name).is_some() {
            return self
                .complain(format_args!("WARNING: Duplicate user '{shown}' found on line {n}. "));
        }
        let mut user = User::new(name, cx);
        match merge(rules) {
            Ok(rules) => self.apply(&mut user, n, &rules, cx),
            Err(_) => self.complain(format_args!(
                "{path}:{n}: Unmatched parenthesis in selector definition."
            )),
        }
        self.users.insert(user, cx.table);
    }

    /// All unknown commands are told; of other errors the first, since others may follow from it.
    fn apply<H>(&mut self, user: &mut User, n: usize, rules: &[Vec<u8>], cx: Context<'_, H>) {
        let (path, mut has_other) = (self.path, false);
        for rule in rules {
            let rule = trim(rule, b"\t\r\n");
            match user.apply(rule, cx) {
                Ok(()) => {}
                Err(error @ RuleError::UnknownCommand) => self.complain(format_args!(
                    "{path}:{n}: Error in applying operation '{}': {}. ",
                    String::from_utf8_lossy(rule),
                    error.text()
                )),
                Err(_) if has_other => {}
                Err(error) => {
                    has_other = true;
                    self.complain(format_args!("{path}:{n}: {}. ", error.text()));
                }
            }
        }
    }

    fn complain(&mut self, text: std::fmt::Arguments<'_>) {
        self.errors.push_str(&text.to_string());
    }
}

fn trim<'a>(mut text: &'a [u8], blanks: &[u8]) -> &'a [u8] {
    while let [first, rest @ ..] = text
        && blanks.contains(first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && blanks.contains(last)
    {
        text = rest;
    }
    text
}

/// Rules with a selector that lies over several words put together. The error is the index of the
/// word that opens a parenthesis nobody closes.
fn merge(rules: &[&[u8]]) -> Result<Vec<Vec<u8>>, usize> {
    let mut merged: Vec<Vec<u8>> = Vec::with_capacity(rules.len());
    let mut open = None;
    for (at, rule) in rules.iter().enumerate() {
        match (open, merged.last_mut()) {
            (Some(_), Some(selector)) => {
                selector.push(b' ');
                selector.extend_from_slice(rule);
                if rule.ends_with(b")") {
                    open = None;
                }
            }
            _ => {
                merged.push(rule.to_vec());
                if rule.starts_with(b"(") && !rule.ends_with(b")") {
                    open = Some(at);
                }
            }
        }
    }
    open.map_or(Ok(merged), Err)
}
