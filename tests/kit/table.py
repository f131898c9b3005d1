"""Every sabotage, and the check that must refuse it."""

from __future__ import annotations

from typing import Final, Literal

import attrs


@attrs.frozen
class Sabotage:
    """One way to break a promise.

    Attributes:
        role: which role, or the registration as a whole, is sabotaged.
        factory: the class in ``tests.kit.sabotage``, in the module of its role.
        check: the check that must refuse it.
        claims: its capabilities by their name in ``tests.kit.twin.backend``, if not the twin's.
        of_file: it is a sabotaged file, not a sabotaged memory.
    """

    role: Literal["consumer", "producer", "store", "backend"]
    factory: str
    check: str
    claims: str = ""
    of_file: bool = False

    @property
    def backend(self) -> str:
        """The name it is registered under."""
        return f"sabotage-{self.factory.lower()}"


_ALL: Final = (
    Sabotage("consumer", "AcksEarly", "test_unsettled_messages_come_again_after_reopen"),
    Sabotage("consumer", "ForgetsAcks", "test_acked_messages_never_come_again"),
    Sabotage("consumer", "SettlesAllBefore", "test_a_later_ack_never_settles_an_earlier_message"),
    Sabotage(
        "consumer",
        "SettlesPastAGap",
        "test_a_later_ack_never_settles_an_earlier_message",
        of_file=True,
    ),
    Sabotage("consumer", "DropsNacked", "test_a_nack_brings_the_message_again_at_once"),
    Sabotage("consumer", "SettlesTwice", "test_a_message_settles_once"),
    Sabotage("consumer", "LosesOnRetry", "test_a_failed_ack_can_be_repeated"),
    Sabotage("consumer", "HangsInClose", "test_close_ends_a_waiting_consume"),
    Sabotage("consumer", "IgnoresStop", "test_consume_returns_in_time"),
    Sabotage("consumer", "WaitsForFullBatch", "test_consume_does_not_wait_for_a_full_batch"),
    Sabotage("consumer", "LeaksASecret", "test_secrets_are_never_shown"),
    Sabotage("consumer", "LogsASecret", "test_secrets_are_never_shown"),
    Sabotage("consumer", "FetchesWithoutBound", "test_buffering_is_bounded"),
    Sabotage("consumer", "ForgetsNothing", "test_what_was_settled_is_forgotten"),
    Sabotage("consumer", "IgnoresSaturation", "test_saturation_holds_back_and_resumes"),
    Sabotage("consumer", "NeverRedelivers", "test_unsettled_messages_come_again_after_their_time"),
    Sabotage("consumer", "LeaksTheDriver", "test_a_retryable_failure_to_consume_loses_nothing"),
    Sabotage("consumer", "LeavesAThread", "test_nothing_is_left_behind_by_close"),
    Sabotage("consumer", "LeavesASocket", "test_nothing_is_left_behind_by_close"),
    Sabotage("consumer", "LosesKeys", "test_keys_arrive_as_sent"),
    Sabotage("consumer", "StripsBytes", "test_every_byte_arrives_unchanged"),
    Sabotage("consumer", "HoldsItsLock", "test_ack_while_another_thread_consumes"),
    Sabotage("producer", "SwallowsPartialFailure", "test_a_partial_failure_is_reported"),
    Sabotage("producer", "DropsOnRetry", "test_what_failed_is_delivered_by_the_next_try"),
    Sabotage("producer", "MapsToWrongIndex", "test_outcomes_stand_at_the_index_of_their_message"),
    Sabotage("producer", "MutatesTheMessage", "test_messages_are_left_as_they_were"),
    Sabotage("producer", "ReordersAKey", "test_order_is_kept"),
    Sabotage("producer", "BuffersWithoutBound", "test_confirmed_is_in_the_service_at_once"),
    Sabotage("producer", "ReportsSuccessOnError", "test_a_failed_call_confirms_nothing"),
    Sabotage("producer", "RetriesForEver", "test_a_refused_call_is_permanent"),
    Sabotage("producer", "ForgetsRetryAfter", "test_outcomes_say_when_to_try_again"),
    Sabotage("producer", "SendsTwice", "test_what_failed_in_part_is_delivered_by_the_next_try"),
    Sabotage(
        "producer",
        "CutsShort",
        "test_the_largest_message_is_delivered_and_a_larger_one_refused",
    ),
    Sabotage(
        "producer", "SendsBatchesTooLarge", "test_batches_around_the_limit_of_entries_are_delivered"
    ),
    Sabotage("producer", "LosesHeaders", "test_headers_are_delivered"),
    Sabotage(
        "producer", "ClaimsToPersist", "test_confirmed_outlives_the_process", "STREAM_TOO_PROUD"
    ),
    Sabotage("producer", "ClaimsMoreOnceOpen", "test_capabilities_are_those_registered"),
    Sabotage("store", "ConfirmsFailedWrites", "test_a_failed_write_confirms_nothing"),
    Sabotage("store", "ReadsBackwards", "test_what_was_written_is_read"),
    Sabotage("store", "WritesLater", "test_written_is_in_the_service_at_once"),
    Sabotage("store", "ClaimsToKeep", "test_confirmed_outlives_the_process", "STORE_TOO_PROUD"),
    Sabotage("backend", "ImportsItsDriver", "test_registering_imports_no_driver"),
)

SABOTAGES: Final = {sabotage.factory: sabotage for sabotage in _ALL}
