import { Migration } from '@mikro-orm/migrations'

/** What the stack of a host knows, and the revision of the host's document, which no change can forget to raise. */
export class Stacks extends Migration {
  override up(): void {
    this.addSql(TABLES)
    this.addSql(FUNCTIONS)
    this.addSql(TRIGGERS)
  }
}

const TABLES = `
alter table "host" add column "edge_digest" text null, add column "stack" jsonb null;

create table "host_revision" ("host_id" text not null, "revision" int not null, primary key ("host_id"));
`

const RAISE = `
if changed is not null then
  insert into "host_revision" values (changed, 1)
  on conflict ("host_id") do update set "revision" = "host_revision"."revision" + 1;
end if;
`

const FUNCTIONS = `
create function raise_of_host() returns trigger language plpgsql as $$
declare changed text := new.id;
begin ${RAISE} return null; end $$;

create function raise_of_database() returns trigger language plpgsql as $$
declare changed text := (select "host_id" from "instance" where "id" = new.instance_id);
begin ${RAISE} return null; end $$;

create function raise_of_rule() returns trigger language plpgsql as $$
declare changed text := (
  select i."host_id" from "database" d join "instance" i on i."id" = d."instance_id"
  where d."id" = coalesce(new.database_id, old.database_id));
begin ${RAISE} return null; end $$;
`

/**
 * Deferred to the end of the transaction: whoever holds the lock of a revision waits for nothing else any more, so no
 * two transactions wait for each other.
 */
const TRIGGERS = `
create constraint trigger document_of_new_host after insert on "host"
deferrable initially deferred for each row execute function raise_of_host();

create constraint trigger document_of_host after update on "host"
deferrable initially deferred for each row
when ((old.spec, old.ssh, old.edge_digest) is distinct from (new.spec, new.ssh, new.edge_digest))
execute function raise_of_host();

create constraint trigger document_of_new_database after insert on "database"
deferrable initially deferred for each row execute function raise_of_database();

create constraint trigger document_of_database after update on "database"
deferrable initially deferred for each row
when (old.wanted is distinct from new.wanted or old.deleted_at is distinct from new.deleted_at)
execute function raise_of_database();

create constraint trigger document_of_rule after insert or delete on "allowlist_rule"
deferrable initially deferred for each row execute function raise_of_rule();
`
