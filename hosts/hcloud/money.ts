import { z } from 'zod'

/** Digits behind the point that are kept; the price list writes 16 of them. */
const KEPT = 30
/** Those that are shown. */
const SHOWN = 4

const ONE = 10n ** BigInt(KEPT)
const SHOWN_UNIT = 10n ** BigInt(KEPT - SHOWN)

/** A sum of money, exactly; currencies are the reader's business. */
export type Money = bigint & { readonly exact: unique symbol }

/** A decimal number as the price list writes it: `8.4500000000`. */
export const money = z
  .string()
  .regex(new RegExp(`^\\d{1,12}(\\.\\d{1,${KEPT}})?$`))
  .transform((text) => {
    const [whole = '', behind = ''] = text.split('.')
    return (BigInt(whole) * ONE + BigInt(behind.padEnd(KEPT, '0'))) as Money
  })

export const NOTHING = 0n as Money

export const sum = (amounts: Money[]): Money =>
  amounts.reduce<bigint>((total, one) => total + one, 0n) as Money

/** @param count a whole number */
export const times = (amount: Money, count: number): Money => (amount * BigInt(count)) as Money

/** With four digits behind the point, the half rounded up. */
export function shown(amount: Money): string {
  const units = (amount + SHOWN_UNIT / 2n) / SHOWN_UNIT
  const digits = units.toString().padStart(SHOWN + 1, '0')
  return `${digits.slice(0, -SHOWN)}.${digits.slice(-SHOWN)}`
}

export const byMoney = (a: Money, b: Money): number => (a === b ? 0 : a < b ? -1 : 1)
