"""The tables with personal data, one entry each: see `data_map`. A new column is classified here,
or a test fails.
"""

from typing import Final

from fluxiq.domain.data_map import (
    AUDIT,
    CUSTOMERS,
    DELIVERIES,
    JOBS,
    OPERATIONS,
    PEOPLE,
    REPEATS,
    SECURITY,
    STATEMENTS,
    TOKENS,
    TOLD,
    WORK,
    Basis,
    Direct,
    Form,
    Mapped,
    Whose,
)

_SHOWN = "free text of a merchant, shown in statements; merchants are told to name nobody in it"
_OPERATORS = "free text of operators, who are told to name nobody in it"


def _text(column: str, what: str, plain_because: str = _SHOWN) -> Direct:
    """Free text: what people write there is not known beforehand."""
    return Direct(
        column=column,
        what=what,
        whose=Whose.ANYBODY,
        form=Form.PLAIN,
        plain_because=plain_because,
    )


def _actor(column: str) -> Direct:
    return Direct(
        column=column,
        what="the id of the user or API key that acted",
        whose=Whose.USER,
        form=Form.PLAIN,
        plain_because="an id: it names a person only together with `users`",
    )


_CUSTOMERS: Final = (
    Mapped(
        table="merchants",
        purpose="who the customers are",
        basis=Basis.OBLIGATION,
        kept=CUSTOMERS,
        direct=(
            Direct(column="name", what="name", whose=Whose.CUSTOMER),
            Direct(column="document", what="CPF or CNPJ", whose=Whose.CUSTOMER),
            Direct(
                column="city",
                what="city",
                whose=Whose.CUSTOMER,
                form=Form.PLAIN,
                plain_because="in every BR Code of the merchant, for anybody to see",
            ),
        ),
        linked="id created_at",
    ),
    Mapped(
        table="accounts",
        purpose="whose money is where",
        basis=Basis.CONTRACT,
        kept=CUSTOMERS,
        direct=(
            Direct(column="name", what="name, mostly the owner's", whose=Whose.CUSTOMER),
            _text("metadata", "a merchant's own notes"),
            _text("block_reason", "why an account is blocked", _OPERATORS),
        ),
        linked="id merchant_id ledger_id product_id status created_at",
    ),
    Mapped(
        table="pix_keys",
        purpose="to find the account that a payment is for",
        basis=Basis.CONTRACT,
        kept=CUSTOMERS,
        direct=(
            Direct(column="key", what="document, phone, e-mail or random", whose=Whose.CUSTOMER),
            Direct(
                column="key_index",
                what="blind index of the key",
                whose=Whose.CUSTOMER,
                form=Form.HASHED,
            ),
        ),
        linked="kind account_id created_at",
        erasure="keys of accounts that are closed go",
    ),
    Mapped(
        table="api_keys",
        purpose="to know who calls",
        basis=Basis.CONTRACT,
        kept=SECURITY,
        direct=(
            _text("name", "how the merchant calls the key"),
            Direct(column="key_hash", what="keyed hash", whose=Whose.CUSTOMER, form=Form.HASHED),
        ),
        linked="id merchant_id permissions created_at revoked_at expires_at last_characters is_test"
        " networks owner_id replaced_by",
    ),
    Mapped(
        table="api_key_uses",
        purpose="to see which keys nobody uses any more",
        basis=Basis.CONTRACT,
        kept=SECURITY,
        linked="key_id last_used_at",
    ),
    Mapped(
        table="payout_limits",
        purpose="limits that customers chose",
        basis=Basis.OBLIGATION,
        kept=CUSTOMERS,
        linked="account_id chosen raised raised_at day day_used night night_used",
        other="version",
    ),
)

