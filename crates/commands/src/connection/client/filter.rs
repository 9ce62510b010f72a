//! Which clients CLIENT LIST and CLIENT KILL mean.
//!
//! ```text
//!   ID 7 8 9   TYPE normal   NAME worker-7   NOT-IP 10.0.0.1   SKIPME yes   MAXAGE 3600
//! ```
//!
//! All that is said must hold. `NOT-` before a word turns it around; SKIPME, MAXAGE and IDLE have
//! no such form. Of a word said twice the last counts, but numbers after ID add up.

use command::declare::*;
use engine::client::Address;
use engine::client_line::{FLAG_LETTERS, Viewer, capa, flags};
use engine::{Client, CmdError, Cx};

/// What a client is to the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientType {
    Normal,
    Replica,
    PubSub,
    Primary,
}

impl ClientType {
    fn of(client: &Client) -> ClientType {
        if client.follows.is_some() {
            ClientType::Replica
        } else if client.subscriptions.is_some() {
            ClientType::PubSub
        } else {
            ClientType::Normal
        }
    }

    fn named(name: &[u8]) -> Result<ClientType, CmdError> {
        match &*name.to_ascii_lowercase() {
            b"normal" => Ok(ClientType::Normal),
            b"slave" | b"replica" => Ok(ClientType::Replica),
            b"pubsub" => Ok(ClientType::PubSub),
            b"master" | b"primary" => Ok(ClientType::Primary),
            _ => Err(CmdError::unknown_client_type(name)),
        }
    }
}

/// Words that have a `NOT-` form.
#[derive(Default)]
struct Criteria<'a> {
    ids: Option<Vec<i64>>,
    kind: Option<ClientType>,
    user: Option<&'a [u8]>,
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    name: Option<&'a [u8]>,
    flags: Option<&'a [u8]>,
    lib_name: Option<&'a [u8]>,
    lib_ver: Option<&'a [u8]>,
    db: Option<usize>,
    capa: Option<&'a [u8]>,
    ip: Option<&'a [u8]>,
}

impl Criteria<'_> {
    /// What each that was said says of this client.
    fn verdicts(&self, client: &Client) -> impl Iterator<Item = bool> {
        let names = client.names();
        let has_text = |said: Option<&[u8]>, text: &[u8]| said.map(|said| said == text);
        let has_letters = |said: Option<&[u8]>, letters: &[u8]| {
            said.map(|said| said.iter().all(|letter| letters.contains(letter)))
        };
        let address = |said: Option<&[u8]>, address: &Address| {
            said.map(|said| said == address.to_string().as_bytes())
        };
        let ip = match &client.address {
            Address::Tcp(address) => address.ip().to_string(),
            Address::Unix(_) | Address::Script | Address::None => String::new(),
        };
        [
            self.ids.as_ref().map(|ids| ids.contains(&(client.id as i64))),
            self.kind.map(|kind| kind == ClientType::of(client)),
            has_text(self.user, client.user_name()),
            address(self.addr, &client.address),
            address(self.laddr, &client.local_address),
            has_text(self.name, &names.name).map(|is| is && !names.name.is_empty()),
            has_letters(self.flags, flags(client).as_bytes()),
            has_text(self.lib_name, &names.lib_name).map(|is| is && !names.lib_name.is_empty()),
            has_text(self.lib_ver, &names.lib_ver).map(|is| is && !names.lib_ver.is_empty()),
            self.db.map(|db| db == client.db),
            has_letters(self.capa, capa(client).as_bytes()),
            has_text(self.ip, ip.as_bytes()).map(|is| is && !ip.is_empty()),
        ]
        .into_iter()
        .flatten()
    }
}

/// Whether numbers after ID must be above zero: Redis asks for it in KILL and not in LIST.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    Any,
    AboveZero,
}

#[derive(Default)]
pub(super) struct Filter<'a> {
    wanted: Criteria<'a>,
    unwanted: Criteria<'a>,
    age_s_min: Option<i64>,
    idle_s_min: Option<i64>,
    skip_me: bool,
}

