import { Migration } from '@mikro-orm/migrations'

/** Who failed to log in to a database, as its host keeps it for 24 hours. */
export class FailedLoginsOfDatabases extends Migration {
  override up(): void {
    this.addSql(`alter table "database" add column "failed_logins" jsonb null;`)
  }
}
