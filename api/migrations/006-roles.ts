import { Migration } from '@mikro-orm/migrations'

/** Every host so far holds databases, and none the control plane. */
export class Roles extends Migration {
  override up(): void {
    this.addSql(`update "host" set "spec" = "spec" || '{"roles": ["data"]}' where "spec" -> 'roles' is null;`)
  }
}
