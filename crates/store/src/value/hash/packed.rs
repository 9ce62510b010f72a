//! A hash in a listpack: groups of two or three entries.

use structures::listpack::{self, Listpack, Value};

use super::super::Form;
use super::FieldExpire;

/// What stands for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Field and value.
    Pairs,
    /// Field, value and expiry.
    Triples,
}

/// The expiry, in triples, of a field that never expires.
pub(super) const NEVER: i64 = 0;

impl Group {
    #[inline]
    pub(super) fn of(form: Form) -> Group {
        match form {
            Form::Listpack => Group::Pairs,
            Form::ListpackEx => Group::Triples,
            Form::Intset => unreachable!("a hash is never a set of integers"),
        }
    }

    #[inline]
    pub(super) fn form(self) -> Form {
        match self {
            Group::Pairs => Form::Listpack,
            Group::Triples => Form::ListpackEx,
        }
    }

    /// Entries of each field.
    #[inline]
    pub(super) fn size(self) -> usize {
        match self {
            Group::Pairs => 2,
            Group::Triples => 3,
        }
    }

    /// Fields.
    #[inline]
    pub(super) fn len(self, pack: Listpack<'_>) -> usize {
        pack.len() / self.size()
    }

    #[inline]
    pub(super) fn find(self, pack: Listpack<'_>, field: &[u8]) -> Option<usize> {
        pack.find(field, self.size() - 1)
    }

    /// Sets a field; true if it is new.
    pub(super) fn set(
        self,
        pack: &mut Vec<u8>,
        field: &[u8],
        value: &[u8],
        expire: FieldExpire,
    ) -> bool {
        let view = Listpack::new(pack);
        let Some(at) = self.find(view, field) else {
            listpack::append(pack, field);
            listpack::append(pack, value);
            if self == Group::Triples {
                listpack::append(pack, NEVER);
            }
            return true;
        };
        let value_at = after(view, at);
        if self == Group::Triples
            && expire == FieldExpire::Clear
            && view.get(after(view, value_at)) != Value::Int(NEVER)
        {
            listpack::delete_many(pack, at, 3);
            return !self.set(pack, field, value, expire);
        }
        if !view.get(value_at).is(value) {
            listpack::replace(pack, value_at, value);
        }
        false
    }

    /// Removes a field; false if there is none.
    pub(super) fn remove(self, pack: &mut Vec<u8>, field: &[u8]) -> bool {
        let at = self.find(Listpack::new(pack), field);
        at.map(|at| listpack::delete_many(pack, at, self.size())).is_some()
    }

    pub(super) fn check(self, pack: Listpack<'_>) {
        pack.check();
        assert_eq!(pack.len() % self.size(), 0, "(1) fields are whole");
        let entries: Vec<Value<'_>> = pack.iter().collect();
        let mut names: Vec<Vec<u8>> =
            entries.chunks(self.size()).map(|field| field[0].to_vec()).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|a, b| a < b), "(1) no field stands twice");
        if self == Group::Triples {
            let moments = entries.chunks(3).map(|field| moment(field[2]));
            let never_last = moments.map(|at| if at == NEVER { i64::MAX } else { at });
            assert!(never_last.is_sorted(), "(2) moments ascend");
        }
    }
}

/// Whether a listpack may grow by a field and its value: it stays below what it can tell.
pub(super) fn has_room(pack: &[u8], field: &[u8], value: &[u8]) -> bool {
    const OVERHEAD_BYTES_MAX: usize = 64;
    pack.len() + field.len() + value.len() + OVERHEAD_BYTES_MAX <= listpack::BYTES_MAX
}

/// The same fields as triples that never expire.
pub(super) fn triples_of(pairs: &[u8]) -> Vec<u8> {
    let mut triples = listpack::new();
    for (field, value) in Listpack::new(pairs).pairs() {
        listpack::extend(&mut triples, [field, value, Value::Int(NEVER)]);
    }
    triples
}

/// The position after that of an entry that is not the last of its field.
fn after(pack: Listpack<'_>, at: usize) -> usize {
    pack.next(at).expect("(1) fields are whole")
}

/// The third entry of a triple.
pub(super) fn moment(entry: Value<'_>) -> i64 {
    entry.as_i64().expect("(1) the third entry of a triple is a moment")
}

/// Gives a field of triples another moment, and the place that belongs to it (2).
pub(super) fn set_expire_ms(pack: &mut Vec<u8>, field: &[u8], expire_ms: Option<i64>) -> bool {
    let view = Listpack::new(pack);
    let Some(at) = Group::Triples.find(view, field) else { return false };
    let value_at = after(view, at);
    let expire_ms = expire_ms.unwrap_or(NEVER);
    if moment(view.get(after(view, value_at))) == expire_ms {
        return true;
    }
    let value = view.get(value_at).to_vec();
    listpack::delete_many(pack, at, 3);
    let at = place_of(Listpack::new(pack), expire_ms);
    // The last first: each insertion moves on what was inserted before.
    listpack::insert(pack, at, expire_ms);
    listpack::insert(pack, at, &value);
    listpack::insert(pack, at, field);
    true
}

/// Where a triple with this moment belongs: before the first that does not expire earlier.
fn place_of(pack: Listpack<'_>, expire_ms: i64) -> usize {
    if expire_ms == NEVER {
        return pack.end();
    }
    let mut at = pack.end();
    let mut next = pack.first();
    while let Some(field_at) = next {
        let moment_at = after(pack, after(pack, field_at));
        let here = moment(pack.get(moment_at));
        if here == NEVER || here >= expire_ms {
            at = field_at;
            break;
        }
        next = pack.next(moment_at);
    }
    at
}

/// See [`super::Hash::expire_due`].
pub(super) fn expire_due(
    pack: &mut Vec<u8>,
    now_ms: i64,
    budget: &mut usize,
    mut f: impl FnMut(&[u8]),
) -> bool {
    let view = Listpack::new(pack);
    let (mut at, mut due, mut done) = (view.first(), 0, true);
    while let Some(field_at) = at {
        let moment_at = after(view, after(view, field_at));
        let here = moment(view.get(moment_at));
        if here == NEVER || here >= now_ms {
            break;
        }
        if *budget == 0 {
            done = false;
            break;
        }
        *budget -= 1;
        f(view.get(field_at).text(&mut Default::default()));
        due += 3;
        at = view.next(moment_at);
    }
    if due > 0 {
        listpack::delete_many(pack, listpack::HEADER_LEN, due);
    }
    done
}
