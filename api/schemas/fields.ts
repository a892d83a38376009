import { z } from 'zod'
import { canonicalCidr } from '../../common/cidr.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/** One line of text that a person reads. */
export const oneLine = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .refine(
      (text) => !CONTROL.test(text) && text.isWellFormed(),
      'must be one line without control characters',
    )

const NAME_RULE =
  'must be 3 to 50 lower-case letters, digits and hyphens, begin with a letter and end with a letter or digit'

export const name = z.string().regex(/^[a-z][a-z0-9-]{1,48}[a-z0-9]$/, NAME_RULE)

/** A name or an id of ours. */
export const reference = z.string().regex(/^[a-z0-9_-]{1,63}$/, 'must be a name or an id')

/** One address or network, in its canonical form. */
export const cidr = z
  .string()
  .max(64)
  .transform((text, { addIssue }) => {
    const canonical = canonicalCidr(text)
    if (canonical !== undefined) return canonical
    addIssue({ code: 'custom', message: 'must be an address or a network' })
    return z.NEVER
  })

export const rule = z.strictObject({
  cidr: z.string().min(1).max(64),
  /** Null as the answers have it, so that what was read can be sent back. */
  label: oneLine(100).nullish(),
})

export const page = z.strictObject({
  limit: z
    .string()
    .regex(/^([1-9]\d?|100)$/, 'must be a number from 1 to 100')
    .default('20')
    .transform(Number),
  cursor: z.string().max(100).optional(),
})
