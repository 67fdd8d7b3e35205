"""Which tests hold which item of the failure catalogue, ../shared/research/reliability.md section 2.

Items 1 to 29 and 45 to 88: crashes, leases, SQLite, time, replay and user code, sagas, cancelling, events. An item
is *held* by the tests that are named, or comes *later*, with the part of the product that brings its subject.
"""

from __future__ import annotations

from typing import NamedTuple

ITEMS = (*range(1, 30), *range(45, 89))


class Held(NamedTuple):
    """By these tests, as path::name below ``tests``; ``note`` says what is held otherwise than the item says."""

    tests: tuple[str, ...]
    note: str = ""


class Later(NamedTuple):
    """Not before this is built."""

    what: str


def by(*tests: str, note: str = "") -> Held:
    """Name the tests that hold an item."""
    return Held(tests, note)


EVERY_WRITE = "crash/test_every_write.py::test_a_scenario_survives_a_crash_at_every_write"
EVERY_REACTION = "crash/test_every_reaction.py::test_services_survive_a_crash_at_every_write"
SERVICES = "simulation/test_service_swarm.py::test_every_promise_holds_in_every_world_with_services"
CUTS = "power/test_cuts.py::test_a_store_holds_exactly_what_it_confirmed_after_any_cut_and_the_engine_ends_as_without"
SWARM = "simulation/test_swarm.py::test_every_promise_holds_in_every_world"
KILLS = "real_faults/test_kills.py::test_nothing_acknowledged_is_lost_by_a_hundred_kills_of_two_workers_on_one_file"
ZOMBIES = "real_faults/test_zombies.py::test_zombies_can_commit_nothing_and_are_taken_over_within_lease_and_a_second"
IO_ERRORS = (
    "power/test_io_errors.py::"
    "test_an_engine_on_a_disk_that_fails_at_any_operation_loses_nothing_and_ends_as_on_a_sound_one"
)

