//! Random edits of a list beside a deque of texts, and the moments at which its form changes.

use std::collections::VecDeque;

use base::random::Random;

use super::*;
use crate::value::View;

type Model = VecDeque<Vec<u8>>;

fn limits(node_size: i64, plain_bytes_min: usize) -> Limits {
    Limits { list_node_size: node_size, list_plain_bytes_min: plain_bytes_min, ..Limits::default() }
}

fn elements(list: &List) -> Vec<Vec<u8>> {
    list.view().iter().map(Value::to_vec).collect()
}

fn check_same(list: &List, model: &Model, random: &mut Random) {
    list.check();
    let view = list.view();
    assert_eq!(View::len(&view), model.len());
    assert!(view.iter().map(Value::to_vec).eq(model.iter().cloned()));
    assert!(view.iter().rev().map(Value::to_vec).eq(model.iter().rev().cloned()));
    let at = random.below(model.len() as u64 + 2) as usize;
    assert_eq!(view.get(at).map(Value::to_vec).as_ref(), model.get(at));
    assert!(view.iter_from(at).map(Value::to_vec).eq(model.iter().skip(at).cloned()));
    assert!(view.get(usize::MAX).is_none() && view.iter_from(usize::MAX).next().is_none());
    let before = model.iter().take(at).rev().cloned();
    assert!(view.iter_until(at).rev().map(Value::to_vec).eq(before));
}

/// Few words, so that they are found; integers; sometimes long.
fn some_element(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0..5 => vec![b'a' + random.below(4) as u8],
        5..8 => (random.below(2000) as i64 - 1000).to_string().into_bytes(),
        8..11 => vec![b'x'; random.below(60) as usize],
        _ => vec![b'y'; random.below(9000) as usize],
    }
}

fn step(list: &mut List, model: &mut Model, limits: &Limits, random: &mut Random) {
    let element = some_element(random);
    let index = random.below(model.len() as u64 + 1) as usize;
    let end = if random.below(2) == 0 { End::Head } else { End::Tail };
    match random.below(21) {
        0..8 => {
            list.push(end, &element, limits);
            match end {
                End::Head => model.push_front(element),
                End::Tail => model.push_back(element),
            }
        }
        8..10 => {
            let mut count = (random.below(6) as usize).min(model.len());
            if count == 1 {
                let popped = if end == End::Head { model.pop_front() } else { model.pop_back() };
                list.pop_end(end, limits, |value| assert_eq!(Some(value.to_vec()), popped));
                count = 0;
            }
            list.drop_end(end, count, limits);
            match end {
                End::Head => drop(model.drain(..count)),
                End::Tail => model.truncate(model.len() - count),
            }
        }
        10..14 => {
            assert_eq!(list.set(index, &element, limits), index < model.len());
            if let Some(old) = model.get_mut(index) {
                *old = element;
            }
        }
        14..18 => {
            let pivot = model.get(index).cloned().unwrap_or_else(|| some_element(random));
            let is_before = random.below(2) == 0;
            let at = model.iter().position(|element| *element == pivot);
            assert_eq!(list.insert(&pivot, is_before, &element, limits), at.is_some());
            if let Some(at) = at {
                model.insert(at + usize::from(!is_before), element);
            }
        }
        18 => {
            let count = random.below(4) as usize;
            let mut doomed: Vec<usize> =
                (0..model.len()).filter(|&n| model[n] == element).collect();
            if end == End::Tail {
                doomed.reverse();
            }
            doomed.truncate(count);
            assert_eq!(list.remove(&element, end, count, limits), doomed.len());
            doomed.sort();
            doomed.iter().rev().for_each(|&at| drop(model.remove(at)));
        }
        19 => {
            let count = (random.below(4) as usize).min(model.len());
            let to = if random.below(2) == 0 { End::Head } else { End::Tail };
            let moved: Vec<Vec<u8>> = match end {
                End::Head => model.drain(..count).collect(),
                End::Tail => model.split_off(model.len() - count).into(),
            };
            list.turn(end, to, moved.iter().map(Vec::as_slice), limits);
            match to {
                End::Head => moved.into_iter().for_each(|element| model.push_front(element)),
                End::Tail => model.extend(moved),
            }
        }
        _ => {
            let end = model.len() - random.below(3).min(model.len() as u64) as usize;
            let start = random.below(3).min(end as u64) as usize;
            list.keep(start, end, limits);
            model.truncate(end);
            model.drain(..start);
        }
    }
}

#[test]
fn random_edits_match_a_deque() {
    // Node limits by size and by count, with and without plain elements.
    for (seed, (node_size, plain)) in
        [(-2, 0), (-1, 0), (3, 0), (5, 4), (-2, 1), (128, 0), (0, 0), (-1, 20)]
            .into_iter()
            .enumerate()
    {
        let limits = limits(node_size, plain);
        for round in 0..3 {
            let mut random = Random::from_seed((seed * 3 + round) as u64);
            let (mut list, mut model) = (List::empty(&limits), Model::new());
            for _ in 0..500 {
                step(&mut list, &mut model, &limits, &mut random);
                check_same(&list, &model, &mut random);
            }
            let mut copy = List::empty(&limits);
            list.view().nodes().for_each(|node| copy.push_node(node));
            copy.settle(&limits);
            check_same(&copy, &model, &mut random);
            check_same(&list.clone(), &model, &mut random);
            while !model.is_empty() {
                list.drop_end(End::Head, 7, &limits);
                model.drain(..7.min(model.len()));
                check_same(&list, &model, &mut random);
            }
        }
    }
}

