"""Tables of the state database. Only their shape; what is asked of them stands in `store.py`.

Times are UTC, as ISO 8601 text with offset, so that both databases sort them alike.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

extract = sa.Table(
    "extract",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("content_hash", sa.String, nullable=False),
    sa.Column("file_hash", sa.String, nullable=False),
    sa.Column("file_name", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("extracted_at", sa.String, nullable=False),
    sa.Column("time_source", sa.String, nullable=False),
    sa.Column("grain", sa.String, nullable=False),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("unparseable", sa.Integer, nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("landed_at", sa.String, nullable=False),
    sa.Column("discarded_at", sa.String, nullable=True),
    sa.Column("discarded_by", sa.String, nullable=True),
    sa.Column("discard_reason", sa.String, nullable=True),
)

layer = sa.Table(
    "layer",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("layer", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("content_hash", sa.String, nullable=False),
    sa.Column("upstream_id", sa.String, nullable=True),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("finished_at", sa.String, nullable=False),
)

gate_record = sa.Table(
    "gate_record",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("layer", sa.String, nullable=False),
    sa.Column("content_hash", sa.String, nullable=False, index=True),
    sa.Column("suite_hash", sa.String, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("quarantined", sa.Integer, nullable=False),
    sa.Column("quarantine_path", sa.String, nullable=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("results", sa.JSON, nullable=False),
    sa.Column("recorded_at", sa.String, nullable=False),
)

quarantined_key = sa.Table(
    "quarantined_key",
    metadata,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("rule_id", sa.String, primary_key=True),
    sa.Column("opened_at", sa.String, primary_key=True),
    sa.Column("opened_run_id", sa.String, nullable=False),
    sa.Column("last_run_id", sa.String, nullable=False),
    sa.Column("closed_at", sa.String, nullable=True),
    sa.Column("closed_run_id", sa.String, nullable=True),
)

unlisted_column = sa.Table(
    "unlisted_column",
    metadata,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("extract_id", sa.String, nullable=False),
    sa.Column("reported_at", sa.String, nullable=False),
)

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("target", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("content_hash", sa.String, nullable=False),
    sa.Column("layer_id", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("newest_extract_at", sa.String, nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("released_by", sa.String, nullable=True),
    sa.Column("planned_at", sa.String, nullable=False),
    sa.Column("released_at", sa.String, nullable=True),
    sa.Column("sent_at", sa.String, nullable=True),
    sa.Column("verified_at", sa.String, nullable=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("held_because", sa.JSON, nullable=False),
    sa.Column("rules_hash", sa.String, nullable=False),
    sa.Column("marks", sa.JSON, nullable=False),
    sa.Column("refused", sa.Integer, nullable=False),
    sa.Column("outcome_path", sa.String, nullable=True),
    sa.Column("failure", sa.String, nullable=True),
)

publication_signature = sa.Table(
    "publication_signature",
    metadata,
    sa.Column("publication_id", sa.String, primary_key=True),
    sa.Column("act", sa.String, primary_key=True),
    sa.Column("signed_by", sa.String, primary_key=True),
    sa.Column("content_hash", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("signed_at", sa.String, nullable=False),
)

receipt = sa.Table(
    "receipt",
    metadata,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("publication_id", sa.String, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("previous_hash", sa.String, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
    sa.Column("recorded_at", sa.String, nullable=False),
)

kept_edit = sa.Table(
    "kept_edit",
    metadata,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("target", sa.String, primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("kept_by", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("kept_at", sa.String, nullable=False),
)

publication_chunk = sa.Table(
    "publication_chunk",
    metadata,
    sa.Column("publication_id", sa.String, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("is_repair", sa.Boolean, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("partition", sa.String, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("answer", sa.JSON, nullable=True),
    sa.Column("moved_at", sa.String, nullable=False),
)

portal_dataset = sa.Table(
    "portal_dataset",
    metadata,
    sa.Column("target", sa.String, primary_key=True),
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("partition", sa.String, primary_key=True),
    sa.Column("portal_id", sa.String, nullable=False),
    sa.Column("created_at", sa.String, nullable=False),
)

run_process = sa.Table(
    "run_process",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("process_started", sa.String, nullable=False),
    sa.Column("recorded_at", sa.String, nullable=False),
)

questionnaire = sa.Table(
    "questionnaire",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("person", sa.String, nullable=True),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("questions", sa.JSON, nullable=False),
    sa.Column("asked_at", sa.String, nullable=False),
)

judgement = sa.Table(
    "judgement",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("questionnaire_id", sa.String, nullable=False),
    sa.Column("proposal_id", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("column_name", sa.String, nullable=False),
    sa.Column("left_value", sa.String, nullable=False),
    sa.Column("right_value", sa.String, nullable=False),
    sa.Column("evidence_hash", sa.String, nullable=False),
    sa.Column("person", sa.String, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("note", sa.String, nullable=False),
    sa.Column("asked_at", sa.String, nullable=False),
    sa.Column("judged_at", sa.String, nullable=False),
    sa.Column("voided_at", sa.String, nullable=True),
    sa.UniqueConstraint("questionnaire_id", "proposal_id", name="uq_judgement_questionnaire_id"),
)

decision = sa.Table(
    "decision",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("proposal_id", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("column_name", sa.String, nullable=False),
    sa.Column("left_value", sa.String, nullable=False),
    sa.Column("right_value", sa.String, nullable=False),
    sa.Column("evidence_hash", sa.String, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("decided_by", sa.JSON, nullable=False),
    sa.Column("asked_at", sa.String, nullable=False),
    sa.Column("decided_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String, nullable=True),
    sa.Column("ended_by", sa.String, nullable=True),
    sa.Column("end_reason", sa.String, nullable=True),
    sa.Column("replaced_by", sa.String, nullable=True),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("questionnaire_id", sa.String, primary_key=True),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("content_hash", sa.String, nullable=False),
    sa.Column("marks_hash", sa.String, nullable=False),
    sa.Column("read_by", sa.String, nullable=False),
    sa.Column("read_at", sa.String, nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
)

takedown = sa.Table(
    "takedown",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("key_hash", sa.String, nullable=True),
    sa.Column("column_name", sa.String, nullable=True),
    sa.Column("secret_id", sa.String, nullable=False),
    sa.Column("authority", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("taken_by", sa.String, nullable=False),
    sa.Column("taken_at", sa.String, nullable=False),
    sa.Column("landed_hashes", sa.JSON, nullable=False),
    sa.Column("purge_at", sa.String, nullable=True),
    sa.Column("purged_at", sa.String, nullable=True),
    sa.Column("lifted_at", sa.String, nullable=True),
    sa.Column("lifted_by", sa.String, nullable=True),
    sa.Column("lift_authority", sa.String, nullable=True),
)

alert = sa.Table(
    "alert",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("fingerprint", sa.String, nullable=False, index=True),
    sa.Column("scope", sa.String, nullable=False, index=True),
    sa.Column("dataset", sa.String, nullable=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("severity", sa.String, nullable=False),
    sa.Column("gate", sa.String, nullable=True),
    sa.Column("rule", sa.String, nullable=True),
    sa.Column("cause", sa.String, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("runs", sa.Integer, nullable=False),
    sa.Column("opened_at", sa.String, nullable=False),
    sa.Column("last_seen_at", sa.String, nullable=False),
    sa.Column("last_run_id", sa.String, nullable=True),
    sa.Column("acked_at", sa.String, nullable=True),
    sa.Column("acked_by", sa.String, nullable=True),
    sa.Column("escalated_at", sa.String, nullable=True),
    sa.Column("resolved_at", sa.String, nullable=True, index=True),
    sa.Column("resolved_run_id", sa.String, nullable=True),
)

alert_message = sa.Table(
    "alert_message",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("alert_id", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("created_at", sa.String, nullable=False),
)

alert_delivery = sa.Table(
    "alert_delivery",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("message_id", sa.Integer, nullable=False, index=True),
    sa.Column("alert_id", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("address", sa.Integer, nullable=False),
    sa.Column("is_digest", sa.Boolean, nullable=False),
    sa.Column("due_at", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failure", sa.String, nullable=True),
    sa.Column("claimed_by", sa.String, nullable=True),
    sa.Column("claimed_at", sa.String, nullable=True),
    sa.Column("sent_at", sa.String, nullable=True),
)

alert_scope = sa.Table(
    "alert_scope",
    metadata,
    sa.Column("scope", sa.String, primary_key=True),
    sa.Column("event_id", sa.Integer, nullable=False),
)

alert_position = sa.Table(
    "alert_position",
    metadata,
    sa.Column("reader", sa.String, primary_key=True),
    sa.Column("event_id", sa.Integer, nullable=False),
    sa.Column("recent", sa.JSON, nullable=False),
    sa.Column("began_at", sa.String, nullable=False),
    sa.Column("moved_at", sa.String, nullable=False),
)

schedule_form = sa.Table(
    "schedule_form",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("cron", sa.String, nullable=False),
    sa.Column("time_zone", sa.String, nullable=False),
    sa.Column("since", sa.String, nullable=False),
)

heartbeat = sa.Table(
    "heartbeat",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("day", sa.String, nullable=False, index=True),
    sa.Column("is_healthy", sa.Boolean, nullable=False),
    sa.Column("was_answered", sa.Boolean, nullable=False),
    sa.Column("unwell", sa.JSON, nullable=False),
    sa.Column("beaten_at", sa.String, nullable=False),
)

withdrawal = sa.Table(
    "withdrawal",
    metadata,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("key_hash", sa.String, primary_key=True),
    sa.Column("cause", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("withdrawn_at", sa.String, nullable=False),
    sa.Column("returned_at", sa.String, nullable=True),
)

classification = sa.Table(
    "classification",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("dataset", sa.String, nullable=False, index=True),
    sa.Column("column_name", sa.String, nullable=False),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("means", sa.String, nullable=True),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("proposed_by", sa.String, nullable=False),
    sa.Column("proposed_at", sa.String, nullable=False),
    sa.Column("signed_by", sa.String, nullable=True),
    sa.Column("signed_at", sa.String, nullable=True),
    sa.Column("refused_by", sa.String, nullable=True),
    sa.Column("refused_at", sa.String, nullable=True),
)

classes_signature = sa.Table(
    "classes_signature",
    metadata,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("file_hash", sa.String, primary_key=True),
    sa.Column("signed_by", sa.String, nullable=False),
    sa.Column("signed_at", sa.String, nullable=False),
)

upgrade = sa.Table(
    "upgrade",
    metadata,
    sa.Column("duty", sa.String, primary_key=True),
    sa.Column("began_on", sa.String, nullable=False),
    sa.Column("until", sa.String, nullable=False),
)

rules_in_former_form = sa.Table(
    "rules_in_former_form",
    metadata,
    sa.Column("former_hash", sa.String, primary_key=True),
    sa.Column("rules_hash", sa.String, primary_key=True),
    sa.Column("noted_at", sa.String, nullable=False),
)
