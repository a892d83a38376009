import { Migration } from '@mikro-orm/migrations'

/** What waits for an update on a host, and when updates begin there. */
export class Updates extends Migration {
  override up(): void {
    this.addSql(`alter table "host" add column "updates" jsonb null;`)
    this.addSql(
      `update "host" set "spec" = "spec" || '{"updates": {"window": "04:00", "origins": ["security", "stable"]}}'
       where "spec" -> 'updates' is null;`,
    )
  }
}
