//! The contract suite: the rules that every engine must satisfy. [`contract!`](crate::contract!) generates one test per
//! rule.

#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "a suite of tests")]
#![expect(missing_docs, reason = "the name of a rule is its sentence")]

pub mod alone;
pub mod audit;
pub mod chain;
pub mod claims;
mod counter;
pub mod feed;
pub mod figures;
mod fixture;
pub mod guards;
pub mod handle;
pub mod keys;
pub mod leases;
pub mod limits;
pub mod nodes;
pub mod notes;
pub mod notifier;
pub mod pages;
pub mod races;
pub mod revocation;
pub mod secrets;
pub mod tenants;
pub mod usage;

pub use fixture::{Fixture, Reopen};
pub use handle::StoreHandle;

/// Generates a module `$engine` with one test per rule. Each test runs on its own [`Fixture`], which `$fixture.await`
/// returns.
///
/// `contract!(redis, kit::stores::redis(), limits)` is for an engine with a shared counter. An engine that has a
/// counter but is not declared so fails, and so does one that is declared so and has none. With `only limits`, only the
/// counter is tested. The calling crate needs tokio as a dependency.
#[macro_export]
macro_rules! contract {
    ($engine:ident, $fixture:expr) => {
        mod $engine {
            $crate::contract!(@every $fixture);
            $crate::contract!(@tests $fixture; limits { there_is_no_counter });
        }
    };
    ($engine:ident, $fixture:expr, limits) => {
        mod $engine {
            $crate::contract!(@every $fixture);
            $crate::counter_contract!($fixture);
        }
    };
    ($engine:ident, $fixture:expr, only limits) => {
        mod $engine {
            $crate::counter_contract!($fixture);
        }
    };
    (@every $fixture:expr) => {
        $crate::contract!(@tests $fixture;
            keys {
                an_inserted_key_is_found_listed_and_revocable,
                a_key_of_an_unknown_tenant_is_not_inserted,
                an_unknown_key_is_not_there,
                every_field_of_a_key_survives,
                a_key_with_nothing_optional_survives,
                every_scope_and_creator_survives,
                a_scope_that_nobody_knows_survives,
                a_scope_that_nobody_knows_stays_through_every_change_but_its_own,
                an_update_changes_what_it_names_and_nothing_else,
                an_update_clears_what_it_says_to_clear,
                metadata_survives_every_change_of_its_key,
                a_revoked_key_is_not_updated,
                a_revoked_key_stays_revoked,
                a_revocation_takes_all_secrets,
                the_first_key_is_inserted_only_once,
                the_first_key_brings_its_tenant,
                there_is_no_first_key_after_another,
            }
            guards {
                a_wider_key_is_not_changed,
                a_name_that_nobody_knows_is_within_admin_alone,
                a_name_that_nobody_knows_makes_no_admin,
                the_last_live_admin_is_kept,
                the_last_admin_is_neither_disabled_nor_stripped_nor_ended,
                an_admin_that_is_not_live_does_not_count,
                an_admin_of_another_tenant_does_not_count,
                a_platform_key_counts_as_an_admin,
                a_key_that_is_no_live_admin_may_always_go,
                the_last_admin_goes_when_nobody_asks_to_keep_it,
                what_a_guard_refuses_leaves_no_trace,
            }
            secrets {
                an_unknown_digest_leads_nowhere,
                a_key_is_found_in_every_state,
                both_secrets_work_while_a_rotation_overlaps,
                the_old_secret_ends_when_it_was_told_to,
                a_rotation_without_overlap_ends_the_old_secret_at_once,
                a_running_overlap_forbids_a_rotation,
                a_refused_rotation_claims_nothing,
                a_rotation_that_is_told_to_ends_the_oldest_secret,
                a_rotation_keeps_all_but_the_prefix,
                a_revoked_key_is_not_rotated,
            }
            claims {
                a_repeated_claim_inserts_nothing,
                a_claim_knows_another_payload,
                a_claim_lapses,
                claims_do_not_run_into_each_other,
                a_repeated_rotation_changes_nothing,
                a_step_that_fails_claims_nothing,
            }
            tenants {
                the_default_tenant_is_there_from_the_start,
                a_tenant_is_inserted_once,
                tenants_are_listed_in_pages,
                tenants_are_counted,
                another_tenants_key_is_unknown_to_every_step,
                lists_show_their_own_tenant,
            }
            usage {
                usage_adds_up,
                the_latest_use_wins_in_any_order,
                the_last_use_is_shown_with_the_key,
                days_are_newest_first_from_a_day_on,
                unknown_keys_are_passed_over,
                a_repeated_step_counts_once,
                a_step_whose_answer_was_lost_is_found_out,
                a_step_that_is_void_stays_void,
                a_late_step_counts_nothing,
                counters_number_their_steps_apart,
                parallel_repeats_of_a_step_count_once,
                a_counter_is_remembered_for_a_month,
                using_a_key_does_not_change_it,
                a_revoked_key_keeps_its_usage,
            }
            feed {
                an_empty_store_has_no_changes,
                a_store_tells_its_time,
                a_change_has_the_number_of_its_audit_record,
                a_key_that_changed_twice_is_there_once,
                changes_come_in_order_and_in_parts,
                the_mark_of_a_part_is_that_of_its_last_change,
                a_history_that_is_another_one_is_noticed,
                what_was_heard_is_seen_by_whoever_looks_then,
                every_field_of_an_audit_record_survives,
                every_change_is_recorded_once_in_order,
                audit_records_come_in_parts,
                what_changes_nothing_is_not_recorded,
            }
            notifier {
                a_change_of_another_node_wakes,
                a_change_before_the_wait_wakes,
                a_wait_that_is_given_up_loses_nothing,
                every_way_to_change_a_key_wakes,
                parallel_changes_are_all_heard,
            }
            chain {
                every_change_is_linked_from_the_start,
                a_record_without_a_change_is_numbered_and_linked,
                parallel_changes_make_one_chain,
                a_record_read_back_has_the_digest_of_the_one_written,
            }
            audit {
                an_empty_record_has_one_empty_page,
                audit_pages_are_newest_first,
                audit_filters_hold_alone_and_together,
                since_is_among_them_and_until_is_not,
                the_audit_of_a_tenant_shows_no_other,
                audit_pages_neither_repeat_nor_skip_while_records_are_added,
            }
            notes {
                a_note_is_written_over_what_was_expected_only,
                a_note_lapses_by_the_clock_of_the_store,
                a_note_is_taken_once,
                parallel_writes_of_a_note_write_one,
                notes_of_odd_names_and_texts_stay_apart,
                notes_are_no_changes,
            }
            figures {
                a_tenant_without_keys_has_no_figures,
                keys_are_counted_by_what_they_are,
                unused_keys_are_counted,
                used_keys_are_counted_whatever_became_of_them,
                figures_follow_every_change,
            }
            pages {
                newest_is_first_and_equal_times_go_by_id,
                a_walk_by_cursor_sees_every_key_once,
                a_page_knows_whether_there_is_another,
                an_offset_skips_the_newest,
                a_cursor_outlives_its_item,
                a_cursor_of_another_list_is_no_outage,
                insertions_neither_repeat_nor_skip_a_row,
                revoked_keys_are_listed_only_when_asked_for,
            }
            revocation {
                using_a_key_never_revives_it,
                changing_a_key_never_revives_it,
            }
            races {
                parallel_inserts_of_one_claim_insert_one,
                parallel_first_keys_insert_one,
                parallel_changes_leave_one_admin,
                parallel_rotations_keep_the_secret_in_use,
                parallel_rotations_leave_two_secrets,
                parallel_uses_all_count,
                a_walk_among_insertions_sees_every_key_once,
                a_reader_of_the_feed_misses_nothing,
            }
        );
    };
    (@tests $fixture:expr; $($group:ident { $($rule:ident),+ $(,)? })+) => {
        $(mod $group {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let fixture: $crate::contract::Fixture = $fixture.await;
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
        let list = [include_str!("mod.rs"), include_str!("counter.rs")].concat();
        let groups = [
            include_str!("alone.rs"),
            include_str!("audit.rs"),
            include_str!("chain.rs"),
            include_str!("claims.rs"),
            include_str!("feed.rs"),
            include_str!("figures.rs"),
            include_str!("guards.rs"),
            include_str!("keys.rs"),
            include_str!("leases.rs"),
            include_str!("limits.rs"),
            include_str!("nodes.rs"),
            include_str!("notes.rs"),
            include_str!("pages.rs"),
            include_str!("races.rs"),
            include_str!("revocation.rs"),
            include_str!("secrets.rs"),
            include_str!("tenants.rs"),
            include_str!("usage.rs"),
            include_str!("notifier.rs"),
        ];
        for line in groups.iter().flat_map(|group| group.lines()) {
            let rule = line.strip_prefix("pub async fn ").and_then(|rest| rest.strip_suffix("(fixture: &Fixture) {"));
            if let Some(rule) = rule {
                assert!(list.contains(&format!(" {rule},")) || list.contains(&format!(" {rule} ")), "{rule}");
            }
        }
    }
}