_PEOPLE: Final = (
    Mapped(
        table="users",
        purpose="people with a password",
        basis=Basis.CONTRACT,
        kept=PEOPLE,
        direct=(
            Direct(column="document", what="CPF", whose=Whose.USER),
            Direct(
                column="document_index",
                what="blind index of the CPF",
                whose=Whose.USER,
                form=Form.HASHED,
            ),
            Direct(column="name", what="name", whose=Whose.USER),
            Direct(column="totp_secret", what="secret of the second factor", whose=Whose.USER),
            Direct(column="totp_pending", what="the next one", whose=Whose.USER),
            Direct(column="password_hash", what="argon2id", whose=Whose.USER, form=Form.HASHED),
            Direct(column="recovery_codes", what="hashes", whose=Whose.USER, form=Form.HASHED),
        ),
        linked="id merchant_id role status one_time_until totp_step failures locked_until "
        "created_at updated_at last_login_at",
        erasure="of users who were removed and have not logged in for so long: name, document, "
        "password and second factor go; the id stays, for the audit trail",
    ),
    Mapped(
        table="sessions",
        purpose="who was logged in from where",
        basis=Basis.INTEREST,
        kept=SECURITY,
        direct=(
            Direct(
                column="address",
                what="IP address",
                whose=Whose.USER,
                form=Form.PLAIN,
                plain_because="looked for by address when something has happened",
            ),
            Direct(
                column="client",
                what="browser or program",
                whose=Whose.USER,
                form=Form.PLAIN,
                plain_because="looked for when something has happened",
            ),
        ),
        linked="id user_id created_at last_used_at expires_at ended_at end_reason",
    ),
    Mapped(
        table="refresh_tokens",
        purpose="to know a token that comes back",
        basis=Basis.INTEREST,
        kept=TOKENS,
        direct=(Direct(column="digest", what="SHA-256", whose=Whose.USER, form=Form.HASHED),),
        linked="session_id created_at expires_at used_at",
    ),
    Mapped(
        table="erasures",
        purpose="that a person asked for erasure, and what became of it",
        basis=Basis.OBLIGATION,
        kept=SECURITY,
        direct=(
            Direct(column="person", what="CPF or CNPJ, until it is done", whose=Whose.ANYBODY),
            Direct(
                column="person_index",
                what="blind index of the document",
                whose=Whose.ANYBODY,
                form=Form.HASHED,
            ),
            _text("reason", "why, in the operator's words", _OPERATORS),
        ),
        linked="id walk erased stays asked_at ended_at",
    ),
    Mapped(
        table="audit_trail",
        purpose="who did what",
        basis=Basis.OBLIGATION,
        kept=AUDIT,
        direct=(
            _actor("actor"),
            _actor("credential"),
            Direct(
                column="address",
                what="IP address",
                whose=Whose.USER,
                form=Form.PLAIN,
                plain_because="looked for by address when something has happened",
            ),
            _text("note", "why, in the operator's words", _OPERATORS),
            Direct(
                column="digest",
                what="SHA-256 of a record",
                whose=Whose.ANYBODY,
                form=Form.HASHED,
            ),
            Direct(
                column="before",
                what="SHA-256 of a record",
                whose=Whose.ANYBODY,
                form=Form.HASHED,
            ),
        ),
        linked="at action subject merchant_id request_id",
        other="id xid",
    ),
)

