import { Migration } from '@mikro-orm/migrations'

export class Storage extends Migration {
  override up(): void {
    this.addSql(COLUMNS)
  }
}

const COLUMNS = `
alter table "instance" add column "storage_used" bigint null, add column "storage_limit" bigint null,
add column "storage_state" text null, add column "storage_measured_at" timestamptz null;

alter table "database" add column "size_bytes" bigint null, add column "cleanup_until" timestamptz null;

alter table "operation" add column "input" jsonb null;
`
