//! What nodes admit while the counter that they share does not answer: models of which all that can happen is looked at.
//!
//! **Counting** (`counting`): two nodes and a counter, one key. A question to the counter is answered, or arrives and is
//! not answered in time, or does not arrive; the same is true for a report of what a node admitted alone. Time is counted
//! in ticks, and a window is [`WINDOW`] of them; any number of ticks passes, or none, between two steps.
//!
//! **Places** (`places`): nodes join the list, register again, and leave. Answers are heard in any order, late, or never.
//!
//! The rules that this takes are those of [`Rule`]. Not here: slices that a node has in hand, which the simulation in
//! `dalston-limit` has; and time of day, by which nothing is decided.

mod counting;
mod places;

use counting::{Counting, ONCE, SHARE, SHARES, STRICT};
use places::{Places, SUM};
use stateright::{Checker, HasDiscoveries, Model};
use std::{fmt::Debug, hash::Hash};

/// Ticks of a window.
const WINDOW: usize = 2;

/// A rule by which the promise holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// The rest of a division is dealt out, one each to the first nodes; no share is rounded up.
    Rest,
    /// What the counter gave a node in the window is part of its share.
    OwnUse,
    /// A node reports what it admitted alone before it asks for more.
    ReportFirst,
    /// A report tells all of a second, and the counter adds what it does not know.
    Once,
    /// What is reported counts for as long as if it had been counted at once.
    Age,
    /// A strict node has no share.
    Strict,
    /// A node has a rank once those before it go by a list with it.
    Known,
    /// They have said so themselves: that they were sent such a list is not enough.
    Said,
    /// An answer that was overtaken by a later one changes nothing.
    Newer,
}

/// All rules, or all but one.
#[derive(Debug, Clone, Copy, Default)]
struct Rules {
    without: Option<Rule>,
}

impl Rules {
    fn hold(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}

/// A model that can be looked at.
trait Finite:
    Model<State: Hash + Debug + Clone + PartialEq + Send + Sync + 'static, Action: Debug + Clone + PartialEq>
    + Send
    + Sync
    + 'static
{
}

impl Finite for Counting {}
impl Finite for Places {}

fn holds(model: impl Finite) {
    model.checker().threads(2).spawn_bfs().join().assert_properties();
}

/// Without the rule, a way leads to where the property does not hold.
fn breaks(property: &'static str, model: impl Finite) {
    let one = HasDiscoveries::AllOf([property].into());
    let checker = model.checker().threads(2).finish_when(one).spawn_bfs().join();
    println!("{:?}", checker.assert_any_discovery(property).into_actions());
}

#[test]
fn no_window_holds_more_than_the_limit_and_the_shares_of_those_that_are_cut_off() {
    for limit in [1, 2, 3] {
        holds(Counting { limit, strict: false, rules: Rules::default() });
    }
}

#[test]
fn strict_nodes_admit_no_more_than_the_limit() {
    for limit in [1, 2, 3] {
        holds(Counting { limit, strict: true, rules: Rules::default() });
    }
}

#[test]
fn shares_of_places_add_up_to_the_limit_whatever_answers_are_lost_or_late() {
    holds(Places { limit: 4, rules: Rules::default() });
}

macro_rules! needed {
    ($($test:ident: $rule:ident, $property:ident, $model:ident { $($field:ident: $value:expr),* };)*) => {
        $(#[test]
        fn $test() {
            breaks($property, $model { $($field: $value,)* rules: Rules { without: Some(Rule::$rule) } });
        })*
    };
}

needed! {
    shares_that_are_rounded_up_would_exceed_the_limit: Rest, SHARES, Counting { limit: 1, strict: false };
    a_node_would_add_a_fresh_share_to_what_it_was_given: OwnUse, SHARE, Counting { limit: 1, strict: false };
    a_node_that_is_back_would_get_what_it_has_admitted: ReportFirst, SHARE, Counting { limit: 1, strict: false };
    a_report_that_comes_again_would_count_twice: Once, ONCE, Counting { limit: 2, strict: false };
    a_report_would_be_forgotten_too_early: Age, SHARE, Counting { limit: 1, strict: false };
    a_strict_node_would_add_its_share: Strict, STRICT, Counting { limit: 1, strict: true };
    a_new_node_would_have_a_share_of_which_nobody_knows: Known, SUM, Places { limit: 2 };
    a_lost_answer_would_pass_for_one_that_was_heard: Said, SUM, Places { limit: 2 };
    an_old_answer_would_bring_back_a_larger_share: Newer, SUM, Places { limit: 2 };
}
