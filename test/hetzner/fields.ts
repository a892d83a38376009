import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { z } from 'zod'
import { invalidInput } from './errors.ts'

const LABEL_KEY =
  /^([a-z0-9A-Z]([-_.a-z0-9A-Z]{0,251}[a-z0-9A-Z])?\/)?[a-z0-9A-Z]([-_.a-z0-9A-Z]{0,61}[a-z0-9A-Z])?$/
const LABEL_VALUE = /^([a-z0-9A-Z]([-_.a-z0-9A-Z]{0,61}[a-z0-9A-Z])?)?$/
const RESERVED = 'hetzner.cloud/'

export const id = z.int().positive()
export const idOrName = z.union([id, z.string().min(1)])
export const name = z.string().min(1).max(128)
export const hostname = z
  .string()
  .max(253)
  .regex(/^[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)*$/)

export const labels = z.record(
  z
    .string()
    .regex(LABEL_KEY)
    .refine((key) => !key.startsWith(RESERVED)),
  z.string().regex(LABEL_VALUE),
)

/** Of a call without a body. */
export const nothing = z.strictObject({})

/** What every resource but a zone lets be changed by PUT. */
export const renaming = z.strictObject({ name: name.optional(), labels: labels.optional() })

const isAddress = (text: string): boolean => isIPv4(text) || isIPv6(text)

/** As the API writes it: lower case, shortest. */
const canonicalAddress = (address: string): string =>
  new SocketAddress({ address, family: isIPv4(address) ? 'ipv4' : 'ipv6' }).address

/** Of change_dns_ptr: null restores the default. */
export const pointer = z.strictObject({
  ip: z.string().refine(isAddress, 'is no IP address').transform(canonicalAddress),
  dns_ptr: hostname.nullable(),
})

/** The body as the schema has it. Throws `invalid_input` with every field that is wrong. */
export function checked<Schema extends z.ZodType>(schema: Schema, raw: unknown): z.infer<Schema> {
  const result = schema.safeParse(raw)
  if (result.success) return result.data
  const fields = new Map<string, string[]>()
  for (const issue of result.error.issues) {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : undefined
    const message = unknown === undefined ? issue.message : 'is an unknown field'
    for (const key of unknown ?? [undefined]) {
      const field = [...issue.path, ...(key === undefined ? [] : [key])].join('.') || 'body'
      fields.set(field, [...(fields.get(field) ?? []), message])
    }
  }
  throw invalidInput(fields)
}
