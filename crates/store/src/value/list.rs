//! The plain form of a list: a ring of separately allocated elements.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

use super::{Collection, CollectionType, Form, Limits, View};
use crate::record::Type;

#[derive(Clone, Debug, Default)]
pub struct List(pub VecDeque<Box<[u8]>>);

impl Deref for List {
    type Target = VecDeque<Box<[u8]>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for List {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl View for &List {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn encoding_name(&self) -> &'static str {
        "quicklist"
    }

    fn bytes(&self, samples: usize) -> usize {
        let sizes = self.iter().map(|e| e.len() + size_of::<Box<[u8]>>());
        super::extrapolate(sizes, self.0.len(), samples)
    }
}

impl CollectionType for List {
    const TYPE: Type = Type::List;
    type Ref<'a> = &'a List;

    fn empty(_: &Limits) -> List {
        List::default()
    }

    fn of_inline(_: Form, _: &[u8]) -> &List {
        unreachable!("a plain list never lies in its record")
    }

    fn from_inline(_: Form, _: Vec<u8>) -> List {
        unreachable!("a plain list never lies in its record")
    }

    fn inline(&self) -> Option<(Form, &[u8])> {
        None
    }

    fn into_buffer(self) -> Vec<u8> {
        Vec::new()
    }

    fn view(&self) -> &List {
        self
    }

    fn wrap(self) -> Collection {
        Collection::List(self)
    }

    fn unwrap(collection: &Collection) -> Option<&List> {
        match collection {
            Collection::List(list) => Some(list),
            _ => None,
        }
    }

    fn unwrap_mut(collection: &mut Collection) -> Option<&mut List> {
        match collection {
            Collection::List(list) => Some(list),
            _ => None,
        }
    }
}
