"""Which test holds which behaviour of ../shared/conformance/behaviours.json, and what was decided otherwise.

The areas are those of the durable core. A behaviour is *held* by a test; or held *otherwise*, by a test
that says what we do instead and why; or it comes *later*, with what builds it.
"""

from __future__ import annotations

from typing import NamedTuple

AREAS = (
    "signals",
    "recovery",
    "cancellation",
    "replay",
    "determinism",
    "steps",
    "timers",
    "identity",
    "children",
    "sagas",
)


class Held(NamedTuple):
    """By this test, as file::name."""

    test: str


class Otherwise(NamedTuple):
    """By this test, which does something else than the case says; ``why`` names who decided so."""

    test: str
    why: str


class Later(NamedTuple):
    """Not before this is built."""

    what: str


TABLE: dict[str, Held | Otherwise | Later] = {
    # replay
    "002": Held("test_replay::test_only_what_had_not_completed_runs_again"),
    "003": Held("test_replay::test_each_turn_of_a_loop_has_an_entry_of_its_own"),
    "004": Held("test_replay::test_a_step_that_raises_leaves_no_result_and_runs_again"),
    "005": Held("test_replay::test_what_gather_started_is_told_apart_by_the_order_of_the_calls"),
    "006": Held("test_replay::test_a_side_effect_happens_once_and_its_result_is_in_the_journal"),
    "007": Held("test_replay::test_a_side_effect_is_durable_before_the_next_one_begins"),
    "008": Held("test_replay::test_what_cannot_be_recorded_is_a_clear_error_and_the_run_ends"),
    "009": Otherwise(
        "test_replay::test_an_error_keeps_its_class_in_the_workflow_and_its_name_and_text_for_callers",
        "design.md 4.5: stored errors are data (type as a string, message, traceback), never classes to "
        "import. Workflow code gets the class that it can see; a caller gets RunFailed with the error in it.",
    ),
    # determinism
    "011": Held("test_replay::test_a_workflow_that_behaves_differently_is_parked_and_does_nothing_more"),
    "015": Held("test_replay::test_ids_chance_and_time_come_back_the_same_after_eviction"),
    "018": Held("test_replay::test_coroutines_that_become_ready_together_go_on_in_the_order_of_their_making"),
    # recovery
    "019": Held("test_recovery::test_what_a_dead_process_left_is_found_and_completed"),
    "020": Held("test_recovery::test_a_run_under_way_is_not_taken_over_from_a_living_worker"),
    "022": Otherwise(
        "test_recovery::test_a_run_that_crashes_at_each_recovery_is_parked_until_somebody_retries_it",
        "design.md 2: six statuses, and `parked: kills its worker` is a reason of a waiting run. It is not "
        "the end of it: a person retries it (P11).",
    ),
    "023": Held("test_recovery::test_starting_it_again_is_no_crash_and_a_parked_run_frees_its_slot"),
    "024": Held("test_recovery::test_a_run_waits_for_a_worker_that_has_its_version"),
    "025": Held("test_recovery::test_a_start_while_a_step_is_retried_gives_the_same_single_outcome"),
    "027": Held("test_recovery::test_a_zombies_entry_is_refused_and_the_new_attempt_is_untouched"),
    "028": Held("test_recovery::test_a_zombies_end_of_a_run_is_refused_and_the_new_owners_result_stands"),
    "029": Held("test_recovery::test_each_commit_extends_the_lease_of_a_slow_worker"),
    "030": Held("test_recovery::test_one_sweep_hands_on_a_bounded_number_of_runs"),
    "031": Held("test_recovery::test_a_cancel_and_an_end_that_race_have_one_winner_and_no_deadlock"),
    "032": Held("test_recovery::test_the_state_of_a_counter_survives_kills_between_its_calls"),
    "033": Held("test_recovery::test_an_interrupt_while_a_step_is_retried_leaves_the_run_to_be_recovered"),
    # identity
    "034": Otherwise(
        "test_identity::test_one_id_is_one_run_and_another_input_or_function_is_a_conflict",
        "design.md 1, P2: the same id with other input is a clear conflict error; nobody silently gets the "
        "result of another question. One execution, and an error for another function, are as the case says.",
    ),
    "035": Held(
        "test_identity::test_many_starts_at_once_are_one_run_and_its_step_is_never_done_twice_at_a_time"
    ),
    "036": Otherwise(
        "test_identity::test_the_id_of_a_completed_run_stays_its_own",
        "design.md 1, P2, as for 034: nothing is created, and other parameters are a conflict.",
    ),
    "039": Held("test_identity::test_a_start_after_the_end_finds_the_same_run_and_its_result"),
    "040": Otherwise(
        "test_signals::test_a_repeated_message_id_counts_once_for_all_who_sent_it",
        "design.md 2 has no updates among its verbs: a message to a run is a signal, idempotent by its id, "
        "and what comes of it is the run's result.",
    ),
    # signals
    "041": Held("test_signals::test_start_and_signal_together_may_be_repeated_as_a_whole"),
    "042": Held("test_signals::test_the_end_of_a_run_is_decided_again_when_a_signal_comes_at_that_moment"),
    "043": Later("continue_as_new (design.md 4.3)"),
    "047": Held("test_signals::test_a_signal_that_came_early_is_taken_without_a_wait"),
    "050": Later(
        "events, which several runs may wait for (design.md 4.4: `receive` of an event, by case or key)"
    ),
    "051": Otherwise(
        "test_signals::test_early_signals_are_taken_in_order_and_names_are_exact",
        "Temporal, Restate and DBOS compare names exactly, and so do we: a name is that of a Python type. "
        "That signals are kept, and first in, first out, is as the case says.",
    ),
    "052": Held("test_signals::test_a_wait_that_lost_takes_no_later_signal"),
    "055": Otherwise(
        "test_signals::test_a_type_that_became_stricter_parks_the_run_and_loses_no_signal",
        "design.md 2 has no updates, and so no validators but the type that is asked for. One that became "
        "stricter is a change of the code: the run is parked until it reads its journal again (P3).",
    ),
    "056": Otherwise(
        "test_signals::test_a_message_that_nobody_can_read_is_told_to_the_code_and_one_too_large_to_its_sender",
        "design.md 2 has no updates: the sender of a signal does not wait for the run. What can be judged "
        "without the run (its size, its encoding, an ended run) is refused, and nothing is written.",
    ),
    # timers
    "062": Held("test_signals::test_a_timer_of_many_years_is_one_timer"),
    "064": Held("test_signals::test_a_timer_that_is_left_behind_is_ignored_and_the_result_kept"),
    # steps
    "068": Held("test_steps::test_an_error_that_is_not_to_be_retried_makes_one_attempt"),
    "071": Held(
        "test_steps::test_an_unknown_name_is_an_error_that_lists_the_known_ones_and_the_worker_lives"
    ),
    "073": Held("test_steps::test_the_total_time_of_a_step_ends_it_in_an_attempt_and_between_two"),
    "074": Held("test_steps::test_a_timeout_is_recorded_and_raised_again_at_replay_without_running_the_step"),
    # cancellation
    "080": Held("test_cancellation::test_a_run_that_is_cancelled_before_it_began_begins_and_may_clean_up"),
    "081": Held("test_cancellation::test_what_is_shielded_completes_and_then_the_cancel_goes_on"),
    "084": Held(
        "test_cancellation::test_cancelling_what_has_ended_or_twice_does_nothing_and_an_unknown_id_is_an_error"
    ),
    "085": Held("test_cancellation::test_children_end_with_their_parent_and_detached_ones_live_on"),
    "086": Later("pause and resume (design.md 2: the verbs, and the reason `paused`)"),
    # children
    "087": Held("test_identity::test_a_recovered_parent_finds_its_child_and_starts_no_second_one"),
    "089": Held("test_identity::test_a_parent_gets_a_childs_end_as_a_typed_error_with_its_cause"),
    # sagas
    "113": Held("test_sagas::test_a_refused_step_undoes_those_before_it_and_not_itself"),
    "117": Held("test_sagas::test_what_completed_last_is_undone_first"),
}
