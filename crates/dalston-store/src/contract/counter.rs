//! The list of the rules for shared counters.

/// Generates a test for each rule of a shared counter. Called by [`contract!`](crate::contract!).
#[doc(hidden)]
#[macro_export]
macro_rules! counter_contract {
    ($fixture:expr) => {
        $crate::contract!(@tests $fixture;
            limits {
                never_more_than_the_limit_is_admitted,
                a_unit_counts_for_its_minute_and_no_longer,
                no_window_of_a_minute_holds_more_than_the_limit,
                steady_traffic_below_the_limit_is_never_refused,
                a_refused_request_costs_nothing,
                a_refused_request_is_told_when_there_is_room,
                an_admitted_request_is_told_when_the_oldest_ends,
                a_lowered_limit_holds_at_once,
                a_raised_limit_holds_at_once,
                keys_are_counted_apart,
                a_clock_that_is_set_back_admits_no_more_and_holds_nobody_longer,
                a_clock_that_is_set_again_and_again_admits_no_more,
                parallel_takes_never_exceed_the_limit,
            }
            leases {
                a_slice_counts_until_it_is_settled,
                what_was_not_spent_goes_back,
                units_count_in_the_slots_where_they_were_spent,
                a_slice_is_settled_once,
                a_lost_answer_costs_nothing_once_it_is_asked_again,
                a_slice_of_a_node_that_died_counts_for_a_minute,
                no_slice_is_larger_than_the_room,
                a_node_at_the_limit_gets_a_slice_ahead,
                a_slice_ahead_is_not_lent_twice,
                takes_and_slices_share_a_minute,
                a_lowered_or_raised_limit_holds_for_the_next_slice,
                slices_of_keys_are_counted_apart,
                a_clock_that_is_set_back_lends_no_more_and_holds_nobody_longer,
                parallel_slices_never_exceed_the_limit,
                no_window_of_a_minute_holds_more_than_the_limit_over_two_nodes,
                no_window_of_a_minute_holds_more_than_the_limit_over_four_nodes,
            }
            alone {
                what_a_node_admitted_alone_counts,
                a_report_that_comes_again_counts_once,
                a_report_out_of_order_counts_once,
                a_second_that_grew_counts_what_is_new,
                nodes_report_apart,
                a_report_may_exceed_the_limit,
                what_is_older_than_a_window_does_not_count,
                a_report_survives_a_clock_that_is_set_back,
                parallel_reports_count_once,
            }
            nodes {
                a_node_alone_has_the_first_place,
                a_node_has_no_rank_before_all_others_know_of_it,
                an_answer_that_is_lost_tells_nobody_of_a_node,
                ranks_are_the_order_of_joining,
                a_node_that_is_not_heard_of_is_off_the_list,
                a_node_that_leaves_is_off_the_list_at_once,
                what_was_seen_of_another_list_does_not_count,
                a_clock_that_is_set_back_keeps_nobody_on_the_list,
                parallel_nodes_get_places_of_their_own,
                shares_of_places_of_different_moments_add_up_to_the_limit,
            }
        );
    };
}
