BEGIN TRANSACTION;
CREATE TABLE application_versions (
    version_id TEXT NOT NULL PRIMARY KEY,
    version_name TEXT NOT NULL UNIQUE,
    version_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL);
INSERT INTO "application_versions" VALUES('bceecbb1-a419-413d-9e14-f0140544d005','day2-runs-1',1795663868000,1795663868000,'day2');
CREATE TABLE dbos_migrations (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO "dbos_migrations" VALUES(125);
CREATE TABLE notifications (
    message_uuid TEXT NOT NULL DEFAULT (hex(randomblob(16))) PRIMARY KEY,
    destination_uuid TEXT NOT NULL,
    topic TEXT,
    message TEXT NOT NULL,
    created_at_epoch_ms INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000), "serialization" TEXT DEFAULT NULL, "consumed" BOOLEAN NOT NULL DEFAULT FALSE, consumed_by_function_id INTEGER,
    FOREIGN KEY (destination_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE "operation_outputs" (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    function_name TEXT NOT NULL DEFAULT '',
    output TEXT,
    error TEXT,
    child_workflow_id TEXT,
    started_at_epoch_ms INTEGER,
    completed_at_epoch_ms INTEGER,
    serialization TEXT,
    application_name TEXT DEFAULT NULL,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    PRIMARY KEY (workflow_uuid, function_id)
);
INSERT INTO "operation_outputs" VALUES('toy-kept',1,'0/preflight','{"ok":""}',NULL,NULL,1795663868924,1795663868941,'day2_json','day2',1795663868000);
INSERT INTO "operation_outputs" VALUES('toy-kept',2,'day2.part',NULL,NULL,'toy-kept/0/step-1',1795663868952,1795663868961,NULL,'day2',1795663868000);
INSERT INTO "operation_outputs" VALUES('toy-kept/0/step-1',1,'1/begin','{"ok":""}',NULL,NULL,1795663868970,1795663868985,'day2_json','day2',1795663868000);
INSERT INTO "operation_outputs" VALUES('toy-kept/0/step-1',2,'1/look','{"ok":{"facts":{"status":"enabled"},"already":"","gone":""}}',NULL,NULL,1795663868992,1795663868995,'day2_json','day2',1795663868000);
INSERT INTO "operation_outputs" VALUES('toy-kept/0/step-1',3,'1/switch','{"ok":"disabled"}',NULL,NULL,1795663869006,1795663869036,'day2_json','day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept/0/step-1',4,'1/end','{"ok":"done"}',NULL,NULL,1795663869049,1795663869081,'day2_json','day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept',3,'DBOS.getResult','[{"n":1,"ending":"done"}]',NULL,'toy-kept/0/step-1',1795663868975,1795663869111,'day2_json','day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept',4,'day2.part',NULL,NULL,'toy-kept/1/step-2',1795663869135,1795663869181,NULL,'day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept',5,'day2.part',NULL,NULL,'toy-kept/1/step-3',1795663869192,1795663869217,NULL,'day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept',6,'day2.part',NULL,NULL,'toy-kept/1/step-4',1795663869232,1795663869251,NULL,'day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept/1/step-3',1,'3/begin','{"ok":""}',NULL,NULL,1795663869240,1795663869259,'day2_json','day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept/1/step-2',1,'2/begin','{"ok":""}',NULL,NULL,1795663869204,1795663869246,'day2_json','day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept/1/step-3',2,'3/look','{"ok":{"facts":{"host":"a","status":"ACTIVE"},"already":"","gone":""}}',NULL,NULL,1795663869276,1795663869299,'day2_json','day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept/1/step-4',1,'4/begin','{"ok":""}',NULL,NULL,1795663869281,1795663869322,'day2_json','day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept/1/step-4',2,'4/look','{"ok":{"facts":{"host":"a","status":"ACTIVE"},"already":"","gone":""}}',NULL,NULL,1795663869380,1795663869381,'day2_json','day2',1795663869000);
INSERT INTO "operation_outputs" VALUES('toy-kept/1/step-3',3,'3/start','{"ok":"move-2"}',NULL,NULL,1795663869348,1795663869408,'day2_json','day2',1795663869000);
CREATE TABLE queues (
    queue_id TEXT PRIMARY KEY DEFAULT (hex(randomblob(16))),
    name TEXT NOT NULL UNIQUE,
    concurrency INTEGER,
    worker_concurrency INTEGER,
    rate_limit_max INTEGER,
    rate_limit_period_sec REAL,
    priority_enabled BOOLEAN NOT NULL DEFAULT FALSE,
    partition_queue BOOLEAN NOT NULL DEFAULT FALSE,
    polling_interval_sec REAL NOT NULL DEFAULT 1.0,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL, "partition_concurrency" INTEGER DEFAULT NULL, "partition_worker_concurrency" INTEGER DEFAULT NULL, "partition_rate_limit_max" INTEGER DEFAULT NULL, "partition_rate_limit_period_sec" REAL DEFAULT NULL);
CREATE TABLE streams (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    "offset" INTEGER NOT NULL, function_id INTEGER NOT NULL DEFAULT 0, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key, "offset"),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_events (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_events_history (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, function_id, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid)
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_input (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    inputs TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_input" VALUES('toy-kept','{"args":["toy-kept"],"kwargs":{}}',1795663868000);
INSERT INTO "workflow_input" VALUES('toy-kept/0/step-1','{"args":["toy-kept",0,"step-1"],"kwargs":{}}',1795663868000);
INSERT INTO "workflow_input" VALUES('toy-kept/1/step-2','{"args":["toy-kept",1,"step-2"],"kwargs":{}}',1795663869000);
INSERT INTO "workflow_input" VALUES('toy-kept/1/step-3','{"args":["toy-kept",1,"step-3"],"kwargs":{}}',1795663869000);
INSERT INTO "workflow_input" VALUES('toy-kept/1/step-4','{"args":["toy-kept",1,"step-4"],"kwargs":{}}',1795663869000);
CREATE TABLE workflow_output (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    output TEXT,
    error TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_output" VALUES('toy-kept/0/step-1','[{"n":1,"ending":"done"}]',NULL,1795663869000);
CREATE TABLE workflow_schedules (
    schedule_id TEXT PRIMARY KEY,
    schedule_name TEXT NOT NULL UNIQUE,
    workflow_name TEXT NOT NULL,
    workflow_class_name TEXT,
    schedule TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'ACTIVE',
    context TEXT NOT NULL
, "last_fired_at" TEXT DEFAULT NULL, "automatic_backfill" BOOLEAN NOT NULL DEFAULT FALSE, "cron_timezone" TEXT DEFAULT NULL, "queue_name" TEXT DEFAULT NULL, "application_name" TEXT DEFAULT NULL);
CREATE TABLE workflow_status (
    workflow_uuid TEXT PRIMARY KEY,
    status TEXT,
    name TEXT,
    authenticated_user TEXT,
    assumed_role TEXT,
    authenticated_roles TEXT,
    request TEXT,
    output TEXT,
    error TEXT,
    executor_id TEXT,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    application_version TEXT,
    application_id TEXT,
    class_name TEXT DEFAULT NULL,
    config_name TEXT DEFAULT NULL,
    recovery_attempts INTEGER DEFAULT 0,
    queue_name TEXT,
    workflow_timeout_ms INTEGER,
    workflow_deadline_epoch_ms INTEGER,
    inputs TEXT,
    started_at_epoch_ms INTEGER,
    deduplication_id TEXT,
    priority INTEGER NOT NULL DEFAULT 0
, queue_partition_key TEXT, forked_from TEXT, "owner_xid" TEXT DEFAULT NULL, "parent_workflow_id" TEXT DEFAULT NULL, "serialization" TEXT DEFAULT NULL, "delay_until_epoch_ms" BIGINT DEFAULT NULL, "was_forked_from" BOOLEAN NOT NULL DEFAULT FALSE, "rate_limited" BOOLEAN NOT NULL DEFAULT FALSE, "completed_at" BIGINT, "attributes" TEXT, "schedule_name" TEXT, "debounce_deadline_epoch_ms" BIGINT DEFAULT NULL, "is_debounced" BOOLEAN NOT NULL DEFAULT FALSE, "application_name" TEXT DEFAULT NULL, "creator_xid" TEXT DEFAULT NULL);
INSERT INTO "workflow_status" VALUES('toy-kept','PENDING','day2.run',NULL,NULL,NULL,NULL,NULL,NULL,'host:26411:1793184',1795663868000,1795663868000,'day2-runs-1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'010022df-f0ef-4bf9-8f65-ebb2ef1179c3',NULL,'day2_json',NULL,0,0,NULL,'null',NULL,NULL,0,'day2','010022df-f0ef-4bf9-8f65-ebb2ef1179c3');
INSERT INTO "workflow_status" VALUES('toy-kept/0/step-1','SUCCESS','day2.part',NULL,NULL,NULL,NULL,NULL,NULL,'host:26411:1793184',1795663868000,1795663869000,'day2-runs-1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,'toy-kept','day2_json',NULL,0,0,1795663869000,'null',NULL,NULL,0,'day2','ad496cd8-9630-470f-8cdb-20f35e82410f');
INSERT INTO "workflow_status" VALUES('toy-kept/1/step-2','PENDING','day2.part',NULL,NULL,NULL,NULL,NULL,NULL,'host:26411:1793184',1795663869000,1795663869000,'day2-runs-1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'ffbe5fb1-f16e-4bd5-bcd7-7e93b78b4929','toy-kept','day2_json',NULL,0,0,NULL,'null',NULL,NULL,0,'day2','ffbe5fb1-f16e-4bd5-bcd7-7e93b78b4929');
INSERT INTO "workflow_status" VALUES('toy-kept/1/step-3','PENDING','day2.part',NULL,NULL,NULL,NULL,NULL,NULL,'host:26411:1793184',1795663869000,1795663869000,'day2-runs-1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'c7cbcc81-a37f-4708-a548-a4775f32c3bf','toy-kept','day2_json',NULL,0,0,NULL,'null',NULL,NULL,0,'day2','c7cbcc81-a37f-4708-a548-a4775f32c3bf');
INSERT INTO "workflow_status" VALUES('toy-kept/1/step-4','PENDING','day2.part',NULL,NULL,NULL,NULL,NULL,NULL,'host:26411:1793184',1795663869000,1795663869000,'day2-runs-1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'130a8bf5-bd3d-4725-a8b0-8a6be3e6dbb3','toy-kept','day2_json',NULL,0,0,NULL,'null',NULL,NULL,0,'day2','130a8bf5-bd3d-4725-a8b0-8a6be3e6dbb3');
CREATE INDEX workflow_status_created_at_index ON workflow_status (created_at);
CREATE INDEX idx_workflow_topic ON notifications (destination_uuid, topic);
CREATE INDEX "idx_workflow_status_delayed" ON "workflow_status" ("delay_until_epoch_ms") WHERE status = 'DELAYED';
CREATE INDEX "idx_workflow_status_forked_from" ON "workflow_status" ("forked_from") WHERE "forked_from" IS NOT NULL;
CREATE INDEX "idx_workflow_status_parent_workflow_id" ON "workflow_status" ("parent_workflow_id") WHERE "parent_workflow_id" IS NOT NULL;
CREATE UNIQUE INDEX "uq_workflow_status_dedup_id" ON "workflow_status" ("queue_name", "deduplication_id") WHERE "deduplication_id" IS NOT NULL;
CREATE INDEX "idx_workflow_status_pending" ON "workflow_status" ("created_at") WHERE "status" = 'PENDING';
CREATE INDEX "idx_workflow_status_failed" ON "workflow_status" ("status", "created_at") WHERE "status" IN ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED');
CREATE INDEX "idx_workflow_status_rate_limited" ON "workflow_status" ("queue_name", "started_at_epoch_ms") WHERE "rate_limited" = TRUE;
CREATE INDEX "idx_workflow_status_completed_at" ON "workflow_status" ("completed_at") WHERE "completed_at" IS NOT NULL;
CREATE INDEX "idx_workflow_status_started_at" ON "workflow_status" ("started_at_epoch_ms") WHERE "started_at_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_workflow_status_schedule_name" ON "workflow_status" ("schedule_name") WHERE "schedule_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_owner_version"
    ON application_versions ("application_name", "version_name")
    WHERE "application_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_unclaimed_version"
    ON application_versions ("version_name")
    WHERE "application_name" IS NULL;
CREATE INDEX idx_workflow_input_retention
    ON workflow_input (retention_timestamp);
CREATE INDEX idx_workflow_output_retention
    ON workflow_output (retention_timestamp);
CREATE INDEX idx_operation_outputs_retention
    ON operation_outputs (retention_timestamp);
CREATE INDEX "idx_workflow_status_in_flight_v2" ON "workflow_status" ("queue_name", "status", "priority", "created_at", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING');
CREATE INDEX "idx_workflow_status_partition_dequeue_v3" ON "workflow_status" ("queue_name", "status", "queue_partition_key", "priority", "created_at", "workflow_uuid", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING') AND "queue_partition_key" IS NOT NULL;
CREATE INDEX "idx_operation_outputs_completed_at_function_name_v2" ON "operation_outputs" ("completed_at_epoch_ms", "function_name", "application_name");
CREATE INDEX "idx_workflow_status_deadline" ON "workflow_status" ("workflow_deadline_epoch_ms") WHERE "status" IN ('ENQUEUED', 'PENDING', 'DELAYED') AND "workflow_deadline_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_application_versions_timestamp" ON "application_versions" ("version_timestamp" DESC);
CREATE INDEX "idx_application_versions_owner_timestamp" ON "application_versions" ("application_name", "version_timestamp" DESC);
COMMIT;
