/** Logins to one database that failed within the last 24 hours, from one address. */
export interface FailedLogins {
  address: string
  count: number
  /** ISO 8601. */
  lastAt: string
  /** What the host does about new logins from there just now. */
  measure: 'banned' | 'slowed' | null
}