_PAYMENTS: Final = (
    Mapped(
        table="charges",
        purpose="what is to be paid",
        basis=Basis.CONTRACT,
        kept=OPERATIONS,
        direct=(
            Direct(column="payer", what="name, CPF or CNPJ", whose=Whose.PAYER),
            Direct(column="pix_key", what="the payee's key", whose=Whose.CUSTOMER),
            Direct(column="qr_code", what="the payee's name, city and key", whose=Whose.CUSTOMER),
            _text("description", "what it is for"),
            _text("metadata", "a merchant's own notes"),
        ),
        linked="id merchant_id account_id txid amount status expires_at created_at paid_at "
        "end_to_end_id refunded_amount fee",
        erasure="payers of charges that nobody paid go",
    ),
    Mapped(
        table="receipts",
        purpose="money that arrived",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        direct=(
            Direct(column="payer", what="name, CPF or CNPJ", whose=Whose.PAYER),
            Direct(
                column="payer_index",
                what="blind index of the CPF or CNPJ",
                whose=Whose.PAYER,
                form=Form.HASHED,
            ),
        ),
        linked="id end_to_end_id amount account_id merchant_id charge_id transfer_id received_at "
        "fee",
        other="reason",
    ),
    Mapped(
        table="payouts",
        purpose="money that was sent",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        direct=(
            Direct(column="recipient", what="name, CPF, CNPJ, key, account", whose=Whose.RECIPIENT),
            _text("description", "what it is for"),
            _text("metadata", "a merchant's own notes"),
        ),
        linked="id merchant_id account_id end_to_end_id idempotency_key amount stage created_at "
        "updated_at failure_code reason_code returned_amount counted_day counted_night "
        "scheduled_for",
    ),
    Mapped(
        table="payout_batches",
        purpose="payouts that one person writes down and another releases",
        basis=Basis.CONTRACT,
        kept=OPERATIONS,
        direct=(
            _text("name", "how the merchant calls the batch"),
            _text("reason", "why it was rejected"),
            _actor("created_by"),
            _actor("decided_by"),
        ),
        linked="id merchant_id account_id status line_count amount created_at updated_at "
        "expires_at decided_at",
    ),
    Mapped(
        table="settlement_schedules",
        purpose="when a merchant's takings are moved",
        basis=Basis.CONTRACT,
        kept=CUSTOMERS,
        direct=(_actor("set_by"),),
        linked="merchant_id time source_account_id destination_account_id minimum keep updated_at "
        "next_at last_at last_outcome last_transfer_id",
    ),
    Mapped(
        table="agreed_fees",
        purpose="what a merchant pays for receiving",
        basis=Basis.CONTRACT,
        kept=CUSTOMERS,
        direct=(_actor("set_by"), _text("reason", "why it was agreed", _OPERATORS)),
        linked="merchant_id version fixed basis_points minimum maximum valid_from",
    ),
    Mapped(
        table="payout_batch_lines",
        purpose="whom a batch pays",
        basis=Basis.CONTRACT,
        kept=OPERATIONS,
        direct=(
            Direct(column="instruction", what="key, and what it is for", whose=Whose.RECIPIENT),
        ),
        linked="batch_id number created_at payout_id error_code",
    ),
    Mapped(
        table="payout_returns",
        purpose="money that came back",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        linked="return_id payout_id amount reason_code transfer_id returned_at",
    ),
    Mapped(
        table="refunds",
        purpose="money that was given back",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        direct=(
            _text("description", "what it is for"),
            _text("metadata", "a merchant's own notes"),
        ),
        linked="id merchant_id account_id end_to_end_id return_id charge_id idempotency_key amount "
        "reason stage created_at updated_at failure_code reason_code med_report_id",
    ),
    Mapped(
        table="transfers",
        purpose="money between accounts",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        direct=(
            _text("description", "what it is for"),
            _text("metadata", "a merchant's own notes"),
            _actor("created_by"),
            _actor("decided_by"),
        ),
        linked="id merchant_id source_account_id destination_account_id idempotency_key amount "
        "stage created_at updated_at expires_at completed_at failure_code",
    ),
    Mapped(
        table="walk_steps",
        purpose="where every payment has been",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        linked="end_to_end_id entered_at left_at",
        other="id room detail",
    ),
    Mapped(
        table="inbox",
        purpose="what providers said, each thing once",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        direct=(
            Direct(column="notice", what="payer, key, end-to-end id, message", whose=Whose.PAYER),
        ),
        linked="received_at",
        other="id provider event_id done_at",
    ),
    Mapped(
        table="statement_lines",
        purpose="comparison with the provider",
        basis=Basis.OBLIGATION,
        kept=STATEMENTS,
        linked="id amount settled_at",
        other="flow provider run_id times",
    ),
    Mapped(
        table="reconciliation_differences",
        purpose="where the provider says something else",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        direct=(_text("reason", "why it was resolved", _OPERATORS),),
        linked="record_id ours theirs settled_at detail",
        other="id flow kind state run_id found_at seen_at changed_at looked_at",
    ),
)