fn encoding(list: &List) -> &'static str {
    list.view().encoding_name()
}

#[test]
fn a_list_is_small_up_to_the_limit_and_again_from_half_of_it() {
    // A listpack of a hundred such elements has 7 + 100 * 82 bytes.
    let element = vec![b'x'; 79];
    let limits = limits(-2, 0);
    let mut list = List::empty(&limits);
    for n in 0..150 {
        list.push(End::Head, &element, &limits);
        // What is there, and the length of what comes, without its overhead.
        let fits = 7 + 82 * n + 79 <= 8192;
        assert_eq!(encoding(&list), if fits { "listpack" } else { "quicklist" }, "{n}");
    }
    for n in (1..150).rev() {
        list.drop_end(End::Tail, 1, &limits);
        let fits = 7 + 82 * n <= 4096;
        assert_eq!(encoding(&list), if fits { "listpack" } else { "quicklist" }, "{n}");
    }
}

#[test]
fn a_limit_of_elements_counts_them() {
    let limits = limits(4, 0);
    let mut list = List::empty(&limits);
    for n in 1..=5 {
        list.push(End::Tail, b"a", &limits);
        assert_eq!(encoding(&list), if n <= 4 { "listpack" } else { "quicklist" });
    }
    list.drop_end(End::Tail, 2, &limits);
    assert_eq!(encoding(&list), "quicklist");
    list.drop_end(End::Tail, 1, &limits);
    assert_eq!(encoding(&list), "listpack");
    list.push(End::Tail, &[b'x'; 8200], &limits);
    assert_eq!(encoding(&list), "quicklist");
    assert_eq!(list.view().nodes().len(), 2);
}

#[test]
fn a_large_element_is_plain_and_never_small_again() {
    let limits = limits(-1, 0);
    let mut list = List::empty(&limits);
    list.push_all(End::Tail, [&b"a"[..], &[b'x'; 5000], b"b"].into_iter(), &limits);
    let kinds: Vec<bool> =
        list.view().nodes().map(|node| matches!(node, NodeRef::Plain(_))).collect();
    assert_eq!(kinds, [false, true, false]);
    list.keep(1, 2, &limits);
    assert_eq!((encoding(&list), elements(&list).len()), ("quicklist", 1));
    assert!(list.set(0, b"c", &limits));
    assert_eq!((encoding(&list), elements(&list)), ("listpack", vec![b"c".to_vec()]));
}

#[test]
fn what_replaces_a_large_element_joins_the_node_behind_it() {
    let limits = limits(-1, 0);
    let mut list = List::empty(&limits);
    list.push_all(End::Tail, [&[b'x'; 5000][..], b"b"].into_iter(), &limits);
    assert_eq!((encoding(&list), list.view().nodes().len()), ("quicklist", 2));
    assert!(list.set(0, b"a", &limits));
    assert_eq!(encoding(&list), "listpack");
    assert_eq!(elements(&list), [b"a".to_vec(), b"b".to_vec()]);
    // As in Redis, not that before it.
    let mut list = List::empty(&limits);
    list.push_all(End::Tail, [&b"a"[..], &[b'x'; 5000]].into_iter(), &limits);
    assert!(list.set(1, b"b", &limits));
    assert_eq!((encoding(&list), list.view().nodes().len()), ("quicklist", 2));
}

#[test]
fn nodes_are_full_whichever_end_grows() {
    for end in [End::Head, End::Tail] {
        let limits = Limits::default();
        let mut list = List::empty(&limits);
        for n in 0..50_000 {
            list.push(end, format!("element-{n:08}").as_bytes(), &limits);
        }
        let payload = 50_000 * 16;
        let overhead = (View::bytes(&list.view(), 0) - payload) as f64 / 50_000.0;
        assert!(overhead < 2.5, "{overhead} bytes for each element");
    }
}

#[test]
fn splitting_nodes_leaves_no_crumbs() {
    let limits = limits(10, 0);
    let mut list = List::empty(&limits);
    for n in 0..100 {
        list.push(End::Tail, n.to_string().as_bytes(), &limits);
    }
    for n in 0..300 {
        assert!(list.insert(b"50", n % 2 == 0, b"new", &limits));
    }
    list.check();
    assert!(list.view().nodes().len() <= 80, "{}", list.view().nodes().len());
}

#[test]
fn a_list_that_turns_is_judged_by_what_comes_out() {
    // Nodes of 1, 4, 4 and 4 elements, then of 1 and 2; half of the limit is 2.
    let limits = limits(4, 0);
    let mut list = List::empty(&limits);
    (0..13).for_each(|_| list.push(End::Head, b"a", &limits));
    list.keep(0, 2, &limits);
    list.push(End::Tail, b"b", &limits);
    assert_eq!((encoding(&list), list.view().nodes().len()), ("quicklist", 2));
    // On the way there are 2 elements in one node.
    list.turn(End::Head, End::Tail, std::iter::once(&b"a"[..]), &limits);
    assert_eq!((encoding(&list), list.view().nodes().len()), ("quicklist", 1));
    list.drop_end(End::Tail, 1, &limits);
    assert_eq!(encoding(&list), "listpack");
}
