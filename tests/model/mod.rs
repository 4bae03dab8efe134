//! The protocol by which a key directory answers from memory and a revoked key still stops: a model of it, of which all
//! that can happen is looked at.
//!
//! The store numbers all changes in commit order and links them into a chain. A node keeps a **mark**: the number and the
//! link of the last change that it has heard of. A **poll** asks what changed after the mark, and whether the mark is
//! still in the record. If it is not, a fail-over lost the last changes or a backup was restored: all that the node holds
//! is void. Whatever the node hears of makes the answers void that it read before. A **wake-up** from the store makes a
//! poll begin sooner and does nothing else: here a poll can begin at any time, so that lost, late and doubled wake-ups
//! are all there. The rules that this takes are those of [`Rule`].
//!
//! One node is looked at, and one key. A node never talks to another one: to it, a second node is somebody who changes
//! keys in the store. Time is counted in ticks; any number of them passes, or none, between two steps. A question to the
//! store is asked, looked at there, and answered; between these all else may happen. What a fail-over loses is lost in the
//! store itself: from then on the key is what the new history says.
//!
//! A server that was the primary may go on answering as a replica that hears of nothing any more: what it says counts as
//! no answer.
//!
//! Not here: a key's expiry, which a kept answer carries along; and a deposed primary that believes itself the primary
//! still, which no message of its own can tell from the right one.

mod node;
mod rule;
mod store;
mod world;

use rule::{Rule, Rules};
use stateright::{Checker, HasDiscoveries, Model};
use store::Change;
use world::{AT_ONCE, Bounds, OUTAGE, SOON, Step};

/// Two changes, so that some are heard of and some are not; a fail-over, and polls that overtake each other.
const OTHERS: Bounds = Bounds {
    changes: 2,
    failovers: 1,
    demotes: false,
    revokes: false,
    polls: 2,
    stale: false,
    rules: Rules { without: None },
};
/// The node's own client revokes; each poll ends before the next begins.
const OWN: Bounds = Bounds { revokes: true, polls: 1, ..OTHERS };
/// Another server takes over, and connections to the one before are left.
const DEMOTED: Bounds = Bounds { failovers: 0, demotes: true, ..OWN };

fn holds(bounds: Bounds) {
    bounds.checker().threads(2).spawn_bfs().join().assert_properties();
}

/// Without the rule, a way leads to where the property does not hold.
fn breaks(property: &'static str, without: Rule, bounds: Bounds) {
    let bounds = Bounds { rules: Rules { without: Some(without) }, ..bounds };
    let one = HasDiscoveries::AllOf([property].into());
    let checker = bounds.checker().threads(2).finish_when(one).spawn_bfs().join();
    let way = checker.assert_any_discovery(property);
    println!("{:?}", way.into_actions());
}

#[test]
fn a_key_that_others_revoke_stops_whatever_is_lost_late_or_doubled() {
    holds(OTHERS);
}

#[test]
fn a_key_that_a_node_revokes_stops_there_at_once() {
    holds(OWN);
}

#[test]
fn a_key_stops_also_when_answers_outlive_an_outage() {
    holds(Bounds { stale: true, ..OWN });
}

#[test]
fn a_key_stops_also_where_connections_lead_to_a_server_that_was_the_primary() {
    holds(DEMOTED);
}

macro_rules! needed {
    ($($test:ident: $rule:ident, $property:ident, $bounds:expr;)*) => {
        $(#[test]
        fn $test() {
            breaks($property, Rule::$rule, $bounds);
        })*
    };
}

needed! {
    a_void_answer_would_be_used: Stamp, AT_ONCE, Bounds { failovers: 0, ..OWN };
    an_answer_would_be_stamped_after_what_makes_it_void: StampBefore, AT_ONCE, Bounds { failovers: 0, ..OWN };
    an_answer_would_outlive_the_change_it_came_from: HeardOf, SOON, OTHERS;
    a_node_that_hears_nothing_would_go_on: Freshness, SOON, OTHERS;
    a_late_poll_would_pass_for_a_new_one: HeardBefore, SOON, OTHERS;
    a_page_would_pass_for_the_whole_record: WholeRecord, SOON, OTHERS;
    another_history_would_pass_for_the_same: Link, SOON, OTHERS;
    a_server_that_was_the_primary_would_vouch_for_a_key: Role, SOON, DEMOTED;
    a_node_would_not_know_its_own_change: OwnChange, AT_ONCE, Bounds { failovers: 0, ..OWN };
    an_outage_would_refuse: Outage, OUTAGE, OTHERS;
}

/// The way is long: to walk it is much faster than to find it.
#[test]
fn a_poll_that_was_overtaken_would_hide_a_failover() {
    use Step::{AnswerPoll, AnswerRead, EndPoll, EndRead, FailOver, Poll, Read, Tick};
    let heard_of_the_end = [Step::Change(Change::Off), Poll, AnswerPoll(0), EndPoll(0)];
    let one_of_two_polls_hears_of_a_life = [Poll, Poll, Step::Change(Change::On), AnswerPoll(0), EndPoll(1)];
    let it_is_held_and_lost = [Read, AnswerRead, EndRead, FailOver(1), Tick];
    let the_other_poll_and_a_new_one = [AnswerPoll(0), EndPoll(0), Poll, Tick, AnswerPoll(0), EndPoll(0)];
    let way = heard_of_the_end.into_iter().chain(one_of_two_polls_hears_of_a_life);
    let mut way = way.chain(it_is_held_and_lost).chain(the_other_poll_and_a_new_one);
    let bounds = Bounds { rules: Rules { without: Some(Rule::InTurn) }, ..OTHERS };
    let world = way.try_fold(bounds.init_states().remove(0), |world, step| bounds.next_state(&world, step)).unwrap();
    assert!(!(bounds.property(SOON).condition)(&bounds, &world));
}