_FRAUD: Final = (
    Mapped(
        table="med_reports",
        purpose="fraud reports (MED)",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        direct=(
            Direct(column="details", what="what is said of people", whose=Whose.ANYBODY),
            _actor("opened_by"),
            _actor("asked_by"),
        ),
        linked="id merchant_id account_id end_to_end_id amount reason stage idempotency_key "
        "blocked_amount blocked_until refund_id return_id returned_amount created_at updated_at "
        "settled_at infraction_id failed_refund_id",
        other="attempt",
    ),
    Mapped(
        table="infractions",
        purpose="fraud that other institutions report",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        direct=(Direct(column="details", what="what is said of people", whose=Whose.ANYBODY),),
        linked="id number end_to_end_id reason stage told created_at updated_at due_at",
        other="provider in_doubt",
    ),
    Mapped(
        table="contests",
        purpose="payments made that their customers say were fraud",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        direct=(Direct(column="details", what="what is said of people", whose=Whose.ANYBODY),),
        linked="id payout_id merchant_id account_id end_to_end_id amount reason status opened_by "
        "created_at updated_at due_at reported_at decided_at",
        other="provider owed in_doubt status_reason",
    ),
)

_TELLING: Final = (
    Mapped(
        table="events",
        purpose="what merchants are told, word for word",
        basis=Basis.CONTRACT,
        kept=TOLD,
        direct=(
            Direct(column="body", what="a payment with payer or recipient", whose=Whose.ANYBODY),
        ),
        linked="id merchant_id type created_at reference",
        erasure="events that are owed to nobody and can be asked for by nobody go",
    ),
    Mapped(
        table="event_sequence",
        purpose="the order in which merchants are told",
        basis=Basis.CONTRACT,
        kept=TOLD,
        linked="merchant_id sequence event_id",
    ),
    Mapped(
        table="webhook_endpoints",
        purpose="where merchants are told",
        basis=Basis.CONTRACT,
        kept=CUSTOMERS,
        direct=(
            Direct(column="secret", what="what signs", whose=Whose.CUSTOMER),
            Direct(column="previous_secret", what="the one before", whose=Whose.CUSTOMER),
            _text("url", "address of a merchant's server"),
            _text("description", "how the merchant calls it"),
        ),
        linked="id merchant_id events created_at disabled_at deleted_at",
        other="ordered disabled_reason previous_secret_until failing_since",
    ),
    Mapped(
        table="deliveries",
        purpose="what is owed to an endpoint",
        basis=Basis.CONTRACT,
        kept=DELIVERIES,
        linked="id endpoint_id event_id created_at delivered_at given_up_at",
        other="attempts next_attempt_at last_status last_error attempts_before leased_until",
    ),
    Mapped(
        table="delivery_attempts",
        purpose="what became of it",
        basis=Basis.DEFENCE,
        kept=DELIVERIES,
        direct=(
            _text(
                "response",
                "the beginning of what a merchant's server answered",
                "shown to that merchant, for 30 days",
            ),
        ),
        linked="delivery_id attempt at",
        other="milliseconds delivered status error",
    ),
    Mapped(
        table="idempotency_keys",
        purpose="so that twice is once",
        basis=Basis.CONTRACT,
        kept=REPEATS,
        direct=(Direct(column="response", what="a kept answer", whose=Whose.ANYBODY),),
        linked="merchant_id key resource_id created_at",
        other="digest refused",
    ),
    Mapped(
        table="outbox",
        purpose="what is owed to the bus",
        basis=Basis.CONTRACT,
        kept=WORK,
        direct=(
            Direct(column="body", what="an event or a notice; orders: ids", whose=Whose.ANYBODY),
        ),
        linked="reference work",
        other="id subject attempts next_attempt_at failures failed_at error",
    ),
    Mapped(
        table="dead_letters",
        purpose="messages that nobody could work on",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        direct=(
            Direct(column="body", what="a notice; orders: ids", whose=Whose.ANYBODY),
            _text("reason", "why it was decided so", _OPERATORS),
        ),
        linked="work reference payment_id",
        other="id subject attempts failures error first_failed_at died_at state decided_at",
    ),
    Mapped(
        table="jobs",
        purpose="work that must not be forgotten",
        basis=Basis.CONTRACT,
        kept=JOBS,
        linked="args unique_key",
        other="id kind version state priority attempt given_back attempts_max run_at created_at "
        "attempted_at lease_until ended_at schedule errors",
    ),
    Mapped(
        table="job_keys",
        purpose="work that is wanted once",
        basis=Basis.CONTRACT,
        kept=JOBS,
        linked="key",
        other="kind job_id claimed_at until",
    ),
)

