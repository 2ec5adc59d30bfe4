//! What a settlement comes to, before an engine writes it down: the same in both.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::{Digest, Ending, Settlement, Then, millis};
use crate::inbox::entry::{EntryId, Millis};

/// Cuts settlements into groups, in their order, none of which has a lane twice: what comes of the first may be that the second
/// holds no longer.
pub(in crate::inbox) fn rounds(settlements: Vec<Settlement>) -> Vec<Vec<Settlement>> {
    let mut rounds: Vec<Vec<Settlement>> = Vec::new();
    let mut lanes = HashSet::new();
    for settlement in settlements {
        if !lanes.insert(settlement.lease.lane) {
            lanes = HashSet::from([settlement.lease.lane]);
            rounds.push(Vec::new());
        }
        match rounds.last_mut() {
            Some(round) => round.push(settlement),
            None => rounds.push(vec![settlement]),
        }
    }
    rounds
}

/// What becomes of entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::inbox) struct Endings {
    pub(in crate::inbox) delivered: Vec<EntryId>,
    /// `None` = the attempt counts, and nothing else does.
    pub(in crate::inbox) failed: Vec<(EntryId, Option<String>)>,
    pub(in crate::inbox) dead: Vec<(EntryId, String)>,
}

impl Endings {
    /// `held` = whether the lease of each settlement holds. Where it does not, another may be delivering the lane: that something
    /// was delivered is true all the same, but what shall become of the others is for him to say.
    pub(in crate::inbox) fn of(settlements: &[Settlement], held: &[bool]) -> Self {
        let mut endings = Self::default();
        for (settlement, held) in settlements.iter().zip(held) {
            for (id, ending) in &settlement.endings {
                match (ending, held) {
                    (Ending::Delivered, _) => endings.delivered.push(*id),
                    (Ending::Failed { problem }, true) => endings.failed.push((*id, Some(problem.clone()))),
                    (Ending::Dead { problem }, true) => endings.dead.push((*id, problem.clone())),
                    (Ending::Failed { .. } | Ending::Dead { .. }, false) => endings.failed.push((*id, None)),
                }
            }
        }
        endings
    }
}

/// What becomes of a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::inbox) struct LaneChange {
    /// How many entries are no longer pending in it.
    pub(in crate::inbox) settled: i64,
    /// How long after now somebody may look at it next; `None` = it stays as it is, leased or not.
    pub(in crate::inbox) released: Option<Millis>,
    pub(in crate::inbox) blocked_by: Option<EntryId>,
}

/// `settled` = the entries that were pending until now and are no longer, and their lanes. In the order of the lanes' keys.
pub(in crate::inbox) fn lane_changes(
    settlements: &[Settlement],
    held: &[bool],
    settled: &HashMap<EntryId, Digest>,
) -> Vec<(Digest, LaneChange)> {
    let mut changes: BTreeMap<Digest, LaneChange> = BTreeMap::new();
    for lane in settled.values() {
        changes.entry(*lane).or_default().settled += 1;
    }
    for (settlement, _) in settlements.iter().zip(held).filter(|(_, held)| **held) {
        let released = match settlement.then {
            Then::Keep => continue,
            Then::Release { after } => after,
            Then::Block => Duration::ZERO,
        };
        let change = changes.entry(settlement.lease.lane).or_default();
        change.released = Some(millis(released));
        if settlement.then == Then::Block {
            // One that was discarded meanwhile stops nothing.
            let dead =
                |(id, ending): &&(EntryId, Ending)| matches!(ending, Ending::Dead { .. }) && settled.contains_key(id);
            change.blocked_by = settlement.endings.iter().rev().find(dead).map(|(id, _)| *id);
        }
    }
    changes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::store::Lease;

    fn settlement(lane: u8, endings: Vec<(EntryId, Ending)>, then: Then) -> Settlement {
        Settlement { lease: Lease { lane: [lane; 32], fence: 1 }, endings, then }
    }

    #[test]
    fn a_lane_is_settled_once_in_a_round_and_in_order() {
        let kept = |lane| settlement(lane, Vec::new(), Then::Keep);
        let released = |lane| settlement(lane, Vec::new(), Then::Release { after: Duration::ZERO });
        let rounds = rounds(vec![kept(1), kept(2), released(1), kept(3)]);
        assert_eq!(rounds, [vec![kept(1), kept(2)], vec![released(1), kept(3)]]);
    }

    #[test]
    fn without_a_lease_only_deliveries_and_attempts_count() {
        let (delivered, dead) = (EntryId::new(), EntryId::new());
        let endings = vec![(delivered, Ending::Delivered), (dead, Ending::Dead { problem: "no".into() })];
        let settlements = [settlement(1, endings, Then::Block)];
        let lost = Endings::of(&settlements, &[false]);
        assert_eq!(lost.delivered, [delivered]);
        assert_eq!((lost.failed, lost.dead), (vec![(dead, None)], Vec::new()));
        assert_eq!(Endings::of(&settlements, &[true]).dead, [(dead, "no".to_owned())], "control: with it, all count");
    }

    #[test]
    fn a_lane_is_blocked_by_its_dead_letter_and_by_none_that_was_discarded() {
        let dead = EntryId::new();
        let settlements = [settlement(1, vec![(dead, Ending::Dead { problem: "no".into() })], Then::Block)];
        let blocked = lane_changes(&settlements, &[true], &HashMap::from([(dead, [1; 32])]));
        let change = LaneChange { settled: 1, released: Some(0), blocked_by: Some(dead) };
        assert_eq!(blocked, [([1; 32], change)]);
        let gone = lane_changes(&settlements, &[true], &HashMap::new());
        assert_eq!(gone, [([1; 32], LaneChange { settled: 0, released: Some(0), blocked_by: None })]);
    }
}
