import { Migration } from '@mikro-orm/migrations'

export class Initial extends Migration {
  override up(): void {
    this.addSql(TABLES)
    this.addSql(`insert into "plan" ("id", "api_access") values ('unlimited', true)`)
  }
}

const TABLES = `
create table "host" ("id" text not null, "name" text not null, "spec" jsonb not null, "ssh" jsonb null,
"observation" text not null default 'never', "observation_detail" text null, "observed_at" timestamptz
null, "converged_digest" text null, "pass_worker" text null, "pass_job" text null, "ca_certificate" text
null, "created_at" timestamptz not null, "removed_at" timestamptz null, primary key ("id"));
create unique index "host_name_unique" on "host" ("name") where removed_at is null;

create table "host_credential" ("host_id" text not null, "sealed_key" text not null, primary key
("host_id"));

create table "idempotency_record" ("credential_id" text not null, "route" text not null, "key" text not
null, "body_hash" text not null, "result" text not null, "created_at" timestamptz not null, primary key
("credential_id", "route", "key"));
create index "idempotency_record_created_at_index" on "idempotency_record" ("created_at");

create table "local_machine" ("host_id" text not null, "machine_name" text not null, "wanted" text not
null, "observed" text not null default 'absent', "detail" text null, "observed_at" timestamptz null,
primary key ("host_id"));
alter table "local_machine" add constraint "local_machine_machine_name_unique" unique ("machine_name");

create table "plan" ("id" text not null, "databases" int null, "storage_bytes" bigint null, "connections"
int null, "api_access" boolean not null, primary key ("id"));

create table "account" ("id" text not null, "name" text not null, "plan_id" text not null, "created_at"
timestamptz not null, primary key ("id"));

create table "audit_event" ("id" text not null, "account_id" text null, "actor" text not null, "action"
text not null, "resource" text not null, "details" jsonb not null, "source_address" text null, "request_id"
text null, "created_at" timestamptz not null, primary key ("id"));
create index "audit_event_account_id_id_index" on "audit_event" ("account_id", "id");

create table "api_key" ("id" text not null, "account_id" text not null, "label" text not null, "prefix"
text not null, "hash" text not null, "operator" boolean not null, "created_at" timestamptz not null,
"expires_at" timestamptz null, "revoked_at" timestamptz null, "last_used_at" timestamptz null, primary key
("id"));
alter table "api_key" add constraint "api_key_hash_unique" unique ("hash");

create table "project" ("id" text not null, "account_id" text not null, "name" text not null, "created_at"
timestamptz not null, primary key ("id"));
alter table "project" add constraint "project_account_id_name_unique" unique ("account_id", "name");

create table "instance" ("id" text not null, "project_id" text not null, "host_id" text not null, "name"
text not null, "storage_bytes" bigint not null, "memory_bytes" bigint not null, "max_connections" int not
null, "created_at" timestamptz not null, primary key ("id"));
alter table "instance" add constraint "instance_name_unique" unique ("name");
alter table "instance" add constraint "instance_project_id_host_id_unique" unique ("project_id", "host_id");

create table "database" ("id" text not null, "project_id" text not null, "instance_id" text not null,
"name" text not null, "display_name" text not null, "physical_name" text not null, "sealed_password" text
not null, "verifier" text not null, "allow_wide" boolean not null, "clients" int not null, "wanted" text
not null, "revision" int not null default 1, "observed_revision" int not null default 0, "observed_at"
timestamptz null, "failure" text null, "created_at" timestamptz not null, "deleted_at" timestamptz null,
primary key ("id"));
alter table "database" add constraint "database_physical_name_unique" unique ("physical_name");
create unique index "database_name_unique" on "database" ("project_id", "name") where deleted_at is null;

create table "operation" ("id" text not null, "kind" text not null, "account_id" text null, "database_id"
text null, "host_id" text not null, "state" text not null default 'queued', "credential_id" text null,
"revision" int null, "undo" jsonb null, "sealed_secret" text null, "error" jsonb null, "attempts" int not
null default 0, "claimed_by" text null, "retry_at" timestamptz null, "created_at" timestamptz not null,
"started_at" timestamptz null, "finished_at" timestamptz null, primary key ("id"));
create index "operation_host_id_state_index" on "operation" ("host_id", "state");
create index "operation_account_id_id_index" on "operation" ("account_id", "id");
create index "operation_database_id_id_index" on "operation" ("database_id", "id");

create table "operation_step" ("operation_id" text not null, "position" int not null, "name" text not null,
"state" text not null default 'waiting', "attempts" int not null default 0, "detail" text null,
"started_at" timestamptz null, "finished_at" timestamptz null, primary key ("operation_id", "position"));

create table "allowlist_rule" ("id" bigserial primary key, "database_id" text not null, "cidr" text not
null, "label" text null, "position" int not null);
alter table "allowlist_rule" add constraint "allowlist_rule_database_id_cidr_unique" unique ("database_id",
"cidr");

alter table "host_credential" add constraint "host_credential_host_id_foreign" foreign key ("host_id")
references "host" ("id") on update cascade on delete cascade;

alter table "local_machine" add constraint "local_machine_host_id_foreign" foreign key ("host_id")
references "host" ("id") on update cascade on delete cascade;

alter table "account" add constraint "account_plan_id_foreign" foreign key ("plan_id") references "plan"
("id");

alter table "audit_event" add constraint "audit_event_account_id_foreign" foreign key ("account_id")
references "account" ("id") on delete set null;

alter table "api_key" add constraint "api_key_account_id_foreign" foreign key ("account_id") references
"account" ("id");

alter table "project" add constraint "project_account_id_foreign" foreign key ("account_id") references
"account" ("id");

alter table "instance" add constraint "instance_project_id_foreign" foreign key ("project_id") references
"project" ("id");
alter table "instance" add constraint "instance_host_id_foreign" foreign key ("host_id") references "host"
("id");

alter table "database" add constraint "database_project_id_foreign" foreign key ("project_id") references
"project" ("id");
alter table "database" add constraint "database_instance_id_foreign" foreign key ("instance_id") references
"instance" ("id");

alter table "operation" add constraint "operation_account_id_foreign" foreign key ("account_id") references
"account" ("id") on delete set null;
alter table "operation" add constraint "operation_database_id_foreign" foreign key ("database_id")
references "database" ("id") on delete set null;
alter table "operation" add constraint "operation_host_id_foreign" foreign key ("host_id") references
"host" ("id");

alter table "operation_step" add constraint "operation_step_operation_id_foreign" foreign key
("operation_id") references "operation" ("id");

alter table "allowlist_rule" add constraint "allowlist_rule_database_id_foreign" foreign key
("database_id") references "database" ("id");
`
