//! The order of a graph, and the cycles that keep it from having one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// The nodes so that each comes after all that lead to it, otherwise by number. Nodes in or behind a cycle are left out.
pub(super) fn order(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let next = adjacent(count, edges.iter().copied());
    let mut waiting = vec![0_usize; count];
    for (_, to) in edges {
        waiting[*to] += 1;
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..count).filter(|node| waiting[*node] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for to in &next[node] {
            waiting[*to] -= 1;
            if waiting[*to] == 0 {
                ready.push(Reverse(*to));
            }
        }
    }
    order
}

/// One cycle, the shortest through its first node, of every knot of nodes that all lead to each other.
pub(super) fn cycles(count: usize, edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    // What is neither in nor behind a cycle, seen from either side, is in none.
    let mut inside = vec![true; count];
    order(count, edges).into_iter().for_each(|node| inside[node] = false);
    let reversed: Vec<(usize, usize)> = edges.iter().map(|(from, to)| (*to, *from)).collect();
    order(count, &reversed).into_iter().for_each(|node| inside[node] = false);

    let edges = || edges.iter().copied().filter(|(from, to)| inside[*from] && inside[*to]);
    let next = adjacent(count, edges());
    let before = adjacent(count, edges().map(|(from, to)| (to, from)));
    let mut cycles = Vec::new();
    let mut told = vec![false; count];
    for node in 0..count {
        if !inside[node] || told[node] {
            continue;
        }
        let reached = search(&next, node);
        let Some(last) = before[node]
            .iter()
            .copied()
            .filter(|last| reached[*last].is_some())
            .min_by_key(|last| reached[*last].map(|(distance, _)| distance))
        else {
            continue;
        };
        let mut cycle = vec![last];
        let mut at = last;
        while at != node
            && let Some((_, parent)) = reached[at]
        {
            cycle.push(parent);
            at = parent;
        }
        cycle.reverse();
        cycles.push(cycle);
        for (other, back) in search(&before, node).iter().enumerate() {
            told[other] |= back.is_some() && reached[other].is_some();
        }
    }
    cycles
}

/// Every node that can be reached from one, with its distance and the node before it.
fn search(next: &[Vec<usize>], start: usize) -> Vec<Option<(usize, usize)>> {
    let mut reached = vec![None; next.len()];
    reached[start] = Some((0, start));
    let mut queue = VecDeque::from([(start, 0)]);
    while let Some((node, distance)) = queue.pop_front() {
        for to in &next[node] {
            if reached[*to].is_none() {
                reached[*to] = Some((distance + 1, node));
                queue.push_back((*to, distance + 1));
            }
        }
    }
    reached
}

/// Which nodes can be reached from any of several.
pub(super) fn reachable(count: usize, edges: &[(usize, usize)], starts: impl Iterator<Item = usize>) -> Vec<bool> {
    let next = adjacent(count, edges.iter().copied());
    let mut reached = vec![false; count];
    let mut stack: Vec<usize> = starts.collect();
    while let Some(node) = stack.pop() {
        if !std::mem::replace(&mut reached[node], true) {
            stack.extend(&next[node]);
        }
    }
    reached
}

fn adjacent(count: usize, edges: impl Iterator<Item = (usize, usize)>) -> Vec<Vec<usize>> {
    let mut next = vec![Vec::new(); count];
    for (from, to) in edges {
        next[from].push(to);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_knot_is_told_once() {
        let edges = [(0, 1), (1, 2), (2, 1), (2, 3), (3, 4), (4, 5), (5, 3), (5, 4), (5, 6)];
        assert_eq!(cycles(7, &edges), [vec![1, 2], vec![3, 4, 5]]);
        assert_eq!(cycles(3, &[(0, 1), (1, 2)]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn order_follows_edges_and_else_numbers() {
        assert_eq!(order(4, &[(3, 0), (0, 2)]), [1, 3, 0, 2]);
        assert_eq!(order(3, &[(0, 1), (1, 0)]), [2]);
    }

    proptest! {
        #[test]
        fn either_there_is_an_order_or_a_cycle(edges in proptest::collection::vec((0_usize..8, 0_usize..8), 0..20)) {
            let edges: Vec<(usize, usize)> = edges.into_iter().filter(|(from, to)| from != to).collect();
            let order = order(8, &edges);
            let cycles = cycles(8, &edges);
            prop_assert_eq!(order.len() == 8, cycles.is_empty());
            let position = |node: usize| order.iter().position(|other| *other == node);
            for (from, to) in &edges {
                if let Some(to) = position(*to) {
                    prop_assert!(position(*from).is_some_and(|from| from < to));
                }
            }
            for cycle in cycles {
                for (index, from) in cycle.iter().enumerate() {
                    prop_assert!(edges.contains(&(*from, cycle[(index + 1) % cycle.len()])));
                }
            }
        }
    }
}
