//! When the oldest of many entries was written, without looking at each of them.

use std::collections::VecDeque;

/// A group of entries spans at most this part of its age.
const PARTS: u32 = 32;

/// Groups that are looked at only once there are more of them.
const GROUPS_MIN: usize = 64;

/// How many entries were written in which seconds.
///
/// Each group stands for a stretch of time; the longer ago that is, the longer it may be. So
/// there are some hundred groups however many entries there are: two neighbours that stay
/// apart are together longer than a 32nd of their age, and ages end with `u32`. What is told
/// of the oldest entry is never too young, and too old by a 32nd of its age at most.
#[derive(Debug, Default)]
pub(super) struct Ages {
    groups: VecDeque<Group>,
    /// So many groups there were when neighbours were last joined.
    joined: usize,
}

/// Entries last written from `first` to `last`. Groups stand in order and share no second.
#[derive(Clone, Copy, Debug)]
struct Group {
    first: u32,
    last: u32,
    entries: usize,
}

impl Ages {
    /// Counts an entry. `second` is the present, so never before an earlier one's.
    pub(super) fn add(&mut self, second: u32) {
        if let Some(newest) = self.groups.back_mut().filter(|it| it.last >= second) {
            newest.entries += 1;
            return;
        }
        if self.groups.len() > 2 * self.joined + GROUPS_MIN {
            self.join(second);
        }
        self.groups.push_back(Group { first: second, last: second, entries: 1 });
    }

    /// Counts an entry no more that was added with this second.
    pub(super) fn remove(&mut self, second: u32) {
        let behind = self.groups.partition_point(|it| it.first <= second);
        if let Some(group) = behind.checked_sub(1).and_then(|at| self.groups.get_mut(at)) {
            group.entries = group.entries.saturating_sub(1);
        }
        while self.groups.front().is_some_and(|it| it.entries == 0) {
            self.groups.pop_front();
        }
    }

    /// When the oldest entry was written, or somewhat before.
    pub(super) fn oldest(&self) -> Option<u32> {
        self.groups.front().map(|it| it.first)
    }

    /// Joins what is far enough away; once for as many groups as that leaves, and some more.
    fn join(&mut self, now: u32) {
        let mut joined: VecDeque<Group> = VecDeque::new();
        for group in self.groups.iter().filter(|it| it.entries > 0) {
            let far = now.saturating_sub(group.last) / PARTS;
            match joined.back_mut().filter(|it| group.last - it.first <= far) {
                Some(before) => {
                    before.last = group.last;
                    before.entries += group.entries;
                }
                None => joined.push_back(*group),
            }
        }
        self.joined = joined.len();
        self.groups = joined;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// One entry in each second, for as long as seconds can be counted, more or less.
    #[test]
    fn there_are_few_groups_however_long_it_lasts() {
        let mut ages = Ages::default();
        let mut most = 0;
        let mut step = 1;
        let mut second = 0_u32;
        while let Some(next) = second.checked_add(step) {
            ages.add(second);
            most = most.max(ages.groups.len());
            second = next;
            step = 1 + second / 100_000;
        }
        assert!(most < 4000, "{most}");
        assert_eq!(ages.oldest(), Some(0));
    }

    proptest! {
        #[test]
        fn the_oldest_is_never_told_younger_and_hardly_older(
            steps in prop::collection::vec((0u32..4000, any::<prop::sample::Index>(), 0u8..4), 1..600)
        ) {
            let (mut ages, mut now) = (Ages::default(), 0);
            let mut entries: Vec<u32> = Vec::new();
            for (pause, which, what) in steps {
                now += pause / 8;
                if what == 0 && !entries.is_empty() {
                    ages.remove(entries.swap_remove(which.index(entries.len())));
                } else {
                    ages.add(now);
                    entries.push(now);
                }
                let mut known: BTreeMap<u32, usize> = BTreeMap::new();
                for second in &entries {
                    *known.entry(*second).or_default() += 1;
                }
                match (ages.oldest(), known.keys().next()) {
                    (Some(told), Some(&oldest)) => {
                        prop_assert!(told <= oldest, "{told} is younger than {oldest}");
                        prop_assert!((oldest - told) * PARTS <= now - oldest, "{told}, {oldest}, {now}");
                    }
                    (told, oldest) => prop_assert_eq!(told.is_some(), oldest.is_some()),
                }
                prop_assert_eq!(ages.groups.iter().map(|it| it.entries).sum::<usize>(), entries.len());
            }
        }
    }
}
