//! The plain form of a set: members in one hash table.

use std::ops::{Deref, DerefMut};

use indexmap::IndexSet;

use super::{Collection, CollectionType, Form, Limits, View};
use crate::record::Type;

#[derive(Clone, Debug, Default)]
pub struct Set(pub IndexSet<Box<[u8]>>);

impl Deref for Set {
    type Target = IndexSet<Box<[u8]>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Set {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl View for &Set {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn encoding_name(&self) -> &'static str {
        "hashtable"
    }

    fn bytes(&self, samples: usize) -> usize {
        let sizes = self.iter().map(|e| e.len() + size_of::<Box<[u8]>>() + 16);
        super::extrapolate(sizes, self.0.len(), samples)
    }
}

impl CollectionType for Set {
    const TYPE: Type = Type::Set;
    type Ref<'a> = &'a Set;

    fn empty(_: &Limits) -> Set {
        Set::default()
    }

    fn of_inline(_: Form, _: &[u8]) -> &Set {
        unreachable!("a plain set never lies in its record")
    }

    fn from_inline(_: Form, _: Vec<u8>) -> Set {
        unreachable!("a plain set never lies in its record")
    }

    fn inline(&self) -> Option<(Form, &[u8])> {
        None
    }

    fn into_buffer(self) -> Vec<u8> {
        Vec::new()
    }

    fn view(&self) -> &Set {
        self
    }

    fn wrap(self) -> Collection {
        Collection::Set(self)
    }

    fn unwrap(collection: &Collection) -> Option<&Set> {
        match collection {
            Collection::Set(set) => Some(set),
            _ => None,
        }
    }

    fn unwrap_mut(collection: &mut Collection) -> Option<&mut Set> {
        match collection {
            Collection::Set(set) => Some(set),
            _ => None,
        }
    }
}
