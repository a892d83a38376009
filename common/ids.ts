import { randomInt } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'

/** The prefix of every public id; behind it stand the 32 hexadecimal digits of a UUIDv7. */
export type IdPrefix = 'acc' | 'prj' | 'key' | 'host' | 'inst' | 'db' | 'op' | 'evt'

export function newId(prefix: IdPrefix): string {
  return `${prefix}_${uuidv7().replaceAll('-', '')}`
}

export function isId(prefix: IdPrefix, value: string): boolean {
  return value.startsWith(`${prefix}_`) && /^[0-9a-f]{32}$/.test(value.slice(prefix.length + 1))
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** `length` characters of a-z and 0-9 from the system's cryptographic source. */
export function randomName(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
}