TABLE: dict[int, Held | Later] = {
    # crash and recovery
    1: by(EVERY_WRITE, CUTS),
    2: by(
        KILLS,
        "real_faults/test_tickets.py::test_every_ticket_of_a_real_log_ends_as_the_log_says_whatever_is_repeated_or_killed",
        note="A hundred kills and more than twenty; a thousand in the long run.",
    ),
    3: by(CUTS, "power/test_real_workers.py::test_what_a_worker_or_client_was_told_survives_every_cut"),
    4: by("power/test_cuts.py::test_cuts_during_recovery_and_again_during_that_lose_nothing_either"),
    5: by(
        "catalogue/test_store.py::test_a_migration_that_was_cut_off_anywhere_is_completed_by_the_next_one_who_opens"
    ),
    6: by(
        EVERY_WRITE,
        KILLS,
        note="A crash before the write of each entry; the judges and the ledger compare the keys.",
    ),
    7: by(EVERY_WRITE, note="A crash after the write of each entry, with nobody told."),
    8: by(
        "catalogue/test_time.py::test_a_sleep_of_thirty_days_ends_when_it_would_have_though_its_worker_died_on_the_way"
    ),
    9: by(
        "real_faults/test_hardships.py::test_a_thousand_runs_that_are_pending_at_boot_all_end_and_the_threads_stay_few"
    ),
    10: by(
        "cli/test_worker.py::test_the_first_sigterm_lets_a_step_under_way_end",
        "cli/test_worker.py::test_what_does_not_end_within_the_grace_is_handed_on_and_not_failed",
        "catalogue/test_leases.py::test_a_worker_that_drains_longer_than_its_lease_keeps_its_run_and_the_step_is_not_done_twice",
    ),
    11: by("cli/test_worker.py::test_the_second_signal_ends_it_at_once_and_fails_nothing"),
    12: by(
        "bad_input/test_shared.py::test_a_fork_after_opening_is_refused_in_the_child_and_the_parent_goes_on"
    ),
    13: by(
        "real_faults/test_hardships.py::test_steps_that_eat_up_the_memory_fail_or_are_parked_by_name_and_their_neighbours_end",
        "behaviours/test_recovery.py::test_a_run_that_crashes_at_each_recovery_is_parked_until_somebody_retries_it",
    ),
    14: by("bad_input/test_poison.py::test_a_run_that_kills_every_worker_is_parked_and_the_other_99_finish"),
    15: by(
        "bad_input/test_raised.py::test_what_a_step_raises_fails_its_run_and_the_worker_lives",
        "bad_input/test_raised.py::test_what_a_workflow_body_raises_is_its_failure_and_the_worker_lives",
    ),
    # leases, zombies, many workers
    16: by(ZOMBIES),
    17: by(
        "conformance/test_stores.py::test_a_store_keeps_its_contract",
        ZOMBIES,
        note="Case sessions.a_late_heartbeat_is_refused; the zombies' hearts beat late for real.",
    ),
    18: by(
        "conformance/test_stores.py::test_a_store_keeps_its_contract",
        note="Case sessions.a_lease_protects: the fence decides and not the lease. Until somebody has fenced the "
        "session, its commits are accepted, and each renews its lease.",
    ),
    19: by(
        "catalogue/test_leases.py::test_a_step_that_blocks_the_loop_beyond_the_lease_keeps_its_run_by_the_heart_and_runs_once",
        "bad_input/test_steps.py::test_an_async_step_that_blocks_the_loop_is_warned_about_with_its_line",
    ),
    20: by("catalogue/test_leases.py::test_a_worker_that_cannot_renew_its_lease_begins_no_attempt"),
    21: by(
        "catalogue/test_loads.py::test_a_thousand_racers_in_eight_processes_get_the_same_run_for_the_same_id",
        note="Eight processes of 125 starts each.",
    ),
    22: by(
        "bad_input/test_ids.py::test_the_same_id_with_another_input_is_a_conflict_and_the_first_run_is_unharmed"
    ),
    23: by(
        "catalogue/test_loads.py::test_eight_workers_share_five_thousand_runs_while_they_are_killed_and_lose_none",
        note="In the long run.",
    ),
    24: by(
        "cli/test_worker.py::test_after_a_kill_another_worker_goes_on_at_once",
        note="A worker has no id that could be used again: each start opens a session of a new number.",
    ),
    25: by(
        SWARM,
        "behaviours/test_recovery.py::test_one_sweep_hands_on_a_bounded_number_of_runs",
        note="Every worker may fence and hand on; workers of a swarm are killed and stopped while they do.",
    ),
    26: by(SWARM, note="Half of the worlds have workers whose wall clocks are off by up to an hour."),
    27: Later("the PostgreSQL store: a file has no network between it and its worker (blueprint 4.2)"),
    28: by(
        "bad_input/test_held.py::test_two_programs_with_a_worker_each_share_one_file",
        "bad_input/test_shared.py::test_a_second_app_on_the_same_file_in_one_process_is_refused_by_name",
    ),
    29: by(
        "catalogue/test_store.py::test_a_file_system_without_locks_and_shared_memory_is_refused_by_name",
        note="One that only pretends to lock cannot be told from one process; the tutorial warns of network "
        "file systems.",
    ),
    # SQLite
    45: by(
        IO_ERRORS,
        "bad_input/test_full.py::test_a_full_disk_is_told_by_name_and_runs_go_on_when_there_is_space_again",
    ),
    46: by(
        IO_ERRORS,
        "power/test_io_errors.py::test_the_same_groups_leave_the_same_rows_whichever_operation_failed_under_them",
        "power/test_io_errors.py::test_opening_on_a_failing_disk_is_refused_clearly_and_can_be_tried_again",
        "power/test_io_errors.py::test_closing_on_a_failing_disk_leaves_everything_for_the_next_one_who_opens",
        "power/test_io_errors.py::test_what_was_confirmed_after_a_failed_sync_survives_cuts_though_the_system_let_the_data_go",
    ),
    47: by(
        "bad_input/test_full.py::test_a_disk_that_fills_up_under_a_worker_loses_nothing_and_goes_on_when_it_grows",
        "bad_input/test_full.py::test_where_and_doctor_say_that_the_disk_is_full_and_not_that_a_worker_is_missing",
    ),
    48: by(
        "bad_input/test_held.py::test_while_another_process_holds_the_write_lock_work_waits_and_then_goes_on",
        "bad_input/test_held.py::test_a_step_that_ends_while_the_store_is_held_is_written_when_it_is_free",
        "cli/test_where.py::test_a_store_that_another_process_holds",
        note="With patience and lease scaled down from a minute to a second.",
    ),
    49: by(
        "bad_input/test_held.py::test_every_transaction_that_writes_takes_the_write_lock_at_its_beginning",
        "power/test_safeguards.py::test_a_safeguard_holds_and_is_missed_when_it_is_taken_away",
    ),
    50: by(
        "bad_input/test_held.py::test_a_reader_that_does_not_end_holds_up_no_work_and_the_wal_shrinks_after_it"
    ),
    51: by(
        "bad_input/test_full.py::test_a_file_system_that_is_read_only_is_refused_by_name",
        "bad_input/test_full.py::test_a_store_on_a_file_system_that_has_become_read_only_is_refused_by_name",
        "bad_input/test_full.py::test_who_only_looks_may_do_so_where_nothing_can_be_written",
    ),
    52: by(
        "bad_input/test_damaged.py::test_a_file_that_is_no_sound_store_is_refused_by_name_and_left_as_it_is",
        "bad_input/test_damaged.py::test_a_store_whose_wal_was_taken_away_after_a_crash_is_refused",
        note="Who deletes both -wal and -shm after a crash leaves a file that is sound and older: SQLite keeps "
        "nothing in it that tells of commits beside it, and a mark of ours would have to be synced to the main "
        "file before the first commit of every life and after the last one of all processes.",
    ),
    53: by(
        "bad_input/test_damaged.py::test_a_store_that_is_gone_while_open_takes_no_commit_any_more_and_says_so"
    ),
    54: by(
        "catalogue/test_store.py::test_a_copy_that_sqlite_made_while_a_worker_ran_goes_on_from_that_moment"
    ),
    55: by(
        "catalogue/test_store.py::test_an_sqlite_that_can_corrupt_a_shared_wal_is_refused_by_its_version",
        note="Refused and not warned about: the wheel brings a sound one.",
    ),
    # time
    56: by(
        "catalogue/test_time.py::test_very_many_timers_that_are_due_at_once_all_fire_once_and_none_too_early"
    ),
    57: by(
        "real_faults/test_clock_jumps.py::test_no_timer_is_early_no_loop_spins_and_no_lease_is_lost_when_the_wall_clock_jumps"
    ),
    58: Later("schedules (blueprint 5: worker/schedules)"),
    59: Later("schedules (blueprint 5: worker/schedules)"),
    60: by(
        "bad_input/test_durations.py::test_a_sleep_that_cannot_be_slept_is_refused_by_name_in_the_run",
        "bad_input/test_durations.py::test_no_time_at_all_is_a_length_of_time",
        "bad_input/test_durations.py::test_asyncio_sleep_of_a_wrong_number_is_refused_by_name_and_never_waits_for_ever",
    ),
    61: by(
        "catalogue/test_time.py::test_of_a_signal_and_a_timer_the_earlier_wins_and_at_the_same_microsecond_the_signal"
    ),
    # replay and user code
    62: by(
        EVERY_WRITE,
        "behaviours/test_replay.py::test_what_gather_started_is_told_apart_by_the_order_of_the_calls",
    ),
    63: by(EVERY_WRITE, note="Scenario `wait FIRST_COMPLETED`: the winner is the same at each replay."),
    64: by(
        "bad_input/test_replay.py::test_clocks_and_chance_in_workflow_code_are_found_out_at_replay",
        "bad_input/test_misuse.py::test_workflow_code_that_reaches_for_the_world_is_refused_by_name",
    ),
    65: by(
        "bad_input/test_replay.py::test_changed_code_parks_the_run_by_name_and_a_retry_with_mended_code_goes_on",
        "bad_input/test_replay.py::test_a_new_version_does_not_take_runs_of_an_old_one_and_the_old_one_finishes_them",
    ),
    66: by(
        "bad_input/test_replay.py::test_a_run_whose_code_is_missing_here_stays_pending_until_a_worker_has_it"
    ),
    67: by("bad_input/test_limits.py::test_a_recursion_of_children_ends_by_name_at_its_depth"),
    68: by(
        "bad_input/test_limits.py::test_an_endless_loop_of_steps_or_timers_fails_by_name_when_its_journal_is_full",
        note="continue_as_new, which resets the cost of reading, comes later (blueprint 4.3).",
    ),
    69: by(
        "catalogue/test_loads.py::test_a_parent_of_very_many_children_gets_every_result_within_bounded_memory",
        note="Ten thousand in the long run.",
    ),
    70: by(
        "bad_input/test_steps.py::test_a_step_that_hangs_times_out_is_retried_and_then_is_a_timeout_to_the_code",
        "bad_input/test_steps.py::test_hung_threads_do_not_starve_the_pool",
    ),
    71: by(
        "bad_input/test_steps.py::test_a_step_that_is_retried_for_ever_without_a_delay_keeps_the_least_one"
    ),
    72: by(
        "bad_input/test_steps.py::test_a_step_that_blocks_its_thread_holds_up_no_other_run",
        "bad_input/test_steps.py::test_an_async_step_that_blocks_the_loop_is_warned_about_with_its_line",
    ),
    73: by("bad_input/test_steps.py::test_a_swallowed_cancel_comes_again_at_the_next_verb"),
    74: by(
        "bad_input/test_misuse.py::test_a_verb_outside_a_run_is_refused_by_name",
        "bad_input/test_misuse.py::test_a_verb_in_a_steps_body_or_in_another_thread_is_refused_by_name",
        "bad_input/test_misuse.py::test_a_promise_kept_beyond_its_run_or_taken_to_another_thread_disturbs_nobody",
    ),
    # sagas and cancelling
    75: by(
        EVERY_WRITE,
        note="Scenarios `buy failing at k`: each step fails once, at each a crash at every write.",
    ),
    76: by(
        EVERY_WRITE,
        "behaviours/test_cancellation.py::test_cancelling_what_has_ended_or_twice_does_nothing_and_an_unknown_id_is_an_error",
        "catalogue/test_sagas.py::test_a_saga_that_is_cancelled_while_it_is_undone_and_again_undoes_everything_once",
        note="Forward: scenario `a cancelled saga`.",
    ),
    77: by(
        EVERY_WRITE,
        "cli/test_where.py::test_a_compensation_that_failed_waits_for_a_person",
        note="Scenario `a stubborn compensation`.",
    ),
    78: by(
        "catalogue/test_sagas.py::test_a_step_whose_effect_happened_and_whose_entry_did_not_is_undone_when_the_saga_fails",
        EVERY_WRITE,
    ),
    79: by(
        EVERY_WRITE,
        "simulation/test_findings.py::test_a_step_that_answered_while_its_siblings_failure_was_written_is_settled_once",
    ),
    # events
    80: by(
        "catalogue/test_events.py::test_events_that_come_ten_times_mixed_up_between_keys_and_a_day_late_have_one_effect_each",
        SERVICES,
    ),
    81: by(
        "events/test_producers.py::test_from_outside_a_service_that_is_too_far_behind_takes_no_more",
        "events/test_producers.py::test_a_run_waits_with_its_events_and_loses_none",
        "events/test_asking.py::test_services_tell_how_far_they_are",
        "real_faults/test_crowds.py::test_a_storm_upon_a_slow_service_slows_its_producers_and_loses_nothing",
        "real_faults/test_crowds.py::test_a_service_that_was_away_catches_up_in_order_and_in_bounded_memory",
        note="With a hundred thousand events in the long run, with fewer in each run.",
    ),
    82: by(
        "events/test_producers.py::test_a_service_that_comes_back_too_late_stands_still_until_it_is_told_to_skip",
        "events/test_producers.py::test_a_new_service_begins_with_the_oldest_event_that_is_left",
        EVERY_REACTION,
    ),
    83: by(
        "catalogue/test_events.py::test_a_poison_event_is_a_dead_letter_with_its_cause_while_others_go_on_and_a_redrive_ends_it",
        EVERY_REACTION,
    ),
    84: by(
        EVERY_REACTION,
        note="Without a bus: the reply to the commit of a reaction is lost, and it is written again.",
    ),
    85: by(
        EVERY_REACTION,
        note="Emitting is a part of the commit of whatever emits, so there is nothing between the two; a crash "
        "before and after that commit, and a client that asks again under the same id.",
    ),
    86: by(
        "events/test_cloudevents_cases.py::test_every_case_is_taken_or_refused_as_its_authors_say",
        "events/test_in_an_app.py::test_a_malformed_event_writes_nothing",
        note="Reading of envelopes and headers; status codes come with the HTTP endpoint.",
    ),
    87: by(
        "catalogue/test_schemas.py::test_an_emitter_that_would_break_its_readers_emits_nothing",
        "catalogue/test_schemas.py::test_a_foreign_event_that_breaks_the_schema_is_refused",
        "catalogue/test_schemas.py::test_one_that_nothing_is_known_of_is_a_dead_letter_of_whoever_cannot_read_it",
        "events/test_registering.py::test_a_version_whose_readers_cannot_read_what_is_stored_stops_the_worker",
    ),
    88: by(
        "catalogue/test_events.py::test_services_that_answer_each_other_without_end_are_stopped_at_the_limit_of_hops"
    ),
}