_LEDGER: Final = (
    Mapped(
        table="ledger_accounts",
        purpose="balances",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        linked="id debits_pending debits_posted credits_pending credits_posted",
        other="ledger code flags in_tigerbeetle unproven",
    ),
    Mapped(
        table="ledger_transfers",
        purpose="every movement of money",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        linked="id debit_account_id credit_account_id amount pending_id timestamp user_data_128",
        other="ledger code flags user_data_64 user_data_32 journal_seq place",
    ),
    Mapped(
        table="ledger_journal",
        purpose="the ledger's batches",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        linked="records_reversed",
        other="seq epoch backend count results_reversed sealed_at answered_at mirrored replayed "
        "published",
    ),
    Mapped(
        table="ledger_journal_records",
        purpose="the same as a view",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        linked="id debit_account_id credit_account_id amount pending_id user_data_128 "
        "answered_timestamp",
        other="seq place backend mirrored status user_data_64 user_data_32 timeout ledger code "
        "flags",
    ),
    Mapped(
        table="ledger_burnt_ids",
        purpose="movements that were refused",
        basis=Basis.OBLIGATION,
        kept=OPERATIONS,
        linked="id timestamp",
        other="status",
    ),
    Mapped(
        table="hold_watch",
        purpose="money set aside for too long",
        basis=Basis.CONTRACT,
        kept=WORK,
        linked="id amount reference held_at",
        other="code looked_at finding found_at",
    ),
)

_MACHINERY: Final = {
    "audit_checkpoints": "seq published_at",
    "audit_desks": "desk taken_in",
    "audit_leaves": "seq ids leaves",
    "audit_purges": "seq count purged_at purged_by reason",
    "audit_seals": "seq first_xid first_id last_xid last_id count root previous sealed_at key_id "
    "signature",
    "hold_watch_place": "one_row seq",
    "job_pauses": "subject name reason paused_at",
    "job_schedules": "name timing next_run last_run",
    "ledger_authority": "one_row epoch mode last_seq changed_at reason",
    "ledger_authority_history": "id epoch mode last_seq changed_at reason",
    "ledger_burning_answers": "code status",
    "ledger_clock": "one_row last_timestamp",
    "reconciliation_runs": "id since until state step cursor pages lines lines_amount records "
    "records_amount matched matched_amount differences healed started_at updated_at ended_at",
    "schema_migrations": "number name sha256 applied_at",
    "sealing_keys": "id purpose wrapped wrapped_by messages created_at retired_at",
    "sealing_progress": "key_id what after seen resealed updated_at done_at",
    "sealing_state": "one_row plain_allowed",
    # The schema of the platform: institutions are companies.
    "institutions": "ispb name ledger schema_name role_name created_at state declaration reason "
    "archive changed_at",
    "institution_steps": "id ispb event state reason at",
}

PERSONAL: Final = (*_CUSTOMERS, *_PEOPLE, *_PAYMENTS, *_FRAUD, *_TELLING, *_LEDGER)
DATA_MAP: Final = (
    *PERSONAL,
    *(Mapped(table=table, other=columns) for table, columns in _MACHINERY.items()),
)


def mapped(table: str) -> Mapped:
    """The entry of a table. Raises KeyError."""
    for one in DATA_MAP:
        if one.table == table:
            return one
    raise KeyError(table)