impl<'a> Filter<'a> {
    /// CLIENT KILL as it first was: the one client with this address, be it the caller.
    pub(super) fn of_address(addr: &'a [u8]) -> Filter<'a> {
        let wanted = Criteria { addr: Some(addr), ..Criteria::default() };
        Filter { wanted, ..Filter::default() }
    }

    /// The words from argv[2] on. `skip_me` is what counts unless SKIPME says otherwise.
    pub(super) fn parse(cx: &Cx<'a>, skip_me: bool, ids: Ids) -> Result<Filter<'a>, CmdError> {
        let mut filter = Filter { skip_me, ..Filter::default() };
        let mut at = 2;
        while at < cx.argc() {
            if at + 1 == cx.argc() {
                return Err(CmdError::SYNTAX);
            }
            at = filter.parse_word(cx, at, ids)?;
        }
        Ok(filter)
    }

    /// The word at `at` and its value; gives where the next word is.
    fn parse_word(&mut self, cx: &Cx<'a>, at: usize, ids: Ids) -> Result<usize, CmdError> {
        let (word, value) = (cx.arg(at).to_ascii_uppercase(), cx.arg(at + 1));
        match &*word {
            b"SKIPME" => self.skip_me = yes_no(value)?,
            b"MAXAGE" => self.age_s_min = Some(seconds(value, "maxage")?),
            b"IDLE" => self.idle_s_min = Some(seconds(value, "idle")?),
            _ => {
                let (criteria, is_not, word) = match word.strip_prefix(b"NOT-") {
                    Some(word) => (&mut self.unwanted, true, word),
                    None => (&mut self.wanted, false, &*word),
                };
                if word == b"ID" {
                    let ids = if is_not { Ids::AboveZero } else { ids };
                    let all = criteria.ids.get_or_insert_default();
                    return parse_ids(cx, at + 1, ids, all).and_then(|next| match next - at {
                        1 if is_not => Err(CmdError::SYNTAX),
                        1 if ids == Ids::AboveZero => Err(CmdError::CLIENT_ID_NOT_POSITIVE),
                        1 => Err(CmdError::CLIENT_ID),
                        _ => Ok(next),
                    });
                }
                parse_criterion(cx, criteria, is_not, word, value)?;
            }
        }
        Ok(at + 2)
    }

    /// The numbers after ID, if it was said.
    pub(super) fn ids(&self) -> Option<&[i64]> {
        self.wanted.ids.as_deref()
    }

    pub(super) fn matches(&self, viewer: &Viewer<'_>, client: &Client) -> bool {
        !(self.skip_me && viewer.is_own(client))
            && self.age_s_min.is_none_or(|min| viewer.age_s(client) >= min)
            && self.idle_s_min.is_none_or(|min| viewer.idle_s(client) >= min)
            && self.wanted.verdicts(client).all(|is| is)
            && !self.unwanted.verdicts(client).any(|is| is)
    }
}

/// Reads numbers as long as there are any; gives where they end.
fn parse_ids(cx: &Cx<'_>, mut at: usize, rule: Ids, ids: &mut Vec<i64>) -> Result<usize, CmdError> {
    while at < cx.argc() {
        let Ok(id) = cx.int(at) else { break };
        if rule == Ids::AboveZero && id < 1 {
            return Err(CmdError::CLIENT_ID_NOT_POSITIVE);
        }
        ids.push(id);
        at += 1;
    }
    Ok(at)
}

fn parse_criterion<'a>(
    cx: &Cx<'a>,
    criteria: &mut Criteria<'a>,
    is_not: bool,
    word: &[u8],
    value: &'a [u8],
) -> Result<(), CmdError> {
    let named = |plain: &'static str, not: &'static str| if is_not { not } else { plain };
    let unknown_letters = |letters: &str, not: &'static str| {
        Err(CmdError::unknown_letters(letters, named("provided", not), value))
    };
    match word {
        b"TYPE" => criteria.kind = Some(ClientType::named(value)?),
        b"USER" if cx.engine.acl.users().get(value).is_none() => {
            return Err(CmdError::no_such_user(value));
        }
        b"USER" => criteria.user = Some(value),
        b"ADDR" => criteria.addr = Some(value),
        b"LADDR" => criteria.laddr = Some(value),
        b"NAME" => criteria.name = Some(value),
        b"FLAGS" if !value.iter().all(|letter| FLAG_LETTERS.contains(letter)) => {
            return unknown_letters("flags", "NOT-FLAGS");
        }
        b"FLAGS" => criteria.flags = Some(value),
        b"LIB-NAME" => criteria.lib_name = Some(value),
        b"LIB-VER" => criteria.lib_ver = Some(value),
        b"DB" => criteria.db = Some(parse_db(cx, value, named("DB", "NOT-DB"))?),
        b"CAPA" if !value.iter().all(|letter| *letter == b'r') => {
            return unknown_letters("capa", "NOT-CAPA");
        }
        b"CAPA" => criteria.capa = Some(value),
        b"IP" => criteria.ip = Some(value),
        _ => return Err(CmdError::SYNTAX),
    }
    Ok(())
}

