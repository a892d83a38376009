import { Migration } from '@mikro-orm/migrations'

/** Hosts that are bought: what is bought, the keys that are made for it, and what a preview found out. */
export class Cloud extends Migration {
  override up(): void {
    this.addSql(COLUMNS)
    this.addSql(TRIGGER)
  }
}

const COLUMNS = `
alter table "host"
  add column "cloud" jsonb null, add column "cloud_identity" jsonb null, add column "given_back_at" timestamptz null;
alter table "host_credential" add column "sealed_host_key" text null;
alter table "operation" add column "result" jsonb null;
`

const TRIGGER = `
drop trigger document_of_host on "host";

create constraint trigger document_of_host after update on "host"
deferrable initially deferred for each row
when ((old.spec, old.ssh, old.edge_digest, old.cloud, old.cloud_identity)
      is distinct from (new.spec, new.ssh, new.edge_digest, new.cloud, new.cloud_identity))
execute function raise_of_host();
`
