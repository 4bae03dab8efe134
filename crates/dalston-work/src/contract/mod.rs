//! Contract suite for the storage of the transcription service: what every engine must do in addition to the contract
//! of keys ([`mod@dalston_store::contract`]). [`contract!`](crate::contract!) generates one test per rule.

#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "a suite of tests")]
#![expect(missing_docs, reason = "the name of a rule is its sentence")]

pub mod contention;
pub mod deliveries;
pub mod ends;
mod handle;
pub mod jobs;
pub mod lists;
pub mod meter;
pub mod queue;
pub mod records;
pub mod retention;
pub mod sessions;
pub mod webhooks;

use crate::WorkStorage;

/// An engine with an empty store, for one test.
pub type WorkFixture = dalston_store::contract::Fixture<dyn WorkStorage>;

/// Opens another connection to the same store.
pub type ReopenWork = dalston_store::contract::Reopen<dyn WorkStorage>;

/// Generates a module `$engine` with one test per rule. Each test gets its own [`WorkFixture`] from `$fixture.await`.
/// The calling crate needs tokio.
#[macro_export]
macro_rules! contract {
    ($engine:ident, $fixture:expr) => {
        mod $engine {
            $crate::contract!(@tests $fixture;
                jobs {
                    every_field_of_a_job_survives,
                    a_job_with_nothing_optional_survives,
                    every_status_survives,
                    a_job_of_an_unknown_tenant_is_not_inserted,
                    a_pending_job_is_cancelled_at_once,
                    a_running_job_is_asked_to_stop,
                    an_ended_job_is_not_cancelled,
                    only_an_ended_job_is_deleted,
                    active_jobs_are_counted,
                    jobs_are_listed_by_status,
                }
                lists {
                    a_walk_by_cursor_sees_every_job_once,
                    a_cursor_of_jobs_outlives_its_job,
                    a_cursor_of_another_list_is_no_outage,
                    another_tenants_job_is_unknown_to_every_step,
                    lists_show_their_own_tenant,
                }
                records {
                    every_change_of_a_job_is_recorded_once_in_order,
                    parallel_changes_of_keys_and_jobs_make_one_chain,
                    a_repeated_job_is_not_inserted,
                    a_job_that_is_not_inserted_claims_nothing,
                    parallel_cancels_cancel_once,
                }
                queue {
                    a_leased_job_runs,
                    only_pending_jobs_are_leased,
                    no_more_jobs_are_leased_than_asked_for,
                    the_oldest_job_of_a_tenant_comes_first,
                    tenants_that_are_passed_over_keep_their_turn,
                    no_tenant_runs_more_than_its_share,
                    many_jobs_of_one_tenant_delay_another_by_one,
                    tenants_get_equal_shares,
                    a_lease_lapses_and_another_takes_the_job,
                    a_heartbeat_keeps_a_lease,
                    a_lapsed_lease_counts_until_it_is_taken_back,
                    heartbeats_are_answered_each_in_order,
                    progress_is_noted,
                    a_retry_is_due_after_its_time,
                    a_lease_is_as_long_as_it_was_asked_for,
                }
                ends {
                    every_outcome_ends_a_job_as_it_says,
                    the_end_has_the_time_that_it_is_given,
                    a_job_ends_once,
                    a_lease_that_does_not_count_ends_nothing,
                    a_job_that_was_asked_to_stop_is_cancelled_whatever_came_out,
                    a_job_whose_node_died_is_tried_once_more,
                    deaths_at_a_job_are_counted_whoever_died,
                    a_lapsed_job_that_was_to_stop_is_cancelled,
                    no_more_jobs_are_reclaimed_than_asked_for,
                    jobs_of_a_revoked_key_are_cancelled,
                    every_webhook_that_hears_an_end_is_told_once,
                    a_cancelled_job_is_told_of_and_settled,
                    the_end_settles_what_was_reserved,
                    audio_of_unknown_length_is_metered_when_it_is_known,
                }
                retention {
                    the_retention_of_a_tenant_is_set_and_cleared,
                    an_ended_job_expires_after_the_days_of_its_tenant,
                    a_job_that_has_not_ended_does_not_expire,
                    expired_jobs_come_in_parts,
                    a_job_that_ended_in_any_way_expires,
                }
                meter {
                    a_quota_is_set_and_read,
                    there_is_no_quota_of_nobody,
                    audio_without_a_limit_is_metered,
                    a_reservation_is_what_both_have_left,
                    a_whole_reservation_is_all_or_nothing,
                    nothing_is_granted_unless_nothing_is_left,
                    the_rest_of_a_day_is_what_both_have_left,
                    a_job_of_unknown_length_takes_the_rest_of_the_day,
                    jobs_and_streams_share_a_day,
                    every_day_begins_anew,
                    a_settlement_is_never_refused_and_never_below_nothing,
                    a_changed_quota_holds_at_once,
                    tenants_are_metered_apart,
                    no_more_jobs_are_there_at_once_than_allowed,
                    a_job_without_audio_left_is_not_inserted,
                    a_refused_job_claims_nothing,
                    a_deleted_job_stays_on_the_meter,
                }
                sessions {
                    every_field_of_a_worker_survives,
                    a_registration_is_recorded_when_it_is_new_or_another,
                    a_worker_of_another_tenant_keeps_its_name,
                    a_worker_lapses,
                    a_worker_is_taken_away,
                    the_least_share_is_next,
                    a_large_capacity_overflows_nothing,
                    a_smaller_capacity_takes_no_slot_away,
                    a_session_gets_a_worker_that_serves_it,
                    one_of_several_tenants_has_a_share_of_a_shared_worker,
                    a_worker_that_could_not_be_reached_is_passed_over,
                    the_nodes_own_worker_comes_last,
                    a_session_lapses_and_frees_its_slot,
                    sessions_are_renewed_together,
                    closing_again_is_the_same,
                    no_more_streams_are_open_than_allowed,
                    sessions_are_counted_by_tenant,
                }
                webhooks {
                    every_field_of_a_webhook_survives,
                    a_webhook_of_an_unknown_tenant_is_not_inserted,
                    a_tenant_has_only_so_many_webhooks,
                    webhooks_are_listed_in_pages,
                    another_tenants_webhook_is_unknown_to_every_step,
                    a_patch_changes_what_it_names_and_nothing_else,
                    two_secrets_sign_while_a_rotation_overlaps,
                    a_running_overlap_forbids_a_rotation,
                    parallel_rotations_keep_the_secret_that_signs,
                    a_rotation_changes_nothing_else,
                    a_deleted_webhook_is_gone_with_its_deliveries,
                }
                deliveries {
                    a_published_event_reaches_whoever_listens_once,
                    a_delivery_is_taken_for_a_while,
                    the_oldest_due_is_taken_first,
                    deliveries_of_a_disabled_webhook_stay,
                    webhooks_that_have_enough_are_passed_over,
                    an_arrival_is_noted,
                    a_failed_attempt_is_tried_again_at_its_time,
                    a_delivery_is_given_up,
                    a_later_attempt_makes_an_earlier_one_void,
                    an_attempt_is_noted_once,
                    a_webhook_that_never_answers_is_switched_off,
                    a_webhook_that_answered_lately_stays_on,
                    an_ended_delivery_is_started_again,
                    deliveries_are_listed_in_pages,
                    old_ended_deliveries_are_swept,
                }
                contention {
                    parallel_nodes_lease_each_job_once,
                    parallel_nodes_keep_the_share_of_a_tenant,
                    a_job_ends_once_whoever_ends_it,
                    a_job_survives_nodes_that_die,
                    parallel_reservations_never_exceed_a_quota,
                    parallel_inserts_never_exceed_a_quota,
                    parallel_sessions_never_exceed_capacity_or_limit,
                    parallel_takes_give_each_delivery_once,
                    parallel_notes_of_an_attempt_count_once,
                    parallel_sweeps_of_orphans_cancel_once,
                }
            );
        }
    };
    (@tests $fixture:expr; $($group:ident { $($rule:ident),+ $(,)? })+) => {
        $(mod $group {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let fixture: $crate::contract::WorkFixture = $fixture.await;
                $crate::contract::$group::$rule(&fixture).await;
                fixture.store.close().await;
            })+
        })+
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_rule_is_in_the_list() {
        let list = include_str!("mod.rs");
        let groups = [
            include_str!("contention.rs"),
            include_str!("deliveries.rs"),
            include_str!("ends.rs"),
            include_str!("jobs.rs"),
            include_str!("lists.rs"),
            include_str!("meter.rs"),
            include_str!("queue.rs"),
            include_str!("records.rs"),
            include_str!("retention.rs"),
            include_str!("sessions.rs"),
            include_str!("webhooks.rs"),
        ];
        for line in groups.iter().flat_map(|group| group.lines()) {
            let rule =
                line.strip_prefix("pub async fn ").and_then(|rest| rest.strip_suffix("(fixture: &WorkFixture) {"));
            if let Some(rule) = rule {
                assert!(list.contains(&format!(" {rule},")) || list.contains(&format!(" {rule} ")), "{rule}");
            }
        }
    }
}