fn parse_db(cx: &Cx<'_>, value: &[u8], word: &str) -> Result<usize, CmdError> {
    let db = base::number::parse_i64(value).ok_or_else(|| CmdError::not_integer(word))?;
    let count = cx.engine.keyspace.databases();
    let db = usize::try_from(db).ok().filter(|db| *db < count);
    db.ok_or_else(|| CmdError::db_not_between(word, count - 1))
}

fn seconds(value: &[u8], word: &str) -> Result<i64, CmdError> {
    match base::number::parse_i64(value) {
        None => Err(CmdError::not_integer(word)),
        Some(..1) => Err(CmdError::not_above_zero(word)),
        Some(seconds) => Ok(seconds),
    }
}

fn yes_no(value: &[u8]) -> Result<bool, CmdError> {
    if value.eq_ignore_ascii_case(b"yes") {
        return Ok(true);
    }
    if value.eq_ignore_ascii_case(b"no") { Ok(false) } else { Err(CmdError::SYNTAX) }
}

// ---- as grammar ----------------------------------------------------------------------------

const YES_NO: &[Arg] = &[flag("YES"), flag("NO")];
const VALKEY_9: &str = "valkey 9.0.0";

/// A filter with a text.
const fn said(word: &'static str, name: &'static str) -> Arg {
    opt(token(word, text(name)))
}

/// A filter with a number.
const fn counted(word: &'static str, name: &'static str) -> Arg {
    opt(token(word, integer(name)))
}

const fn kind_arg(word: &'static str, name: &'static str, types: &'static [Arg]) -> Arg {
    opt(token(word, one_of(name, types)))
}

const fn ids_arg(word: &'static str, name: &'static str) -> Arg {
    opt(many(token(word, integer(name))))
}

const fn version(arg: Arg, since: Option<&'static str>) -> Arg {
    Arg { since, ..arg }
}

/// Since when a command has the filters that are older in one command than in the other.
pub(super) struct Since {
    pub(super) kind: &'static str,
    pub(super) id: &'static str,
    /// None: as long as there are filters.
    pub(super) user: Option<&'static str>,
    pub(super) addr: Option<&'static str>,
    pub(super) laddr: Option<&'static str>,
    pub(super) skipme: Option<&'static str>,
    pub(super) maxage: Option<&'static str>,
}

/// The filters of CLIENT LIST and CLIENT KILL. `types` are the words after TYPE.
pub(super) const fn filters(types: &'static [Arg], since: Since) -> [Arg; 27] {
    [
        kind_arg("TYPE", "client-type", types).since(since.kind),
        ids_arg("ID", "client-id").since(since.id),
        version(said("USER", "username"), since.user),
        version(said("ADDR", "addr").shown_as("ip:port"), since.addr),
        version(said("LADDR", "laddr").shown_as("ip:port"), since.laddr),
        version(opt(token("SKIPME", one_of("skipme", YES_NO))), since.skipme),
        version(counted("MAXAGE", "maxage"), since.maxage),
        said("NAME", "name").since(VALKEY_9),
        counted("IDLE", "idle").since(VALKEY_9),
        said("FLAGS", "flags").since(VALKEY_9),
        said("LIB-NAME", "lib-name").since(VALKEY_9),
        said("LIB-VER", "lib-ver").since(VALKEY_9),
        counted("DB", "db").since(VALKEY_9),
        said("CAPA", "capa").since(VALKEY_9),
        said("IP", "ip").since(VALKEY_9),
        kind_arg("NOT-TYPE", "not-client-type", types).since(VALKEY_9),
        ids_arg("NOT-ID", "not-client-id").since(VALKEY_9),
        said("NOT-USER", "not-username").since(VALKEY_9),
        said("NOT-ADDR", "not-addr").shown_as("ip:port").since(VALKEY_9),
        said("NOT-LADDR", "not-laddr").shown_as("ip:port").since(VALKEY_9),
        said("NOT-NAME", "not-name").since(VALKEY_9),
        said("NOT-FLAGS", "not-flags").since(VALKEY_9),
        said("NOT-LIB-NAME", "not-lib-name").since(VALKEY_9),
        said("NOT-LIB-VER", "not-lib-ver").since(VALKEY_9),
        counted("NOT-DB", "not-db").since(VALKEY_9),
        said("NOT-CAPA", "not-capa").since(VALKEY_9),
        said("NOT-IP", "not-ip").since(VALKEY_9),
    ]
}
